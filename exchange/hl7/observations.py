"""Reports out of ORU^R01 (HL7 v2.5.1 §7.3.1; RCR reporting; IHE RAD TF-2 §4.28). Pure.

An OBR is a result, and those that bear one filler's number (OBR-3) are one report: the specimens of a case,
the examinations of one sitting. A message says the whole of each report that it names, as it then is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from exchange.hl7.errors import BadField, Condition, Where
from exchange.hl7.message import Message, Segment, time_of
from exchange.hl7.namespace import Namespace
from exchange.hl7.report_text import Line, Observations, comment, read_observations
from exchange.hl7.result import (
    Result,
    accessions_of,
    codes_of,
    numbered,
    performers_of,
    procedure_of,
    said_in,
)
from exchange.hl7.result_status import observed, result_status
from exchange.hl7.whose import birth_date_of, identifiers_of, name_of
from exchange.people.person import Said
from exchange.reports.disciplines import discipline_of
from exchange.reports.report import Content, ReportKey, ReportSource, Told
from exchange.reports.sureness import together
from storage.uids import is_uid


@dataclass(frozen=True, slots=True)
class Brought:
    """What a message says of one report, and the documents it brings, by SHA-256."""

    told: Told
    documents: Mapping[str, bytes]


def reports_in(message: Message, namespace: Namespace, now: datetime) -> list[Brought]:
    """What a message says of reports. Raises BadField."""
    said = said_in(message, now)
    found: dict[ReportKey, list[Result]] = {}
    for result in _results(message):
        found.setdefault(_key(result, message, namespace), []).append(result)
    if not found:
        raise BadField(Where("OBR"), Condition.SEGMENT_SEQUENCE, "a report message without a report")
    made = [_brought(key, results, said, namespace) for key, results in found.items()]
    # Two messages that speak of the same reports do so in the same order: neither waits for the other.
    return sorted(made, key=lambda each: (each.told.key.assigner, each.told.key.number))


def _results(message: Message) -> Iterator[Result]:
    pid: Segment | None = None
    orc: Segment | None = None
    last: Result | None = None
    waiting: list[Result] = []
    for segment in message.segments:
        match segment.name:
            case "PID":
                pid, orc, last = segment, None, None
            case "ORC":
                orc, last = segment, None
            case "OBR":
                if pid is None:
                    raise BadField(segment.where(), Condition.SEGMENT_SEQUENCE, "it stands before any PID")
                last, orc = Result(pid, segment, orc), None
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


def _key(result: Result, message: Message, namespace: Namespace) -> ReportKey:
    """OBR-3, else what older senders number by."""
    places = [(result.obr, 3), (result.orc, 3), (result.obr, 2), (result.orc, 2)]
    for segment, place in places:
        number = numbered(segment, place, message, namespace) if segment else None
        if number is not None:
            return ReportKey(namespace.trust, ReportSource.HL7, number.issuer, number.value)
    raise BadField(result.obr.where(3), Condition.REQUIRED_FIELD_MISSING, "required, and empty")


def _brought(key: ReportKey, results: Sequence[Result], said: Said, namespace: Namespace) -> Brought:
    first = results[0]
    pids = {each.pid.number: each.pid for each in results}.values()
    patients = {(identifiers_of(each, namespace), birth_date_of(each)) for each in pids}
    if len(patients) > 1:
        raise BadField(results[-1].pid.where(3), Condition.DATA_TYPE, "one report of two patients")
    [(identifiers, birth_date)] = patients
    if not identifiers:
        raise BadField(first.pid.where(3), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    text = Observations()
    for each in results:
        procedure = procedure_of(each.obr)
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
        patient_name=name_of(first.pid),
        study_uid=named,
        accessions=accessions_of(results),
        accession_issuer=namespace.issuer,
        discipline=discipline_of(category),
        category=category,
        codes=tuple(dict.fromkeys(code for each in results for code in codes_of(each.obr))),
        issued=max(issued, default=said.at),
        effective=min(done, default=None),
        performers=tuple(dict.fromkeys(who for each in results for who in performers_of(each, namespace))),
        sections=text.sections,
        conclusion=text.conclusion,
        forms=tuple(text.forms),
        document_uids=tuple(text.document_uids),
    )
    return Brought(Told(key, status, said, content), text.documents)
