"""The parts of the service that answer, each run in a process of its own until SIGTERM."""

import gc
import signal
import socket
import threading
import time
from contextlib import ExitStack, closing

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from imx.connections import API_OBJECT_CONNECTIONS, HL7_CONNECTIONS, ROUTER_CONNECTIONS, WATCH_CONNECTIONS
from imx.pool import open_pool
from imx.settings import Settings
from imx.wiring import (
    build_api,
    build_hl7,
    build_router,
    build_watch,
    database_url,
    open_reading,
)
from storage.errors import ArchiveError
from storage.migrations import migrate

log = structlog.get_logger()

#: How long associations that are in the middle of something may go on once we are to stop.
ROUTER_GRACE_S = 15.0

#: The same for answers.
API_GRACE_S = 8

#: Until a watch that could not begin tries again.
WATCH_AGAIN_S = 5.0

#: Connections and requests at one time; beyond them a caller hears 503. Far below what a process may open.
HTTP_CONNECTIONS = 1000


def migrate_soon(settings: Settings) -> None:
    """For a part that runs on its own: the tables, as soon as the database answers.

    Until then the part is not ready, and answers "try again". Parts that start together wait for one another.
    """

    def run() -> None:
        while True:
            try:
                applied = migrate(database_url(settings))
            except psycopg.OperationalError as error:
                log.warning("database.away", error=type(error).__name__)
                time.sleep(2)
            else:
                log.info("database.ready", migrations=applied)
                return

    database_url(settings)
    threading.Thread(target=run, name="migrate", daemon=True).start()


def run_router(settings: Settings, plain: socket.socket, tls: socket.socket | None) -> None:
    """The DIMSE edge, until SIGTERM; then what is under way may end."""
    with ExitStack() as stack:
        pool = stack.enter_context(closing(open_pool(database_url(settings), ROUTER_CONNECTIONS)))
        reading = stack.enter_context(closing(open_reading(settings, pool)))
        router = build_router(settings, pool, reading, plain, tls)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: router.drain(ROUTER_GRACE_S))
        settle_memory()
        router.serve()


def run_api(settings: Settings, listener: socket.socket) -> None:
    """The HTTP edge, until SIGTERM; then answers that are on their way may end."""
    import uvicorn  # not needed by the other parts

    from viewer_api.heads import BoundedHeads

    pool = open_pool(database_url(settings), API_OBJECT_CONNECTIONS)
    config = uvicorn.Config(
        build_api(settings, pool),
        http=BoundedHeads,
        ws="none",
        access_log=False,  # it would print URLs, which hold patient data; viewer_api writes its own lines
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.http.proxies),
        forwarded_allow_ips=list(settings.http.proxies),
        limit_concurrency=HTTP_CONNECTIONS,
        timeout_keep_alive=75,  # longer than a proxy's, which then is the one to close
        timeout_graceful_shutdown=API_GRACE_S,
    )
    # uvicorn raises the signal again when it has ended; then there is nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    settle_memory()
    with closing(pool):
        uvicorn.Server(config).run(sockets=[listener])


def run_hl7(settings: Settings, plain: socket.socket | None, tls: socket.socket | None) -> None:
    """The HL7 door, until SIGTERM; a message that has come whole is still answered."""
    with closing(open_pool(database_url(settings), HL7_CONNECTIONS)) as pool:
        listener = build_hl7(settings, pool, plain, tls)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: listener.drain())
        listener.serve()


def run_watch(settings: Settings) -> None:
    """The watched folder, until SIGTERM; a file that is being wrapped then is wrapped again."""
    with closing(open_pool(database_url(settings), WATCH_CONNECTIONS)) as pool:
        watch_folder(settings, pool)


def watch_folder(settings: Settings, pool: ConnectionPool) -> None:
    """The same, with the caller's connections. It waits for a database that is away, an unknown trust."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # imx.watching.sightings: somebody wants to write after all
    while not stop.is_set():
        try:
            watch = build_watch(settings, pool, stop)
        except ArchiveError as error:
            log.warning("watch.later", error=type(error).__name__)
            stop.wait(WATCH_AGAIN_S)
        else:
            watch.run()


def settle_memory() -> None:
    """What is there now stays: the collector need not go through it again, every few instances.

    Profile of an edge under load: a fifth of its time went into looking at modules and tables.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
