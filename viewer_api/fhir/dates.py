"""Dates that are searched for (FHIR R4 §3.1.1.4.7): a prefix, and the first and last moment that is meant."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from psycopg import sql

from exchange.fhir.moments import CLOCK
from exchange.people.finding import Prefix, Span
from exchange.record.finding import CHANGED, STARTED_FIRST, STARTED_LAST, Condition, matching, of_days
from viewer_api.fhir.parameters import Value, unescaped
from viewer_api.problems import BadParameters

#: A search of days alone is of so many at most: what lies further apart is looked for by person.
DAYS_LIMIT = 31

_TEXT = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4})(?:-(\d{2})(?:-(\d{2})"
    r"(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)
_FROM = frozenset({Prefix.GREATER, Prefix.AT_LEAST, Prefix.STARTS_AFTER, Prefix.EQUAL, Prefix.ABOUT})
_TO = frozenset({Prefix.LESS, Prefix.AT_MOST, Prefix.ENDS_BEFORE, Prefix.EQUAL, Prefix.ABOUT})


def when(value: Value) -> list[Span]:
    """Any of which will do. Raises BadParameters. A text without an offset is of the region's clock."""
    found = [_when(unescaped(text).strip().replace(" ", "+")) for text in value.texts]
    if not all(found):
        raise BadParameters({value.name: "not a date, such as 2026-11-22 or ge2026-11-22T10:00:00Z"})
    return [each for each in found if each]


def _when(text: str) -> Span | None:
    matched = _TEXT.fullmatch(text)
    if matched is None:
        return None
    prefix, year, month, day, hour, minute, second, offset = matched.groups()
    try:
        # Without an offset for now: days are counted on the calendar, over a change of the clocks.
        first = datetime.fromisoformat(
            f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}"
        )
        if second:
            after = first + timedelta(seconds=1)
        elif minute:
            after = first + timedelta(minutes=1)
        elif day:
            after = first + timedelta(days=1)
        elif month:
            after = (first + timedelta(days=31)).replace(day=1)
        else:
            after = first.replace(year=first.year + 1)
        last = _aware(after, offset) - timedelta(microseconds=1)
        return Span(_aware(first, offset), last, Prefix(prefix or "eq"))
    except (ValueError, OverflowError):
        return None


def _aware(at: datetime, offset: str | None) -> datetime:
    if offset is None:
        return at.replace(tzinfo=CLOCK).astimezone(UTC)
    return datetime.fromisoformat(f"{at.isoformat()}{offset.replace('Z', '+00:00')}").astimezone(UTC)


def started(values: Sequence[Value]) -> list[Condition]:
    """When a study began; narrow where they bound some days."""
    conditions, lower, upper = [], [], []
    for value in values:
        meant = when(value)
        conditions.append(
            _any(
                [
                    _compared(STARTED_FIRST, STARTED_LAST, each.prefix, _local(each.first), _local(each.last))
                    for each in meant
                ]
            )
        )
        if len(meant) == 1:
            slack = timedelta(days=1) if meant[0].prefix is Prefix.ABOUT else timedelta()
            lower += [meant[0].first - slack] if meant[0].prefix in _FROM else []
            upper += [meant[0].last + slack] if meant[0].prefix in _TO else []
    if lower and upper:
        first, last = max(lower), min(upper)
        is_narrow = last - first <= timedelta(days=DAYS_LIMIT)
        conditions.append(of_days(_local(first)[:8], _local(last)[:8], is_narrow=is_narrow))
    return conditions


def changed(values: Sequence[Value]) -> list[Condition]:
    """When what is known of a study changed last; narrow where that is not long ago."""
    conditions = []
    for value in values:
        meant = when(value)
        conditions.append(
            _any([_compared(CHANGED, CHANGED, each.prefix, each.first, each.last) for each in meant])
        )
        if len(meant) == 1 and meant[0].prefix in _FROM:
            since = sql.SQL("s.uid in (select c.study_uid from record_change c where c.at >= %s)")
            is_narrow = datetime.now(UTC) - meant[0].first <= timedelta(days=DAYS_LIMIT)
            conditions += [matching(since, meant[0].first, is_narrow=True)] if is_narrow else []
    return conditions


def holds(value: Value, moment: str) -> bool:
    """Whether a FHIR date, dateTime or instant is any of what is meant: the same as in the database."""
    held = _when(moment)
    return held is not None and any(_holds(each, held.first, held.last) for each in when(value))


def _holds(meant: Span, first: datetime, last: datetime) -> bool:
    is_within = meant.first <= first and last <= meant.last
    match meant.prefix:
        case Prefix.EQUAL:
            return is_within
        case Prefix.NOT_EQUAL:
            return not is_within
        case Prefix.GREATER:
            return last > meant.last
        case Prefix.LESS:
            return first < meant.first
        case Prefix.AT_LEAST:
            return last > meant.last or is_within
        case Prefix.AT_MOST:
            return first < meant.first or is_within
        case Prefix.STARTS_AFTER:
            return first > meant.last
        case Prefix.ENDS_BEFORE:
            return last < meant.first
        case Prefix.ABOUT:
            return first <= meant.last and last >= meant.first


def _compared(first: str, last: str, prefix: Prefix, low: object, high: object) -> Condition:
    """A period of the database, from `first` to `last`, against one that is sought, from `low` to `high`."""
    match prefix:
        case Prefix.EQUAL:
            return matching(sql.SQL(f"({first} >= %s and {last} <= %s)"), low, high)
        case Prefix.NOT_EQUAL:
            return matching(sql.SQL(f"not ({first} >= %s and {last} <= %s)"), low, high)
        case Prefix.GREATER:
            return matching(sql.SQL(f"{last} > %s"), high)
        case Prefix.LESS:
            return matching(sql.SQL(f"{first} < %s"), low)
        case Prefix.AT_LEAST:
            return matching(sql.SQL(f"({last} > %s or {first} >= %s and {last} <= %s)"), high, low, high)
        case Prefix.AT_MOST:
            return matching(sql.SQL(f"({first} < %s or {first} >= %s and {last} <= %s)"), low, low, high)
        case Prefix.STARTS_AFTER:
            return matching(sql.SQL(f"{first} > %s"), high)
        case Prefix.ENDS_BEFORE:
            return matching(sql.SQL(f"{last} < %s"), low)
        case Prefix.ABOUT:
            return matching(sql.SQL(f"({first} <= %s and {last} >= %s)"), high, low)


def _any(conditions: list[Condition]) -> Condition:
    text = sql.SQL("({})").format(sql.SQL(" or ").join([each.text for each in conditions]))
    return Condition(text, tuple(value for each in conditions for value in each.values))


def _local(at: datetime) -> str:
    return f"{at.astimezone(CLOCK):%Y%m%d%H%M%S}"
