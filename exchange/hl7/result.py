"""One result of a message, an OBR with what belongs to it: numbers, codes, and who reported it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from exchange.hl7.admissions import AHEAD_LIMIT
from exchange.hl7.errors import BadField, Condition, Where
from exchange.hl7.message import Field, Message, Segment, time_of
from exchange.hl7.namespace import Namespace
from exchange.hl7.report_text import Line
from exchange.people.person import Identifier, Said
from exchange.record.study import Coded
from exchange.reports.report import Part, Performer

#: Longer numbers are none: they would be text in the wrong place.
_NUMBER_LIMIT = 200
_ASSIGNERS: Mapping[str, str] = {"GENERAL MEDICAL COUNCIL": "GMC", "GMC": "GMC", "GMP": "GMP", "SDS": "SDS"}


@dataclass(slots=True)
class Result:
    """An OBR and what belongs to it."""

    pid: Segment
    obr: Segment
    orc: Segment | None
    lines: list[Line] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    study_uid: str = ""
    accession: str = ""


def said_in(message: Message, now: datetime) -> Said:
    """When a message was said, and by which it was. Raises BadField."""
    at = time_of(message.header.field(7))
    if at is None:
        raise BadField(Where("MSH", field=7), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    if at > now + AHEAD_LIMIT:
        raise BadField(Where("MSH", field=7), Condition.DATA_TYPE, "a time that is yet to come")
    return Said(at, message.control_id)


def numbered(segment: Segment, place: int, message: Message, namespace: Namespace) -> Identifier | None:
    """A number (EI) with the system that gave it out; None where it is empty. Raises BadField.

    An authority that is the sender, or its trust, means the sending application.
    """
    number = segment.text(place)
    if not number:
        return None
    authority = segment.text(place, 2) or segment.text(place, 3)
    is_sender = authority == message.header.text(4) or authority in namespace.aliases
    if not authority or is_sender or authority in (namespace.trust, namespace.issuer):
        authority = message.header.text(3)
    if max(len(number), len(authority)) > _NUMBER_LIMIT:
        raise BadField(segment.where(place), Condition.DATA_TYPE, "a number that is too long")
    return Identifier(number, authority)


def accessions_of(results: Sequence[Result]) -> tuple[str, ...]:
    """ORC-3 as the RCR has it, IPC-1 and OBR-18 as IHE has it; else the report's own number."""
    found: list[str] = []
    for each in results:
        found += [each.orc.text(3) if each.orc else "", each.accession, each.obr.text(18), each.obr.text(3)]
    return tuple(dict.fromkeys(number for number in found if 0 < len(number) <= 64))


def procedure_of(obr: Segment) -> str:
    """OBR-4 in words."""
    return obr.text(4, 2) or obr.text(4)


def codes_of(obr: Segment) -> Iterator[Coded]:
    """OBR-4: the code, and the alternative one."""
    for each in obr.repetitions(4):
        for at in (1, 4):
            value, meaning = each.text(at), each.text(at + 1)
            if value or meaning:
                yield Coded(value, each.text(at + 2) if value else "", meaning or value)


def performers_of(result: Result, namespace: Namespace) -> Iterator[Performer]:
    """OBR-32 and 33; where they are empty, whoever answers for the observations (OBX-16)."""
    named = False
    for place, part in ((32, Part.RESPONSIBLE), (33, Part.ASSISTANT)):
        for each in result.obr.repetitions(place):
            if who := performer_of(each, part, namespace):
                named = True
                yield who
    for line in [] if named else result.lines:
        for each in line.segment.repetitions(16):
            if who := performer_of(each, Part.AUTHOR, namespace):
                yield who


def performer_of(found: Field, part: Part, namespace: Namespace) -> Performer | None:
    """NDL: the person (CNN) lies in sub-components. Many send XCN instead: then in components."""
    if found.text(1, 2) or not found.text(2):
        number, family, given, middle, suffix, prefix = (found.text(1, at) for at in range(1, 7))
        authority = found.text(1, 9)
    else:
        number, family, given, middle, suffix, prefix = (found.text(at) for at in range(1, 7))
        authority = found.text(9)
    name = " ".join(filter(None, (prefix, given, middle, family, suffix)))
    if not (name or number):
        return None
    issuer = _ASSIGNERS.get(authority.upper()) or namespace.issuer_of(authority)
    return Performer(name or number, part, Identifier(number, issuer) if number else None)
