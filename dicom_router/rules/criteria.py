"""What a rule asks of an instance, and whether it is so: in words, for each condition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, IntEnum
from zoneinfo import ZoneInfo

from storage.corrections import Member
from storage.matching import matches_text, texts_at
from storage.query import Anything, Between, Empty, Match, Path, text_of, vr_of

BODY_PART: Path = (0x00180015,)
MODALITY: Path = (0x00080060,)
SOP_CLASS: Path = (0x00080016,)

#: The clock that rule files speak of.
CLOCK = ZoneInfo("Europe/London")


class Weekday(IntEnum):
    """As `datetime.weekday` counts."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6

    def __str__(self) -> str:
        return self.name.capitalize()


class Of(Enum):
    """What a condition looks at."""

    TRUST = "trust"  # whose peer sent it: ODS code
    PEER = "peer"  # AE title that sent it
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold: any of `matches` does."""

    word: str  # as the rule file calls it: "modality", "tags.StudyDescription"
    of: Of
    path: Path  # of an attribute, else empty
    matches: tuple[Match, ...]

    @property
    def vr(self) -> str:
        """How its values compare."""
        return vr_of(self.path) if self.path else "AE"


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the day by the clock of Europe/London, its end left out. It may pass midnight."""

    start: time
    stop: time

    @property
    def passes_midnight(self) -> bool:
        """It ends on the day after it began."""
        return self.stop < self.start

    def holds(self, moment: time) -> bool:
        """Whether this time of day lies in it."""
        if self.passes_midnight:
            return moment >= self.start or moment < self.stop
        return self.start <= moment < self.stop

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.stop:%H:%M}"


@dataclass(frozen=True, slots=True)
class Criteria:
    """All of it must hold. An instance matches; a study does when one of its instances does."""

    conditions: tuple[Condition, ...] = ()
    window: Window | None = None
    weekdays: frozenset[Weekday] = frozenset()  # of the evening, for a window that passes midnight


@dataclass(frozen=True, slots=True)
class Facts:
    """One instance: how it came, and what it says as it leaves."""

    trust: str
    peer: str
    members: Mapping[str, Member]
    came_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One condition, whether it holds, and why."""

    word: str
    holds: bool
    because: str


def holds(criteria: Criteria, facts: Facts) -> bool:
    """Whether an instance meets all of it."""
    return all(
        any(matches_text(match, each.vr, _texts(each, facts)) for match in each.matches)
        for each in criteria.conditions
    ) and all(reading.holds for reading in _of_the_clock(criteria, facts))


def readings(criteria: Criteria, facts: Facts) -> list[Reading]:
    """Each condition in the order of the rule file, in words. The words hold values of the instance."""
    return [*(_reading(each, facts) for each in criteria.conditions), *_of_the_clock(criteria, facts)]


def _texts(condition: Condition, facts: Facts) -> list[str]:
    match condition.of:
        case Of.TRUST:
            return [facts.trust]
        case Of.PEER:
            return [facts.peer]
        case Of.ATTRIBUTE:
            return texts_at(facts.members, condition.path)


def _reading(condition: Condition, facts: Facts) -> Reading:
    texts = _texts(condition, facts)
    met = next((match for match in condition.matches if matches_text(match, condition.vr, texts)), None)
    there = " and ".join(texts) if texts else "missing"
    if met is not None:
        return Reading(condition.word, True, f"it is {there}, and {_said(met)} is asked for")
    asked = " or ".join(map(_said, condition.matches))
    return Reading(condition.word, False, f"it is {there}, and {asked} is asked for")


def _said(match: Match) -> str:
    match match:
        case Anything():
            return "anything"
        case Empty():
            return "nothing"
        case Between(first, last):
            return f"{first or 'any'} to {last or 'any'}"
    return text_of(match)


def _of_the_clock(criteria: Criteria, facts: Facts) -> Iterator[Reading]:
    local = facts.came_at.astimezone(CLOCK)
    window, day = criteria.window, local
    if window is not None:
        word = "is in" if window.holds(local.time()) else "is not in"
        yield Reading("time", window.holds(local.time()), f"it came at {local:%H:%M}, which {word} {window}")
        if window.passes_midnight and local.time() < window.stop:
            day = local - timedelta(days=1)
    if criteria.weekdays:
        weekday = Weekday(day.weekday())
        asked = ", ".join(str(each) for each in sorted(criteria.weekdays))
        night = "it came in the night of " if day is not local else "it came on "
        yield Reading("weekday", weekday in criteria.weekdays, f"{night}{weekday}, and {asked} is asked for")
