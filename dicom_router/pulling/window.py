"""Which studies are asked for at once: a range of study dates, and of times within one day.

A source that cuts its answers is asked again for the halves of a window, until each answer is whole.
"""

from dataclasses import dataclass
from datetime import date, timedelta

#: Between these lie the dates at which an open window is cut in half.
_FIRST, _LAST = date(1950, 1, 1), date(2050, 1, 1)
_DAY_MINUTES = 24 * 60

#: A source with a limit answers exactly so many, or a multiple: some then say that it was all.
_ROUND = 50


@dataclass(frozen=True, slots=True)
class Window:
    """Study dates from `first` to `last`, both included; None is open. Minutes divide a single day.

    A study without a date is in the window that is open at both ends, and in no other: range matching
    does not find it (PS3.4 §C.2.2.2.5). The same is true of a study without a time, and a part of a day.
    """

    first: date | None = None
    last: date | None = None
    minutes: tuple[int, int] | None = None  # of the day, both included

    @property
    def is_open(self) -> bool:
        """Everything that a source has."""
        return self.first is None and self.last is None

    @property
    def days(self) -> str:
        """As a key for Study Date; empty matches everything."""
        if self.is_open:
            return ""
        if self.first == self.last and self.first is not None:
            return f"{self.first:%Y%m%d}"
        ends = ("" if day is None else f"{day:%Y%m%d}" for day in (self.first, self.last))
        return "-".join(ends)

    @property
    def times(self) -> str:
        """As a key for Study Time; empty matches everything."""
        if self.minutes is None:
            return ""
        first, last = self.minutes
        return f"{first // 60:02}{first % 60:02}00-{last // 60:02}{last % 60:02}59.999999"

    def halves(self) -> "tuple[Window, Window] | None":
        """Two windows that make up this one; None where it is a minute.

        What has no date, or no time, is in neither.
        """
        if self.minutes is not None:
            return self._halves_of_minutes(*self.minutes)
        first, last = (
            self.first or min(_FIRST, self.last or _FIRST),
            self.last or max(_LAST, self.first or _LAST),
        )
        if first < last:
            middle = first + timedelta(days=(last - first).days // 2)
            return Window(self.first, middle), Window(middle + timedelta(days=1), self.last)
        if self.first == self.last:
            return self._halves_of_minutes(0, _DAY_MINUTES - 1)
        return None  # before, or after, every date that a study may have

    def _halves_of_minutes(self, first: int, last: int) -> "tuple[Window, Window] | None":
        if first == last:
            return None
        middle = (first + last) // 2
        return (
            Window(self.first, self.last, (first, middle)),
            Window(self.first, self.last, (middle + 1, last)),
        )

    def __str__(self) -> str:
        return " ".join(part for part in (self.days or "all dates", self.times) if part)


def looks_limited(count: int) -> bool:
    """Whether an answer that ended well may yet have been cut: it has exactly a round number of studies.

    >>> [count for count in (0, 7, 50, 64, 99, 100, 128, 500, 501) if looks_limited(count)]
    [50, 64, 100, 128, 500]
    """
    is_power = count >= 64 and count & (count - 1) == 0
    return count > 0 and (count % _ROUND == 0 or is_power)
