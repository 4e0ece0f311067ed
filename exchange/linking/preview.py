"""What a correction of identity would do, before anybody says yes: what moves, what changes, who is to know.

Pure, but for what it is given.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from pydicom.datadict import dictionary_description

from exchange.linking.copies import Copy, Opened
from exchange.order import Order
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
    answered: Order | None  # the order that it is tied to now
    answers: Order | None  # and will be
    copies: tuple[Copy, ...]  # destinations that hold it as it is
    opened: tuple[Opened, ...]  # who saw it as it is
    seen: int  # how the link stood
    also: "tuple[Preview, ...]" = ()  # others, corrected with it

    @property
    def all(self) -> "tuple[Preview, ...]":
        """Every study of the decision, this one first."""
        return (self, *self.also)

    @property
    def token(self) -> str:
        """Says that what is confirmed is what was shown."""
        shown = [each.as_shown() for each in self.all]
        return hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def as_shown(self) -> list[object]:
        """All of one study that must still be so when it is confirmed."""
        answers = [self.answers.trust, self.answers.number] if self.answers else []
        said = [[each.tag, each.before, each.after] for each in self.changes]
        return [
            self.study.uid, self.study.instance_count, self.to.id, self.seen, dict(self.attributes), said,
            answers,
        ]  # fmt: skip


#: Patient's Address, Country and Region of Residence, Telephone Numbers, Telecom Information (PS3.3 §C.2.3).
_WHERE_THEY_LIVE = frozenset({"00101040", "00102150", "00102152", "00102154", "00102155"})
_NOT_SHOWN = "not shown, as the person's record is restricted"


def changes(
    tags: Iterable[str],
    before: Sequence[Mapping[str, Member]],
    after: Sequence[Mapping[str, Member]],
    *,
    is_restricted: bool = False,
) -> tuple[Change, ...]:
    """Those that say something else afterwards. Both are the ways in which instances say it.

    Where it may be somebody restricted whom they name, it is not said where they live.
    """
    found = []
    for tag in sorted(tags):
        said, says = _ways(tag, before), _ways(tag, after)
        if said and is_restricted and tag in _WHERE_THEY_LIVE:
            said = (_NOT_SHOWN,)
        if said != says:
            found.append(Change(tag, dictionary_description(int(tag, 16)), said, "; ".join(says)))
    return tuple(found)


def _ways(tag: str, said: Sequence[Mapping[str, Member]]) -> tuple[str, ...]:
    return tuple(sorted({in_words(each.get(tag, {})) for each in said} - {""}))


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
