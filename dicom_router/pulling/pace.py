"""How fast, and when: a source is somebody's clinical archive."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from time import monotonic

from storage.objects import Bytes


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of each day, from `first` up to, not including, `last`; it may pass midnight."""

    first: time
    last: time

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """From HH:MM-HH:MM. Raises ValueError."""
        found = re.fullmatch(r"(\d{1,2}:\d{2})-(\d{1,2}:\d{2})", text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not HH:MM-HH:MM, such as 19:00-07:00")
        first, last = (time.fromisoformat(end.zfill(5)) for end in found.groups())
        if first == last:
            raise ValueError("hours that begin when they end")
        return cls(first, last)

    def wait_s(self, now: datetime) -> float:
        """How long it is until they begin; 0 within them."""
        clock = now.time()
        if self.first < self.last:
            is_within = self.first <= clock < self.last
        else:
            is_within = clock >= self.first or clock < self.last
        if is_within:
            return 0.0
        begins = datetime.combine(now.date(), self.first, now.tzinfo)
        return ((begins if begins > now else begins + timedelta(days=1)) - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may ask of a source. None: no limit."""

    studies_per_minute: float | None = None
    bytes_per_s: int | None = None
    hours: Hours | None = None


@dataclass(slots=True)
class Pace:
    """Keeps a run within its limits. Time that was not used is not saved up for a burst."""

    limits: Limits
    stop: threading.Event
    tell: Callable[[str], None] = lambda _text: None  # of a wait for the hours to begin
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    clock: Callable[[], float] = monotonic
    _next_study_at: float = field(default=0.0, init=False)
    _next_byte_at: float = field(default=0.0, init=False)

    def study(self) -> None:
        """Before a study is asked for."""
        hours = self.limits.hours
        is_told = False
        while hours is not None and (seconds := hours.wait_s(self.now())) and not self.stop.is_set():
            if not is_told:
                self.tell(f"the hours begin in {seconds / 60:.0f} minutes")
                is_told = True
            self.stop.wait(min(seconds, 60.0))
        if self.limits.studies_per_minute is not None:
            self.stop.wait(max(0.0, self._next_study_at - self.clock()))
            self._next_study_at = self.clock() + 60.0 / self.limits.studies_per_minute

    def spent(self, size: int) -> None:
        """After so many bytes have come."""
        if self.limits.bytes_per_s is None:
            return
        now = self.clock()
        self._next_byte_at = max(self._next_byte_at, now) + size / self.limits.bytes_per_s
        self.stop.wait(self._next_byte_at - now)

    def through(self, chunks: Iterable[Bytes]) -> Iterator[Bytes]:
        """The pieces, no faster than they may come."""
        for chunk in chunks:
            size = len(chunk)
            yield chunk
            self.spent(size)
