"""A child process that is kept running: when it ends, it is started again, ever more slowly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 30.0

#: A child that ran this long was well: its next pause is the shortest again.
WELL_AFTER_S = 30.0


def pause_after(pause_s: float, ran_s: float) -> float:
    """How long to wait before the next start, from the last wait and how long the child ran."""
    if ran_s >= WELL_AFTER_S:
        return FIRST_PAUSE_S
    return min(pause_s * 2, LONGEST_PAUSE_S)


@dataclass(slots=True)
class Child:
    """One of our own processes: `python -m imx.child PART`, with the sockets that it is handed."""

    part: str
    number: int
    arguments: Sequence[str]
    sockets: Sequence[int]
    environment: Mapping[str, str]
    on_end: Callable[[int], None]  # told its process id
    process: subprocess.Popen[bytes] | None = None
    handle: int | None = None  # a pidfd: readable when the process has ended
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S / 2
    due_at: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None

    def start(self) -> None:
        """From the supervisor's main thread; see lifetime.die_with."""
        command = [
            sys.executable,
            "-m",
            "imx.child",
            self.part,
            "--parent",
            str(os.getpid()),
            *self.arguments,
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=self.sockets,
            env={**os.environ, **self.environment},
            start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone, which drains
        )
        self.handle = os.pidfd_open(self.process.pid)
        self.started_at = time.monotonic()
        log.info("child.started", child=self.part, number=self.number, pid=self.process.pid)

    def reap(self) -> bool:
        """Whether it has ended; then `due_at` says when it may start again."""
        if self.process is None or self.process.poll() is None:
            return False
        now = time.monotonic()
        self.pause_s = pause_after(self.pause_s, now - self.started_at)
        self.due_at = now + self.pause_s
        tell = log.warning if self.process.returncode else log.info
        tell(
            "child.ended",
            child=self.part,
            number=self.number,
            pid=self.process.pid,
            status=self.process.returncode,
            ran_s=round(now - self.started_at, 3),
        )
        self.on_end(self.process.pid)
        self.process = None
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
        return True

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
