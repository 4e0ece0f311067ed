"""When to try again, and when to stop trying. Pure: the time and the luck are arguments."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long we go on."""

    tries: int = 12  # of one study at one destination
    pause_s: float = 10.0  # before the second try; it doubles
    longest_pause_s: float = 3600.0
    unreachable_s: float = 3 * 24 * 3600.0  # a destination that cannot be reached for so long
    failures: int = 3  # of a destination in a row, before its breaker opens


@dataclass(frozen=True, slots=True)
class Retry:
    """Wait until then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A person decides."""

    because: str


Verdict = Retry | GiveUp


def pause(failures: int, patience: Patience, luck: float) -> timedelta:
    """After so many failures in a row: doubled each time, and between half and all of it by luck.

    Those that failed together do not come back together. `luck` is from 0 to 1.
    """
    longest = min(patience.longest_pause_s, patience.pause_s * 2.0 ** min(failures - 1, 30))
    return timedelta(seconds=longest * (1 + luck) / 2)


def after_failure(tries: int, now: datetime, patience: Patience, luck: float) -> Verdict:
    """What becomes of a delivery that failed through its own fault, so many times with this one.

    A destination that fails costs its deliveries no tries: its breaker counts, and its patience ends later.
    """
    if tries >= patience.tries:
        return GiveUp(f"it failed {tries} times")
    return Retry(now + pause(tries, patience, luck))


class Permit(Enum):
    """What a breaker lets through."""

    ALL = "all"
    ONE = "one"  # a trial
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The circuit breaker of a destination."""

    failures: int = 0  # one after the other
    open_until: datetime | None = None

    def permits(self, now: datetime) -> Permit:
        """Closed, open, or open for one trial."""
        if self.open_until is None:
            return Permit.ALL
        return Permit.NONE if now < self.open_until else Permit.ONE

    def failed(self, now: datetime, patience: Patience, luck: float) -> "Breaker":
        """After one more failure: a few in a row open it, for longer each time."""
        failures = self.failures + 1
        if failures < patience.failures:
            return replace(self, failures=failures)
        openings = failures - patience.failures + 1
        return Breaker(failures, now + pause(openings, patience, luck))
