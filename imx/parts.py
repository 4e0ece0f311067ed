"""The three parts of the service, each run in a process of its own until SIGTERM."""

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from dicom_router.routing import Routing
from exchange.ties import consider
from imx.certificates import keep_watching
from imx.committing import committing
from imx.forwarding import keep_forwarding
from imx.metrics import STAGED
from imx.settings import Settings, WorkerSettings
from imx.tending_orders import keep_tending_orders
from imx.wiring import (
    API_OBJECT_CONNECTIONS,
    HL7_CONNECTIONS,
    ROUTER_CONNECTIONS,
    WORKER_CONNECTIONS,
    WORKER_STATEMENT_S,
    build_api,
    build_calling,
    build_hl7,
    build_router,
    build_routing,
    database_url,
    open_pool,
    open_reading,
    staged_objects,
)
from storage.changes import Change, ChangeFeed, follow
from storage.correcting import keep_current
from storage.errors import ArchiveError
from storage.migrations import migrate
from storage.staging import StagedObjects, move_staged, waiting
from storage.sweep import sweep
from storage.verify import Condition, verify

log = structlog.get_logger()

#: How long associations that are in the middle of something may go on once we are to stop.
ROUTER_GRACE_S = 15.0

#: The same for answers.
API_GRACE_S = 8

#: Connections and requests at one time; beyond them a caller hears 503. Far below what a process may open.
HTTP_CONNECTIONS = 1000

#: The edges go first.
WORKER_NICENESS = 10

#: How long moving what is staged may take once the worker is to stop; the rest waits, safe.
WORKER_GRACE_S = 8.0

#: Small objects wait in the database at least this long: a burst is taken in first, and moved after.
STAGED_FOR = timedelta(seconds=10)
MOVE_EVERY_S = 5.0

#: A study is on its way this soon after it has come.
ROUTE_EVERY_S = 0.5

#: The worker looks at the feed this often; a feed that stands still for longer than the limit is a fault.
FEED_LOOK_S = 30.0
FEED_STALLED = timedelta(minutes=5)

#: Followers look for new changes this often.
FOLLOW_EVERY_S = 1.0

