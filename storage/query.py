"""What a search asks for, whichever door it came through (PS3.4 §C.2.2.2, PS3.18 §8.3.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from pydicom.datadict import dictionary_VR, tag_for_keyword

from storage.errors import BadQuery

#: An attribute, by its tag and those of the sequences around it, outermost first.
Path = tuple[int, ...]

#: VRs whose keys may hold * and ? (PS3.4 §C.2.2.2.4).
WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
#: VRs in which a backslash is text and separates nothing (PS3.5 §6.4).
_ONE_TEXT_VRS = frozenset({"LT", "ST", "UT", "UR"})

_UID = re.compile(r"[0-9.]{1,64}")
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_TIME = re.compile(r"(\d{2}):?((?:\d{2})?):?((?:\d{2})?)((?:\.\d{1,6})?)")
_DATE_TIME = r"\d{4}(?:\d{2}){0,5}(?:\.\d{1,6})?(?:[+-]\d{4})?"
_DATE_TIMES = re.compile(f"({_DATE_TIME})?-({_DATE_TIME})?")
_NUMBER = re.compile(r"[+-]?\d+")


class Level(Enum):
    """What an answer is about."""

    PATIENT = "patient"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Anything:
    """Universal matching (PS3.4 §C.2.2.2.3): the attribute is only asked for."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Empty value matching (PS3.4 §C.2.2.2.7): absent, or present without a value."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """Single value matching (PS3.4 §C.2.2.2.1). Names match without regard to case."""

    text: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """List of UID, or multiple value, matching (PS3.4 §C.2.2.2.2, §C.2.2.2.8)."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Wildcard matching (PS3.4 §C.2.2.2.4): * is any text, ? is any character."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Between:
    """Range matching (PS3.4 §C.2.2.2.5), both ends included; an end that is None is open.

    Dates are YYYYMMDD. Times are HHMMSS.FFFFFF: a time sent with less precision begins at the first
    instant that it names, and ends at the last.
    """

    first: str | None
    last: str | None


Match = Anything | Empty | Exactly | AnyOf | Wildcard | Between


@dataclass(frozen=True, slots=True)
class Query:
    """One search. C-FIND and QIDO-RS both end in this."""

    level: Level
    matches: Mapping[Path, Match] = field(default_factory=dict)
    include: frozenset[Path] = frozenset()  # what else the answers shall hold
    include_all: bool = False
    limit: int | None = None  # None: as many as the archive gives in one answer
    offset: int = 0
    fuzzy: bool = False
    joins_date_and_time: bool = True  # combined date-time matching (PS3.4 §C.2.2.2.5.4)

    @property
    def asked(self) -> frozenset[Path]:
        """Every attribute that an answer shall hold."""
        return self.include.union(self.matches)


def parse_attribute(text: str) -> Path:
    """An attribute named by keyword or by eight digits, with those of its sequences before it and dots
    between (PS3.18 §8.3.4.1). Raises BadQuery."""
    return tuple(_tag(part) for part in text.split("."))


def _tag(text: str) -> int:
    if re.fullmatch(r"[0-9A-Fa-f]{8}", text):
        return int(text, 16)
    tag = tag_for_keyword(text) if text else None
    if tag is None:
        raise BadQuery("a key is neither a DICOM keyword nor a tag of eight digits")
    return tag


def vr_of(path: Path) -> str:
    """The VR that a key of this attribute has; UN where the dictionary does not know it (PS3.6)."""
    try:
        return dictionary_VR(path[-1])[:2]
    except KeyError:
        return "UN"


def parse_match(vr: str, text: str) -> Match:
    """How one key matches (PS3.4 §C.2.2.2), from its VR and the text that was sent. Raises BadQuery."""
    if "\0" in text:
        raise BadQuery("a key holds a NUL character")
    text = text.strip(" ")
    if text in ("", "*"):
        return Anything()
    if text == '""':
        return Empty()
    match vr:
        case "UI":
            return _uids(text)
        case "DA":
            return _dates(text)
        case "TM":
            return _times(text)
        case "DT":
            return _date_times(text)
        case "IS" | "US" | "UL" | "SS" | "SL":
            return _numbers(text)
        case "SQ":
            raise BadQuery("a sequence is matched by the attributes within it: Sequence.Attribute=value")
    if "\\" in text and vr not in _ONE_TEXT_VRS:
        return AnyOf(tuple(part.strip(" ") for part in text.split("\\")))
    if vr in WILDCARD_VRS and ("*" in text or "?" in text):
        return Wildcard(text)
    return Exactly(text)


def text_of(match: Match) -> str:
    """The key that `parse_match` reads as this."""
    match match:
        case Anything():
            return ""
        case Empty():
            return '""'
        case Exactly(text):
            return text
        case AnyOf(texts):
            return "\\".join(texts)
        case Wildcard(pattern):
            return pattern
        case Between(first, last):
            return f"{first or ''}-{last or ''}"


def _uids(text: str) -> AnyOf:
    parts = tuple(part.strip() for part in re.split(r"[,\\]", text))
    if not all(_UID.fullmatch(part) for part in parts):
        raise BadQuery("not a UID, or a list of UIDs: digits and dots, at most 64 of them")
    return AnyOf(parts)


def _numbers(text: str) -> Match:
    parts = text.split("\\")
    if not all(_NUMBER.fullmatch(part.strip()) for part in parts):
        raise BadQuery("not a whole number")
    numbers = tuple(str(int(part)) for part in parts if len(part) <= 20)
    if len(numbers) < len(parts):
        raise BadQuery("a number too large to be one")
    return Exactly(numbers[0]) if len(numbers) == 1 else AnyOf(numbers)


def _dates(text: str) -> Match:
    if "-" not in text:
        return Exactly(_date(text))
    first, _, last = text.partition("-")
    if not (first or last):
        raise BadQuery("a range of dates without an end")
    return Between(_date(first) if first else None, _date(last) if last else None)


def _date(text: str) -> str:
    found = _DATE.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        return date(*(int(part) for part in found.groups())).strftime("%Y%m%d").zfill(8)
    except ValueError:
        raise BadQuery("not a date (YYYYMMDD), or a range of dates (YYYYMMDD-YYYYMMDD)") from None


def _times(text: str) -> Between:
    if "-" not in text:
        return Between(_time(text, "000000.000000"), _time(text, "235959.999999"))
    first, _, last = text.partition("-")
    if not (first or last):
        raise BadQuery("a range of times without an end")
    return Between(
        _time(first, "000000.000000") if first else None, _time(last, "235959.999999") if last else None
    )


def _time(text: str, rest: str) -> str:
    """A time of any precision (PS3.5 §6.2), what it leaves out taken from `rest`."""
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[4] and not found[3]) or (found[3] and not found[2]):
        raise BadQuery("not a time (HHMMSS), or a range of times (HHMMSS-HHMMSS)")
    hour, minute, second, fraction = found.groups()
    if hour > "23" or minute > "59" or second > "60":
        raise BadQuery("no such time of day")
    given = hour + minute + second + fraction
    return given + rest[len(given) :]


def _date_times(text: str) -> Match:
    if re.fullmatch(_DATE_TIME, text):
        return Exactly(text)
    found = _DATE_TIMES.fullmatch(text)
    if found is None or text == "-":
        raise BadQuery("not a date and time (YYYYMMDDHHMMSS.FFFFFF&ZZXX), or a range of them")
    return Between(found[1], found[2])
