"""What signals ask of whoever holds the service: to stop, and to hurry."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Orders:
    """What the signals have asked for: once to stop, twice to hurry."""

    asked: int = 0
    wakeup: int = field(default_factory=lambda: os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))

    def note(self, number: int, frame: object) -> None:
        self.asked += 1
        os.eventfd_write(self.wakeup, 1)

    def sleep(self, seconds: float, *handles: int) -> None:
        """Until the time is over, a signal comes or a handle is readable."""
        ready, _, _ = select.select([self.wakeup, *handles], [], [], max(seconds, 0))
        if self.wakeup in ready:
            os.eventfd_read(self.wakeup)

    @property
    def stopping(self) -> bool:
        return self.asked > 0

    @property
    def hurrying(self) -> bool:
        return self.asked > 1


@contextmanager
def orders_from_signals() -> Iterator[Orders]:
    """From now on, until the block is left."""
    orders = Orders()
    heard = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it stays ignored
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, orders.note) for number in heard}
    try:
        yield orders
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(orders.wakeup)
