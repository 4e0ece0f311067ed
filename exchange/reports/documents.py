"""What a document of the archive says as a report: an SR (PS3.3 §A.35), a PDF or a CDA (§A.45). Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from exchange.fhir.values import spoken
from exchange.manifests.content import Members, code_of, items_of, text_of
from exchange.people.person import Identifier, Said
from exchange.reports.disciplines import discipline_of
from exchange.reports.document_text import content_items, moment, read_text
from exchange.reports.report import (
    OF_FLAGS,
    Content,
    Form,
    Part,
    Performer,
    ReportKey,
    ReportSource,
    ReportStatus,
    Section,
    Told,
)
from exchange.reports.titles import SOURCES, is_document, is_structured_report

_MEDIA_TYPES = {
    ReportSource.SR: "text/html",
    ReportSource.PDF: "application/pdf",
    ReportSource.CDA: "text/xml",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """An instance of the archive, as far as its report needs it."""

    uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    trust: str  # ODS code
    received_at: datetime
    modality: str  # of what the study shows, "" where it holds documents alone


def report_in(members: Members, kept: Kept) -> Told | None:
    """What the document says; None where it is no report. Raises Unreadable."""
    source = SOURCES.get(kept.sop_class_uid)
    if source is None:
        return None
    title = code_of(members, "0040A043")
    sections: Sequence[Section] = ()
    conclusion = ""
    if source is ReportSource.SR:
        tree = content_items(members)
        kinds = [each.kind for each in tree]
        template = text_of((items_of(members, "0040A504") or [{}])[0], "0040DB00")
        counts = {"texts": kinds.count("TEXT"), "numbers": kinds.count("NUM")}
        if not is_structured_report(kept.sop_class_uid, template, title, **counts):
            return None
        sections, conclusion = read_text(tree)
    elif not is_document(title, text_of(members, "00420010")):
        return None
    name = (title.meaning if title else "") or text_of(members, "00420010") or text_of(members, "0008103E")
    form = Form(_MEDIA_TYPES[source], name, series_uid=kept.series_uid, instance_uid=kept.uid)
    verified = [each for each in items_of(members, "0040A073") if text_of(each, "0040A030")]
    moments = [moment(text_of(each, "0040A030")) for each in verified]
    written = moment(text_of(members, "00080023") + text_of(members, "00080033"))
    issued = max((each for each in moments if each is not None), default=written)
    content = Content(
        study_uid=kept.study_uid,
        accessions=tuple(filter(None, [text_of(members, "00080050")])),
        discipline=discipline_of(kept.modality),
        category=kept.modality,
        codes=(title,) if title is not None else (),
        issued=issued,
        effective=moment(text_of(members, "00080020") + text_of(members, "00080030")),
        performers=tuple(_performers(members)),
        sections=tuple(sections),
        conclusion=conclusion,
        forms=(form,),
        predecessors=tuple(_predecessors(members)),
    )
    key = ReportKey(kept.trust, source, "", kept.uid)
    return Told(key, _status(members), Said(issued or kept.received_at, kept.uid), content)


def _status(members: Members) -> ReportStatus:
    """PS3.3 §C.17.2, §C.24.2. A document without flags was verified by nobody who said so."""
    if text_of(members, "0040A496") == "PRELIMINARY":
        return ReportStatus.PRELIMINARY
    flags = text_of(members, "0040A491") or "COMPLETE", text_of(members, "0040A493") or "UNVERIFIED"
    return OF_FLAGS.get(flags, ReportStatus.PRELIMINARY)


def _predecessors(members: Members) -> Iterator[str]:
    """Predecessor Documents Sequence (0040,A360)."""
    for study in items_of(members, "0040A360"):
        for series in items_of(study, "00081115"):
            for each in items_of(series, "00081199"):
                if uid := text_of(each, "00081155"):
                    yield uid


def _performers(members: Members) -> Iterator[Performer]:
    """Verifying Observer Sequence (0040,A073), else Author Observer Sequence (0040,A078)."""
    found = False
    for part, tag, name, who in (
        (Part.RESPONSIBLE, "0040A073", "0040A075", "0040A088"),
        (Part.AUTHOR, "0040A078", "0040A123", "00401101"),
    ):
        for each in [] if found else items_of(members, tag):
            spelt, code = spoken(text_of(each, name)), code_of(each, who)
            if spelt or code:
                found = True
                known = Identifier(code.value, code.scheme) if code and code.value and code.scheme else None
                yield Performer(spelt or (code.meaning if code else ""), part, known)
