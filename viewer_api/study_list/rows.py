"""A study as a row of the list: what a reader sees of it, in their words. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from exchange.record.specialty import kinds_of
from storage.answers import Found, Members
from viewer_api.ohif import viewer_url
from viewer_api.written import written_day, written_name

_SCRIPTS = ("Alphabetic", "Ideographic", "Phonetic")
_SEXES = {"F": "Female", "M": "Male", "O": "Other"}

#: What a reader must know of a study before they trust it.
CONTESTED = (
    "Other content came under the same identifiers as some of these images. What came first is shown; the"
    " other waits for a person to decide."
)
INCONSISTENT = "Check whose this is: it came under two patient numbers, birth dates or trusts."


class Order(Enum):
    """How the list is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    MODALITY = "modality"


@dataclass(frozen=True, slots=True)
class Row:
    """One study."""

    study_uid: str
    url: str
    name: str
    other_names: str  # the same in other scripts
    number: str
    issuer: str
    born: str
    sex: str
    day: str
    time: str
    kinds: str
    description: str
    accession: str
    images: int
    warnings: tuple[tuple[str, str], ...]  # a word or two, and what it means
    is_inconsistent: bool
    whole_name: str  # as it came, all scripts
    birth_date: str  # YYYYMMDD
    sort_keys: Mapping[Order, tuple[str, ...]]


def row_of(found: Found) -> Row:
    """What is shown of a match."""
    members = found.members
    modalities = tuple(str(each) for each in members.get("00080061", {}).get("Value", ()))
    name, other_names = _names(members)
    day, time = _text(members, "00080020"), _text(members, "00080030")
    when = (day, time)
    warnings = []
    if found.is_contested:
        warnings.append(("Contested", CONTESTED))
    if found.is_inconsistent:
        warnings.append(("Inconsistent", INCONSISTENT))
    return Row(
        study_uid=found.study_uid,
        url=viewer_url(found.study_uid, modalities),
        name=name,
        other_names=other_names,
        number=_text(members, "00100020"),
        issuer=_text(members, "00100021"),
        born=written_day(_text(members, "00100030")),
        sex=_SEXES.get(_text(members, "00100040"), ""),
        day=written_day(day),
        time=f"{time[:2]}:{time[2:4]}" if len(time) >= 4 and time[:4].isdigit() else "",
        kinds=", ".join(kinds_of(modalities)),
        description=_text(members, "00081030"),
        accession=_text(members, "00080050"),
        images=int(_text(members, "00201208") or 0),
        warnings=tuple(warnings),
        is_inconsistent=found.is_inconsistent,
        whole_name=" ".join(str(group) for group in _groups(members).values()),
        birth_date=_text(members, "00100030"),
        sort_keys={Order.NAME: (name.casefold(), *when), Order.MODALITY: (*modalities, *when)},
    )


def in_order(rows: Iterable[Row], order: Order) -> list[Row]:
    """Sorted; those that come are the newest first."""
    found = list(rows)
    match order:
        case Order.NEWEST:
            return found
        case Order.OLDEST:
            return found[::-1]
        case Order.NAME | Order.MODALITY:
            return sorted(found, key=lambda row: row.sort_keys[order])


def _text(members: Members, tag: str) -> str:
    values = members.get(tag, {}).get("Value", ())
    return str(values[0]) if values and values[0] is not None else ""


def _groups(members: Members) -> Mapping[str, object]:
    values = members.get("00100010", {}).get("Value", ())
    return values[0] if values and isinstance(values[0], Mapping) else {}


def _names(members: Members) -> tuple[str, str]:
    """As the NHS writes names: SURNAME, Given (Title); and what stands beside it in other scripts."""
    groups = _groups(members)
    written = [
        written_name(str(groups[key])) for key in ("Alphabetic", "Ideographic", "Phonetic") if key in groups
    ]
    first, *others = written or ["No name"]
    return first, " ".join(others)
