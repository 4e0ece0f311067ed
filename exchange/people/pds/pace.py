"""No more than so many questions a second: the PDS allows five, to all of an application together."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep


@dataclass(slots=True)
class Pace:
    """A token bucket. It paces one process: the worker asks, and `imx people trace` now and then."""

    per_second: float = 5.0
    clock: Callable[[], float] = monotonic
    wait: Callable[[float], None] = sleep
    _free_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        """Returns when one more may be asked: evenly, so that no second has more than it should."""
        with self._lock:
            now = self.clock()
            turn = max(now, self._free_at)
            self._free_at = turn + 1 / self.per_second
        if turn > now:
            self.wait(turn - now)
