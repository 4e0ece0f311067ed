"""Threads of the worker that go on whatever they meet."""

import threading
import time
from collections.abc import Callable

import structlog

from dicom_router.faults import without_values
from imx.metrics import FAULTS
from storage.errors import ArchiveError

log = structlog.get_logger()

#: After a fault nobody foresaw, a task is begun anew: at once, then ever later.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


def lasting(name: str, run: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """A thread that runs until we are to stop. A fault is logged, counted and tried again.

    A task that died quietly would be worse than one that fails loudly: studies would no longer be sent, and
    nothing would say so.
    """

    def live() -> None:
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            began = time.monotonic()
            try:
                run()
            except Exception as error:
                FAULTS.labels(name).inc()
                log.error(
                    "worker.fault", task=name, error=type(error).__name__, exc_info=without_values(error)
                )
                if time.monotonic() - began > LONGEST_PAUSE_S:  # it ran well for long: a fault of today
                    pause_s = FIRST_PAUSE_S
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                return

    return threading.Thread(target=live, name=name, daemon=True)


def again_and_again(
    name: str, every_s: float, act: Callable[[], object], stop: threading.Event
) -> threading.Thread:
    """A lasting thread that acts every so often; where the archive cannot answer, it tries again later."""

    def run() -> None:
        while not stop.wait(every_s):
            try:
                act()
            except ArchiveError as error:
                log.warning("worker.later", task=name, error=type(error).__name__)

    return lasting(name, run, stop)
