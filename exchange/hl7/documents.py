"""Reports out of MDM^T01 to T11 (HL7 v2.5.1 §9.6), a document told of by a message. Pure.

TXA-12 is which document, TXA-13 to what it is added or in whose place it stands. A message without content
changes what is known of a document, and leaves the text where the standard says that it is as it was.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from exchange.hl7.errors import BadField, Condition, Where
from exchange.hl7.message import Message, Segment, time_of
from exchange.hl7.namespace import Namespace
from exchange.hl7.observations import Brought
from exchange.hl7.report_text import Line, Observations, comment, read_observations
from exchange.hl7.result import (
    Result,
    accessions_of,
    codes_of,
    numbered,
    performer_of,
    performers_of,
    procedure_of,
    said_in,
)
from exchange.hl7.result_status import observed
from exchange.hl7.whose import birth_date_of, identifiers_of, name_of
from exchange.people.person import Identifier
from exchange.reports.disciplines import discipline_of
from exchange.reports.notice import Act, Availability, Notice
from exchange.reports.report import (
    OF_COMPLETION,
    Content,
    Part,
    Performer,
    ReportKey,
    ReportSource,
    ReportStatus,
    Told,
)
from exchange.reports.sureness import GONE, together
from storage.uids import is_uid

#: What each trigger event does, and whether the document itself comes with it.
EVENTS: Mapping[str, tuple[Act, bool]] = {
    "T01": (Act.ORIGINAL, False), "T02": (Act.ORIGINAL, True), "T03": (Act.STATUS, False),
    "T04": (Act.STATUS, True), "T05": (Act.ADDENDUM, False), "T06": (Act.ADDENDUM, True),
    "T07": (Act.EDIT, False), "T08": (Act.EDIT, True), "T09": (Act.REPLACEMENT, False),
    "T10": (Act.REPLACEMENT, True), "T11": (Act.CANCEL, False),
}  # fmt: skip
#: TXA-2 (HL7 Table 0270) of what is no report of a study. What is not in that table is a trust's own.
_NO_REPORTS = frozenset({"CN", "DS", "ED", "HP", "PC", "PH", "PR", "TS"})
#: The same, as OBR-24 would say it (HL7 Table 0074).
_SECTIONS: Mapping[str, str] = {"DI": "RAD", "CD": "EC", "SP": "SP", "AR": "PAT"}
_DELETED = "CA"  # TXA-19


@dataclass(slots=True)
class _Found:
    """The segments of one message."""

    pid: Segment
    txa: Segment
    results: list[Result]
    lines: list[Line] = field(default_factory=list)


def documents_in(message: Message, namespace: Namespace, now: datetime) -> Brought:
    """What a message says of a document. Raises BadField."""
    said = said_in(message, now)
    act, has_content = EVENTS[message.header.text(9, 2)]
    found = _segments(message)
    txa = found.txa
    notice = _notice(txa, act, message, namespace)
    kind = txa.required(2).upper()
    if kind in _NO_REPORTS:
        raise BadField(
            txa.where(2), Condition.TABLE_VALUE_NOT_FOUND, "a document that is no report of a study"
        )
    identifiers = identifiers_of(found.pid, namespace)
    if not identifiers:
        raise BadField(found.pid.where(3), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    text = Observations()
    procedure = next(filter(None, (procedure_of(each.obr) for each in found.results)), "")
    if has_content:
        _read(found, text, procedure)
    category = next(
        filter(None, (each.obr.text(24) for each in found.results)), _SECTIONS.get(kind, "")
    ).upper()
    done = [at for each in found.results if (at := time_of(each.obr.field(7)))]
    content = Content(
        patients=identifiers,
        birth_date=birth_date_of(found.pid),
        patient_name=name_of(found.pid),
        study_uid=next((each.study_uid for each in found.results if is_uid(each.study_uid)), text.study_uid),
        accessions=tuple(dict.fromkeys([*_filler(txa), *accessions_of(found.results)])),
        accession_issuer=namespace.issuer,
        discipline=discipline_of(category),
        category=category,
        codes=tuple(dict.fromkeys(code for each in found.results for code in codes_of(each.obr))),
        issued=_issued(txa) or said.at,
        effective=min(done, default=time_of(txa.field(4))),
        performers=tuple(dict.fromkeys(_performers(found, namespace))),
        sections=text.sections,
        conclusion=text.conclusion,
        forms=tuple(text.forms),
        document_uids=tuple(text.document_uids),
        notice=notice,
    )
    status = _status(txa, act, found.lines)
    key = ReportKey(namespace.trust, ReportSource.MDM, notice.number.issuer, notice.number.value)
    return Brought(Told(key, status, said, content), text.documents)


def _segments(message: Message) -> _Found:
    pids, txas = list(message.all("PID")), list(message.all("TXA"))
    for name, segments in (("PID", pids), ("TXA", txas)):
        if len(segments) != 1:
            raise BadField(Where(name), Condition.SEGMENT_SEQUENCE, "a message about one document has one")
    found = _Found(pids[0], txas[0], [])
    orc: Segment | None = None
    for segment in message.segments:
        match segment.name:
            case "ORC":
                orc = segment
            case "OBR":
                found.results.append(Result(pids[0], segment, orc))
                orc = None
            case "OBX":
                found.lines.append(Line(segment, []))
            case "NTE" if found.lines:
                found.lines[-1] = Line(found.lines[-1].segment, [*found.lines[-1].notes, segment])
            case "NTE" if found.results:
                found.results[-1].notes.append(segment)
            case "ZDS" if found.results:
                found.results[-1].study_uid = segment.text(1)
            case "IPC" if found.results:
                found.results[-1].study_uid, found.results[-1].accession = segment.text(3), segment.text(1)
    return found


def _notice(txa: Segment, act: Act, message: Message, namespace: Namespace) -> Notice:
    number = numbered(txa, 12, message, namespace)
    if number is None:
        raise BadField(txa.where(12), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    parent: Identifier | None = None
    if act in (Act.ADDENDUM, Act.REPLACEMENT):
        parent = numbered(txa, 13, message, namespace)
        if parent is None:
            raise BadField(
                txa.where(13),
                Condition.REQUIRED_FIELD_MISSING,
                "required of an addendum and of a replacement",
            )
        if parent == number and act is Act.ADDENDUM:
            raise BadField(txa.where(12), Condition.DATA_TYPE, "an addendum has a number of its own")
        if parent == number:  # under its own number, what is put in its place is an edit
            act, parent = Act.EDIT, None
    said = txa.text(19).upper()
    if said not in ("", _DELETED, *(each.value for each in Availability)):
        raise BadField(txa.where(19), Condition.TABLE_VALUE_NOT_FOUND, "not an availability of a document")
    availability = Availability(said) if said not in ("", _DELETED) else Availability.AVAILABLE
    return Notice(number, act, parent, availability)


def _status(txa: Segment, act: Act, lines: Collection[Line]) -> ReportStatus:
    """TXA-17, no surer than any OBX-11. Raises BadField."""
    completion = txa.text(17).upper()
    seen = [each for line in lines if (each := observed(line.segment)) is not None]
    if act is Act.CANCEL or txa.text(19).upper() == _DELETED:
        return ReportStatus.ENTERED_IN_ERROR
    if completion not in OF_COMPLETION:
        txa.required(17)
        raise BadField(txa.where(17), Condition.TABLE_VALUE_NOT_FOUND, "not a completion status")
    if seen and set(seen) <= GONE:
        return together(seen)
    return together([OF_COMPLETION[completion], *seen])


def _read(found: _Found, text: Observations, procedure: str) -> None:
    notes = "\n".join(filter(None, (comment(note) for each in found.results for note in each.notes)))
    if notes:
        text.add("Comment", notes)
    read_observations(found.lines, text, "", procedure)


def _filler(txa: Segment) -> Sequence[str]:
    """TXA-15, under which its study is known. TXA-14 is of who ordered it, and names no study."""
    number = txa.text(15)
    return [number] if 0 < len(number) <= 64 else []


def _issued(txa: Segment) -> datetime | None:
    """When it was authenticated, else edited, transcribed or written."""
    signed = [at for each in txa.repetitions(22) if (at := time_of(each, 15))]
    if signed:
        return max(signed)
    edited = [at for each in txa.repetitions(8) if (at := time_of(each))]
    return max(edited, default=None) or time_of(txa.field(7)) or time_of(txa.field(6))


def _performers(found: _Found, namespace: Namespace) -> Iterator[Performer]:
    """Who authenticated it (TXA-22) and who wrote it (TXA-9); else whom its order or text names, or TXA-5."""
    named = False
    for place, part in ((22, Part.RESPONSIBLE), (9, Part.AUTHOR)):
        for each in found.txa.repetitions(place):
            if who := performer_of(each, part, namespace):
                named = True
                yield who
    if named:
        return
    of_order = [who for each in found.results for who in performers_of(each, namespace)]
    by_activity = [performer_of(each, Part.AUTHOR, namespace) for each in found.txa.repetitions(5)]
    yield from of_order or [who for who in by_activity if who]
