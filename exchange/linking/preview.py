"""What a correction of identity would do, before anybody says yes: what moves, what changes, who is to know.

Pure, but for what it is given.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from pydicom.datadict import dictionary_description

from exchange.linking.copies import Copy, Opened
from exchange.people.person import Person
from exchange.record.study import SharedStudy
from storage.corrections import Member


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute: what the study says of it in each way, and what it will say. Empty: nothing."""

    tag: str
    name: str
    before: tuple[str, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person is shown, and confirms."""

    study: SharedStudy
    was: Person | None  # to whom it is linked now
    to: Person
    changes: tuple[Change, ...]
    attributes: Mapping[str, Member]
    copies: tuple[Copy, ...]  # destinations that hold it as it is
    opened: tuple[Opened, ...]  # who saw it as it is
    seen: int  # how the link stood

    @property
    def token(self) -> str:
        """Says that what is confirmed is what was shown."""
        shown = [self.study.uid, self.study.instance_count, self.to.id, self.seen, dict(self.attributes)]
        return hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()


#: Patient's Address, Country and Region of Residence, Telephone Numbers, Telecom Information (PS3.3 §C.2.3).
_WHERE_THEY_LIVE = frozenset({"00101040", "00102150", "00102152", "00102154", "00102155"})
_NOT_SHOWN = "not shown, as the person's record is restricted"


def changes(
    attributes: Mapping[str, Member], before: Sequence[Mapping[str, Member]], *, is_restricted: bool = False
) -> tuple[Change, ...]:
    """Those that say something else afterwards. `before` are the ways in which instances say it now.

    Where it may be somebody restricted whom they name, it is not said where they live.
    """
    found = []
    for tag, member in sorted(attributes.items()):
        said = tuple(sorted({in_words(each.get(tag, {})) for each in before} - {""}))
        after = in_words(member)
        if said and is_restricted and tag in _WHERE_THEY_LIVE:
            said = (_NOT_SHOWN,)
        if said != ((after,) if after else ()):
            found.append(Change(tag, dictionary_description(int(tag, 16)), said, after))
    return tuple(found)


def in_words(member: Member) -> str:
    """A value as a person reads it."""
    return "; ".join(filter(None, map(_value, member.get("Value") or ())))


def _value(value: object) -> str:
    match value:
        case {"Alphabetic": str(name)}:
            return ", ".join(part for part in name.split("^") if part)
        case dict():
            inner = (in_words(each) for each in value.values() if isinstance(each, dict))
            return " ".join(filter(None, inner))
        case None:
            return ""
        case _:
            return str(value).strip()
