"""Reports out of ORU^R01 (HL7 v2.5.1 §7.3.1; RCR reporting; IHE RAD TF-2 §4.28). Pure.

An OBR is a result, and those that bear one filler's number (OBR-3) are one report: the specimens of a case,
the examinations of one sitting. A message says the whole of each report that it names, as it then is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from exchange.hl7.admissions import AHEAD_LIMIT
from exchange.hl7.errors import BadField, Condition, Where
from exchange.hl7.message import Field, Message, Segment, time_of
from exchange.hl7.orders import Namespace
from exchange.hl7.report_text import Line, Observations, comment, read_observations
from exchange.hl7.result_status import observed, result_status, together
from exchange.hl7.whose import birth_date_of, identifiers_of
from exchange.people.person import Identifier, Said
from exchange.record.study import Coded
from exchange.reports.disciplines import discipline_of
from exchange.reports.report import (
    Content,
    Part,
    Performer,
    ReportKey,
    ReportSource,
    Told,
)
from storage.uids import is_uid

#: Longer numbers are none: they would be text in the wrong place.
_NUMBER_LIMIT = 200
_ASSIGNERS: Mapping[str, str] = {"GENERAL MEDICAL COUNCIL": "GMC", "GMC": "GMC", "GMP": "GMP", "SDS": "SDS"}


@dataclass(frozen=True, slots=True)
class Brought:
    """What a message says of one report, and the documents it brings, by SHA-256."""

    told: Told
    documents: Mapping[str, bytes]


@dataclass(slots=True)
class _Result:
    """An OBR and what belongs to it."""

    pid: Segment
    obr: Segment
    orc: Segment | None
    lines: list[Line] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    study_uid: str = ""
    accession: str = ""


def reports_in(message: Message, namespace: Namespace, now: datetime) -> list[Brought]:
    """What a message says of reports. Raises BadField."""
    said_at = time_of(message.header.field(7))
    if said_at is None:
        raise BadField(Where("MSH", field=7), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    if said_at > now + AHEAD_LIMIT:
        raise BadField(Where("MSH", field=7), Condition.DATA_TYPE, "a time that is yet to come")
    found: dict[ReportKey, list[_Result]] = {}
    for result in _results(message):
        found.setdefault(_key(result, message, namespace), []).append(result)
    if not found:
        raise BadField(Where("OBR"), Condition.SEGMENT_SEQUENCE, "a report message without a report")
    said = Said(said_at, message.control_id)
    made = [_brought(key, results, said, namespace) for key, results in found.items()]
    # Two messages that speak of the same reports do so in the same order: neither waits for the other.
    return sorted(made, key=lambda each: (each.told.key.assigner, each.told.key.number))


def _results(message: Message) -> Iterator[_Result]:
    pid: Segment | None = None
    orc: Segment | None = None
    last: _Result | None = None
    waiting: list[_Result] = []
    for segment in message.segments:
        match segment.name:
            case "PID":
                pid, orc, last = segment, None, None
            case "ORC":
                orc, last = segment, None
            case "OBR":
                if pid is None:
                    raise BadField(segment.where(), Condition.SEGMENT_SEQUENCE, "it stands before any PID")
                last, orc = _Result(pid, segment, orc), None
                waiting.append(last)
            case "OBX" | "ZDS" | "IPC" if last is None:
                raise BadField(segment.where(), Condition.SEGMENT_SEQUENCE, "it stands before any OBR")
            case "OBX" if last is not None:
                last.lines.append(Line(segment, []))
            case "NTE" if last is not None:
                if last.lines:
                    last.lines[-1] = Line(last.lines[-1].segment, [*last.lines[-1].notes, segment])
                else:
                    last.notes.append(segment)
            case "ZDS" if last is not None:
                last.study_uid = segment.text(1)
            case "IPC" if last is not None:
                last.study_uid, last.accession = segment.text(3), segment.text(1)
    yield from waiting


def _key(result: _Result, message: Message, namespace: Namespace) -> ReportKey:
    """OBR-3, else what older senders number by. An authority that is the sender means its application."""
    places = [(result.obr, 3), (result.orc, 3), (result.obr, 2), (result.orc, 2)]
    for segment, place in places:
        number = segment.text(place) if segment else ""
        if segment and number:
            if len(number) > _NUMBER_LIMIT:
                raise BadField(segment.where(place), Condition.DATA_TYPE, "a number that is too long")
            authority = segment.text(place, 2) or segment.text(place, 3)
            is_sender = authority == message.header.text(4) or authority in namespace.aliases
            if not authority or is_sender or authority in (namespace.trust, namespace.issuer):
                authority = message.header.text(3)
            return ReportKey(namespace.trust, ReportSource.HL7, authority, number)
    raise BadField(result.obr.where(3), Condition.REQUIRED_FIELD_MISSING, "required, and empty")


def _brought(key: ReportKey, results: Sequence[_Result], said: Said, namespace: Namespace) -> Brought:
    first = results[0]
    patients = {(identifiers_of(each.pid, namespace), birth_date_of(each.pid)) for each in results}
    if len(patients) > 1:
        raise BadField(results[-1].pid.where(3), Condition.DATA_TYPE, "one report of two patients")
    [(identifiers, birth_date)] = patients
    if not identifiers:
        raise BadField(first.pid.where(3), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    text = Observations()
    for each in results:
        procedure = _procedure(each.obr)
        above = procedure if len(results) > 1 else ""
        notes = "\n".join(filter(None, map(comment, each.notes)))
        if notes:
            text.add(": ".join(filter(None, (above, "Comment"))), notes)
        read_observations(each.lines, text, above, procedure)
    status = together(
        [result_status(each.obr, (observed(line.segment) for line in each.lines)) for each in results]
    )
    category = next(filter(None, (each.obr.text(24) for each in results)), "").upper()
    issued = [at for each in results if (at := time_of(each.obr.field(22)))]
    done = [at for each in results if (at := time_of(each.obr.field(7)))]
    named = next((each.study_uid for each in results if is_uid(each.study_uid)), text.study_uid)
    content = Content(
        patients=identifiers,
        birth_date=birth_date,
        study_uid=named,
        accessions=_accessions(results),
        accession_issuer=namespace.issuer,
        discipline=discipline_of(category),
        category=category,
        codes=tuple(dict.fromkeys(code for each in results for code in _codes(each.obr))),
        issued=max(issued, default=said.at),
        effective=min(done, default=None),
        performers=tuple(dict.fromkeys(who for each in results for who in _performers(each, namespace))),
        sections=text.sections,
        conclusion=text.conclusion,
        forms=tuple(text.forms),
    )
    return Brought(Told(key, status, said, content), text.documents)


def _accessions(results: Sequence[_Result]) -> tuple[str, ...]:
    """ORC-3 as the RCR has it, IPC-1 and OBR-18 as IHE has it; else the report's own number."""
    found: list[str] = []
    for each in results:
        found += [each.orc.text(3) if each.orc else "", each.accession, each.obr.text(18), each.obr.text(3)]
    return tuple(dict.fromkeys(number for number in found if 0 < len(number) <= 64))


def _procedure(obr: Segment) -> str:
    return obr.text(4, 2) or obr.text(4)


def _codes(obr: Segment) -> Iterator[Coded]:
    """OBR-4: the code, and the alternative one."""
    for each in obr.repetitions(4):
        for at in (1, 4):
            value, meaning = each.text(at), each.text(at + 1)
            if value or meaning:
                yield Coded(value, each.text(at + 2) if value else "", meaning or value)


def _performers(result: _Result, namespace: Namespace) -> Iterator[Performer]:
    """OBR-32 and 33; where they are empty, whoever answers for the observations (OBX-16)."""
    named = False
    for place, part in ((32, Part.RESPONSIBLE), (33, Part.ASSISTANT)):
        for each in result.obr.repetitions(place):
            if who := _performer(each, part, namespace):
                named = True
                yield who
    for line in [] if named else result.lines:
        for each in line.segment.repetitions(16):
            if who := _performer(each, Part.AUTHOR, namespace):
                yield who


def _performer(found: Field, part: Part, namespace: Namespace) -> Performer | None:
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
