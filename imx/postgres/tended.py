"""The database that a service runs on: an embedded one, started again when it dies, or somebody else's."""

import os
import signal
import time
from dataclasses import dataclass

import psycopg
import structlog

from imx.children import FIRST_PAUSE_S, pause_after
from imx.postgres.cluster import Cluster
from imx.postgres.process import Postgres, start
from imx.settings import Settings
from imx.signals import Orders

log = structlog.get_logger()


@dataclass(slots=True)
class Database:
    """The database of the service: an embedded one that is kept running, or somebody else's."""

    settings: Settings
    cluster: Cluster | None
    running: Postgres | None = None
    handle: int | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S / 2
    due_at: float = 0.0

    @property
    def conninfo(self) -> str:
        if self.cluster is not None:
            return self.cluster.conninfo()
        return self.settings.database.url.text if self.settings.database.url else ""

    def start(self) -> None:
        """From the main thread: it ends when the thread that started it does."""
        if self.cluster is None:
            return
        self.running = start(self.cluster, relay)
        self.handle = os.pidfd_open(self.running.child.pid)
        self.started_at = time.monotonic()

    def reap(self) -> None:
        if self.running is None or not self.running.has_ended():
            return
        now = time.monotonic()
        self.pause_s = pause_after(self.pause_s, now - self.started_at)
        self.due_at = now + self.pause_s
        log.error("postgres.ended", status=self.running.child.returncode)
        self.running.reader.join(5)
        self._forget()

    def restart_when_due(self) -> None:
        if self.cluster is not None and self.running is None and time.monotonic() >= self.due_at:
            self.start()

    def is_ready(self) -> bool:
        """Whether it answers. An embedded one that recovers from a crash is waited for."""
        if self.running is not None:
            return self.running.wait_until_ready(lambda: True)
        if self.cluster is not None:
            return False
        try:
            psycopg.connect(self.conninfo, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, orders: Orders) -> None:
        """Last of all. A second signal turns the shutdown into an immediate one, which is safe."""
        if self.running is None:
            return
        self.running.child.send_signal(signal.SIGINT)
        while not self.running.has_ended() and not orders.hurrying:
            orders.sleep(0.5, *([self.handle] if self.handle is not None else []))
        self.running.stop(patience_s=10.0)
        self._forget()

    def _forget(self) -> None:
        self.running = None
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


def relay(line: str) -> None:
    """PostgreSQL's log as lines of ours."""
    is_bad = line.startswith(("FATAL", "PANIC", "ERROR"))
    (log.warning if is_bad else log.info)("postgres", line=line)
