"""`imx serve`: the whole service on one machine, kept alive.

Opens the sockets, holds the data folder, runs PostgreSQL and our own processes, starts again what
dies, and ends them in order: routers, the HTTP edge, the worker, PostgreSQL last.
"""

import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import structlog
from prometheus_client.multiprocess import mark_process_dead

from imx.certificates import check_tls
from imx.children import Child
from imx.configuration import environment_of, variable
from imx.folder import DataFolder
from imx.listening import open_listener
from imx.part_settings import METRICS_VARIABLE
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.errors import DidNotStart
from imx.postgres.tended import Database
from imx.settings import Settings
from imx.signals import Orders, orders_from_signals
from storage.migrations import migrate

log = structlog.get_logger()

#: How long each part may take to finish what it has begun, in the order in which they are ended.
DRAIN_S = {"hl7": 10.0, "router": 20.0, "api": 10.0, "watch": 10.0, "worker": 10.0}

#: A killed predecessor's processes are on their way out: their sockets may take a moment.
PREDECESSOR_PATIENCE_S = 5.0

#: More would only make everything slower that walks all possible descriptors.
MOST_OPEN_FILES = 65536

#: A database that answers sooner than this is waited for before our processes are started.
QUICK_DATABASE_S = 5.0


def serve(settings: Settings, announce: Callable[[Settings], None]) -> None:
    """Run until a signal ends it. Raises SetupError when it cannot begin."""
    folder = DataFolder(settings.data)
    check_tls(settings.tls)  # what is wrong with a certificate is said now, to a person
    allow_many_files()
    with ExitStack() as stack:
        orders = stack.enter_context(orders_from_signals())
        was_killed = stack.enter_context(folder.held())
        sockets = open_sockets(settings, stack, PREDECESSOR_PATIENCE_S if was_killed else 0)
        cluster = None
        if settings.database.url is None:
            cluster = cluster_in(
                folder.path, find_binaries(settings.database.binaries), settings.database.account
            )
        database = Database(settings, cluster)
        stack.callback(database.stop, orders)
        database.start()
        announce(settings)
        Service(settings, database, children_of(settings, database, sockets), orders).run()


def allow_many_files() -> None:
    """As many open files and sockets as this user may have: our children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@dataclass(frozen=True, slots=True)
class Sockets:
    """The listeners of the service."""

    dicom: socket.socket
    http: socket.socket
    tls: socket.socket | None  # DICOM over TLS, where there is a certificate
    hl7: socket.socket | None  # where a port is set
    hl7_tls: socket.socket | None


def open_sockets(settings: Settings, stack: ExitStack, patience_s: float) -> Sockets:
    """Listen wherever the settings say."""

    def listen(host: str, port: int | None, key: str) -> socket.socket | None:
        return None if port is None else stack.enter_context(open_listener(host, port, key, patience_s))

    ours = settings.dicom
    return Sockets(
        dicom=stack.enter_context(open_listener(ours.host, ours.port, "dicom.port", patience_s)),
        http=stack.enter_context(
            open_listener(settings.http.host, settings.http.port, "http.port", patience_s)
        ),
        tls=listen(ours.host, settings.tls.port if settings.tls.certificate else None, "tls.port"),
        hl7=listen(settings.hl7.host, settings.hl7.port, "hl7.port"),
        hl7_tls=listen(settings.hl7.host, settings.hl7.tls_port, "hl7.tls_port"),
    )


def handed(plain: socket.socket | None, tls: socket.socket | None) -> tuple[list[str], list[int]]:
    """The arguments that tell a child of its sockets, and their numbers."""
    given = {"--listener": plain, "--tls": tls}
    numbers = {name: each.fileno() for name, each in given.items() if each is not None}
    return [text for name, number in numbers.items() for text in (name, str(number))], [*numbers.values()]


def children_of(settings: Settings, database: Database, sockets: Sockets) -> list[Child]:
    """Our own processes, in the order in which they are ended."""
    metrics = fresh_metrics_folder(settings.data)
    environment = {
        **environment_of(settings),
        variable("database.url"): database.conninfo,
        METRICS_VARIABLE: str(metrics),
    }

    def forget(pid: int) -> None:
        mark_process_dead(pid, str(metrics))  # type: ignore[no-untyped-call]

    routers = [
        Child("router", number, *handed(sockets.dicom, sockets.tls), environment, forget)
        for number in range(settings.dicom.processes)
    ]
    hl7 = Child("hl7", 0, *handed(sockets.hl7, sockets.hl7_tls), environment, forget)
    apis = [
        Child("api", number, *handed(sockets.http, None), environment, forget)
        for number in range(settings.http.processes)
    ]
    watch = [Child("watch", 0, [], [], environment, forget)] if settings.watch.folder else []
    worker = Child("worker", 0, [], [], environment, forget)
    return [*([hl7] if hl7.sockets else []), *routers, *apis, *watch, worker]


def fresh_metrics_folder(data: Path) -> Path:
    """Where our processes leave their counters for /metrics (prometheus_client's multiprocess mode)."""
    folder = data / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


@dataclass(slots=True)
class Service:
    """The loop: migrate once the database answers, start what is due, end in order."""

    settings: Settings
    database: Database
    children: list[Child]
    orders: Orders
    migrated: bool = False

    def run(self) -> None:
        soon = time.monotonic() + QUICK_DATABASE_S
        while not self.orders.stopping and not self.migrated and time.monotonic() < soon:
            self._tend_database()
            if not self.migrated:
                self.orders.sleep(0.05, *self._handles())
        # From here on the edges answer, if need be with "try again": the database may be long recovering.
        try:
            while not self.orders.stopping:
                self._tend_database()
                self._tend_children()
                self.orders.sleep(self._until_due(), *self._handles())
        finally:
            self._drain()

    def _tend_database(self) -> None:
        self.database.reap()
        try:
            self.database.restart_when_due()
            if not self.migrated and self.database.is_ready():
                applied = migrate(self.database.conninfo)
                self.migrated = True
                log.info("database.ready", migrations=applied)
        except DidNotStart as error:
            if not self.migrated and not any(child.is_running for child in self.children):
                raise  # at the very beginning: a person is watching
            log.error("postgres.did_not_start", why=str(error))
        except psycopg.OperationalError as error:
            log.warning("database.away", error=type(error).__name__)

    def _tend_children(self) -> None:
        for child in self.children:
            child.reap()
            if not child.is_running and time.monotonic() >= child.due_at:
                child.start()

    def _handles(self) -> list[int]:
        found = [child.handle for child in self.children] + [self.database.handle]
        return [handle for handle in found if handle is not None]

    def _until_due(self) -> float:
        due = [child.due_at for child in self.children if not child.is_running]
        if self.database.cluster is not None and self.database.running is None:
            due.append(self.database.due_at)
        waits = [each - time.monotonic() for each in due]
        return min([*waits, 60.0 if self.migrated else 0.5])

    def _drain(self) -> None:
        """End the parts one after another; each may finish what it has begun."""
        log.info("service.stopping")
        for part, patience_s in DRAIN_S.items():
            ending = [child for child in self.children if child.part == part]
            for child in ending:
                child.send(signal.SIGTERM)
            deadline = time.monotonic() + patience_s
            while any(child.is_running for child in ending):
                if self.orders.hurrying or time.monotonic() > deadline:
                    for child in ending:
                        child.send(signal.SIGKILL)
                self.orders.sleep(0.1, *[child.handle for child in ending if child.handle is not None])
                for child in ending:
                    child.reap()
