"""Whether one data set, as DICOM JSON, matches a key: what storage.search asks of the whole index.

The kinds of matching are those of storage.query, and compare alike.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storage.conditions import earliest, name_pattern
from storage.corrections import Member
from storage.names import name_key
from storage.query import AnyOf, Anything, Between, Empty, Exactly, Match, Path, Wildcard, vr_of

_NUMBERS = frozenset({"IS", "US", "UL", "SS", "SL"})

#: Dates and the times that go with them, of which two ranges are one range of time (PS3.4 Table K.6-1).
_TIME_OF: Mapping[int, int] = {0x00400002: 0x00400003}


def values_at(members: Mapping[str, Member], path: Path) -> list[Any]:
    """The values of an attribute; of one within sequences, those of every item."""
    member = members.get(f"{path[0]:08X}", {})
    values = [value for value in member.get("Value", ()) if value is not None]
    if len(path) == 1:
        return values
    return [found for item in values if isinstance(item, Mapping) for found in values_at(item, path[1:])]


def texts_at(members: Mapping[str, Member], path: Path) -> list[str]:
    """The values of an attribute as text; a name as its component groups joined by "="."""
    return [text for text in map(_text, values_at(members, path)) if text]


def is_match(match: Match, members: Mapping[str, Member], path: Path) -> bool:
    """Whether one of the attribute's values matches (PS3.4 §C.2.2.2)."""
    return matches_text(match, vr_of(path), texts_at(members, path))


def is_answer(members: Mapping[str, Member], keys: Mapping[Path, Match]) -> bool:
    """Whether every key matches; those within one sequence match in one item of it (PS3.4 §C.2.2.2.6)."""
    own: dict[int, Match] = {}
    inside: dict[int, dict[Path, Match]] = {}
    for path, match in keys.items():
        if len(path) > 1:
            inside.setdefault(path[0], {})[path[1:]] = match
        else:
            own[path[0]] = match
    for date, time in _TIME_OF.items():
        days, times = own.get(date), own.get(time)
        if isinstance(days, Between) and isinstance(times, Between):
            del own[date], own[time]
            if not _instant_between(days, times, texts_at(members, (date,)), texts_at(members, (time,))):
                return False
    return all(is_match(match, members, (tag,)) for tag, match in own.items()) and all(
        any(is_answer(item, deeper) for item in values_at(members, (tag,)))
        for tag, deeper in inside.items()
        if not all(isinstance(match, Anything) for match in deeper.values())
    )


def _instant_between(days: Between, times: Between, dates: Sequence[str], clock: Sequence[str]) -> bool:
    """Times bound the first and the last day only, as in storage.search."""
    if not (dates and clock and _between("DA", days.first, days.last, dates[0])):
        return False
    is_after = dates[0] != days.first or _between("TM", times.first, None, clock[0])
    is_before = dates[0] != days.last or _between("TM", None, times.last, clock[0])
    return is_after and is_before


def matches_text(match: Match, vr: str, texts: Sequence[str]) -> bool:
    """The same, of values at hand."""
    match match:
        case Anything():
            return True
        case Empty():
            return not texts
        case Exactly(wanted):
            return any(_equal(vr, wanted, text) for text in texts)
        case AnyOf(several):
            return any(_equal(vr, wanted, text) for wanted in several for text in texts)
        case Wildcard(pattern):
            return any(_like(vr, pattern, text) for text in texts)
        case Between(first, last):
            return any(_between(vr, first, last, text) for text in texts)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        groups = (value.get(group) for group in ("Alphabetic", "Ideographic", "Phonetic"))
        return "=".join(group if isinstance(group, str) else "" for group in groups).rstrip("=")
    return str(value)


def _equal(vr: str, wanted: str, text: str) -> bool:
    if vr == "PN":
        return _like(vr, wanted, text)
    if vr in _NUMBERS:
        return _number(text) == wanted
    if vr == "DA":
        return _digits(text) == wanted
    return text == wanted


def _number(text: str) -> str | None:
    try:
        return str(int(text))
    except ValueError:
        return None


def _digits(text: str) -> str:
    return text.replace(".", "").replace(":", "") if len(text) <= 10 else text


def _like(vr: str, pattern: str, text: str) -> bool:
    if vr == "PN":
        return re.search(name_pattern(pattern), name_key(text)) is not None
    return re.fullmatch("".join(_wild(pattern)), text, re.DOTALL) is not None


def _wild(pattern: str) -> Iterator[str]:
    for character in pattern:
        yield {"*": ".*", "?": "."}.get(character) or re.escape(character)


def _between(vr: str, first: str | None, last: str | None, text: str) -> bool:
    if vr == "DA":
        text = _digits(text)
    elif vr == "TM":
        text = text.replace(":", "")
        first = earliest(first) if first else first
    elif vr == "DT" and last is not None:
        return (first is None or text >= first) and text[: len(last)] <= last
    return (first is None or text >= first) and (last is None or text <= last)