#: Between two rounds of reading everything again.
VERIFY_PAUSE_S = 3600.0


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

    pool = open_pool(database_url(settings), API_OBJECT_CONNECTIONS)
    config = uvicorn.Config(
        build_api(settings, pool),
        access_log=False,  # it would print URLs, which hold patient data; viewer_api writes its own lines
        log_config=None,
        server_header=False,
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


def settle_memory() -> None:
    """What is there now stays: the collector need not go through it again, every few instances.

    Profile of an edge under load: a fifth of its time went into looking at modules and tables.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def run_worker(settings: Settings) -> None:
    """The background work, until SIGTERM. Every step of it may be cut anywhere."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.nice(WORKER_NICENESS)
    with closing(open_pool(database_url(settings), WORKER_CONNECTIONS, WORKER_STATEMENT_S)) as pool:
        objects = staged_objects(settings, pool)
        tasks = [
            threading.Thread(target=keep_moving, args=(objects, stop), daemon=True),
            threading.Thread(target=keep_sweeping, args=(settings.worker, objects, stop), daemon=True),
            threading.Thread(target=keep_verifying, args=(settings.worker, objects, stop), daemon=True),
            threading.Thread(target=watch_feed, args=(ChangeFeed(pool), stop), daemon=True),
            threading.Thread(target=keep_watching, args=(settings.tls, stop), daemon=True),
            follower(pool, "corrections", partial(keep_current, pool), stop),
            follower(pool, "orders", partial(consider, pool), stop),
            threading.Thread(
                target=keep_tending_orders,
                args=(pool, build_calling(settings), settings.dicom.ae_title, stop),
                daemon=True,
            ),
            threading.Thread(target=keep_routing, args=(build_routing(pool, objects), stop), daemon=True),
        ]
        forwarding = threading.Thread(target=keep_forwarding, args=(settings, pool, stop), daemon=True)
        tasks.append(forwarding)
        tasks += committing(settings, pool, objects, stop)
        for task in tasks:
            task.start()
        stop.wait()
        forwarding.join(WORKER_GRACE_S)
        tasks[0].join(WORKER_GRACE_S)


def keep_moving(objects: StagedObjects, stop: threading.Event) -> None:
    """Small objects into the object store; all that are left when we are to stop."""
    while True:
        stopping = stop.wait(MOVE_EVERY_S)
        try:
            STAGED.set(waiting(objects.pool)[0])
            moved = move_staged(objects, timedelta(0) if stopping else STAGED_FOR)
        except ArchiveError as error:
            log.warning("staged.later", error=type(error).__name__)
        else:
            if moved:
                log.info("staged.moved", objects=moved)
        if stopping:
            return


def keep_sweeping(settings: WorkerSettings, objects: StagedObjects, stop: threading.Event) -> None:
    """Drop bytes without a row, once they are old enough."""
    while not stop.wait(min(settings.sweep_every_s, 60.0)):
        try:
            swept = sweep(objects, objects.pool, timedelta(seconds=settings.sweep_age_s))
        except ArchiveError as error:
            log.warning("sweep.later", error=type(error).__name__)
        else:
            log.info("sweep.done", objects=swept.objects, bytes=swept.bytes, unfinished=swept.unfinished)
            if stop.wait(settings.sweep_every_s):
                return


def keep_verifying(settings: WorkerSettings, objects: StagedObjects, stop: threading.Event) -> None:
    """Read everything again, slowly, for ever."""
    if not settings.verify_bytes_per_s:
        return
    while not stop.wait(60.0):
        began, count, damaged = time.monotonic(), 0, 0
        try:
            for each in verify(objects, objects.pool, settings.verify_bytes_per_s):
                count += 1
                if each.condition is not Condition.SOUND:
                    damaged += 1
                    log.error("verify.damaged", key=each.key, condition=each.condition.value)
                if stop.is_set():
                    return
        except ArchiveError as error:
            log.warning("verify.later", error=type(error).__name__)
            continue
        log.info("verify.round", objects=count, damaged=damaged, took_s=round(time.monotonic() - began, 1))
        if stop.wait(VERIFY_PAUSE_S):
            return


def follower(
    pool: ConnectionPool, name: str, act: Callable[[Change], None], stop: threading.Event
) -> threading.Thread:
    """What acts on every change, in order; where it cannot, it tries again from the same place."""
    return threading.Thread(
        target=keep_following, args=(ChangeFeed(pool), name, act, stop), name=name, daemon=True
    )


def keep_following(feed: ChangeFeed, name: str, act: Callable[[Change], None], stop: threading.Event) -> None:
    """Act on what is settled, again and again."""
    while not stop.wait(FOLLOW_EVERY_S):
        try:
            follow(feed, name, act)
        except ArchiveError as error:
            log.warning("follower.later", follower=name, error=type(error).__name__)


def keep_routing(routing: Routing, stop: threading.Event) -> None:
    """Send what has come where the rules want it."""
    while not stop.wait(ROUTE_EVERY_S):
        try:
            routing.run()
        except ArchiveError as error:
            log.warning("routing.later", error=type(error).__name__)


def watch_feed(feed: ChangeFeed, stop: threading.Event) -> None:
    """Alarm when somebody's open transaction holds the change feed up."""
    while not stop.wait(FEED_LOOK_S):
        try:
            held_up = feed.held_up_for()
        except ArchiveError as error:
            log.warning("feed.later", error=type(error).__name__)
            continue
        if held_up > FEED_STALLED:
            log.error(
                "feed.stalled",
                held_up_s=round(held_up.total_seconds()),
                mend="end the oldest open transaction",
            )
