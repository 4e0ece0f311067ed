"""A report (UK Core DiagnosticReport 2.7.0; the National Imaging Repository's ImagingReport)."""

import base64
import re
from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from exchange.fhir.identifiers import (
    GMC_NUMBER,
    GMP_NUMBER,
    IDENTIFIER_TYPE,
    STUDY_UID,
    Assigners,
    Json,
    accession_identifier,
    oid,
    organisation,
    study_id,
)
from exchange.fhir.moments import as_instant
from exchange.fhir.subject import is_shielded, security, subject_of
from exchange.fhir.values import concept, modality, said
from exchange.people.person import Person
from exchange.record.study import SharedStudy
from exchange.reports.report import Discipline, Form, Part, Performer, Report, ReportSource

PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-DiagnosticReport"
_SERVICE_SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
_PARTICIPATIONS = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
_SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
_PEOPLE: Mapping[str, str] = {"GMC": GMC_NUMBER, "GMP": GMP_NUMBER, "SDS": _SDS_USER}

#: HL7 Table 0074 where a report is of one of these; one of a discipline that has none is named in words.
_SECTIONS: Mapping[str, str] = {
    "RAD": "Radiology", "SP": "Surgical Pathology", "CP": "Cytopathology", "CUS": "Cardiac Ultrasound",
    "CTH": "Cardiac Catheterization", "EC": "Electrocardiac (e.g., EKG, EEC, Holter)",
    "RUS": "Radiology Ultrasound",
    "NMS": "Nuclear Medicine Scan", "NMR": "Nuclear Magnetic Resonance", "VUS": "Vascular Ultrasound",
    "OUS": "OB Ultrasound", "XRC": "Cineradiograph", "RX": "Radiograph",
}  # fmt: skip
_OF_DISCIPLINE: Mapping[Discipline, str] = {Discipline.RADIOLOGY: "RAD", Discipline.PATHOLOGY: "SP"}
_WORDS: Mapping[Discipline, str] = {
    Discipline.RADIOLOGY: "Radiology",
    Discipline.PATHOLOGY: "Pathology",
    Discipline.CARDIOLOGY: "Cardiology",
    Discipline.OPHTHALMOLOGY: "Ophthalmology",
    Discipline.OTHER: "Diagnostic",
}
#: Defined Terms of Modality (0008,0060) that OBR-24 and documents have; two letters are enough to be one.
_MODALITY = re.compile(r"[A-Z][A-Z0-9]{1,15}")
#: What XML 1.0 cannot hold (§2.2).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_diagnostic_report(
    report: Report,
    study: SharedStudy,
    person: Person | None,
    dicomweb: str,
    reports: str,
    assigners: Assigners | None = None,
) -> Json:
    """A report as it stands, beside the study to which it belongs.

    `person` is whom that study is linked to. `dicomweb` and `reports` are addresses, without a slash at the
    end: documents of the archive are had under the one, those that came with messages under the other. Of
    what was withdrawn nothing is said but that it was; of a restricted person not who reported.
    """
    content = report.content
    made: Json = {
        "resourceType": "DiagnosticReport",
        "id": str(report.id),
        "meta": {"profile": [PROFILE], **security(person)},
        "identifier": [_identifier(each) for each in (report, *report.also)],
        "status": report.status.value,
        "category": _categories(report),
        "code": _code(report),
        "subject": subject_of(study, person, assigners),
        "performer": [organisation(report.trust)],
        "imagingStudy": [{"reference": f"ImagingStudy/{study_id(study.uid)}", "type": "ImagingStudy"}],
    }
    if study.accession:
        accession = accession_identifier(study.accession, study.accession_issuer, assigners)
        made["basedOn"] = [{"type": "ServiceRequest", "identifier": accession}]
    if content.effective is not None:
        made["effectiveDateTime"] = as_instant(content.effective)
    if content.issued is not None:
        made["issued"] = as_instant(content.issued)
    if not is_shielded(person):
        made["resultsInterpreter"] = [_interpreter(each, report.trust) for each in content.performers]
    if report.status.is_readable:
        made["text"] = {"status": "generated", "div": _narrative(report)}
        made["conclusion"] = _sayable(content.conclusion)
        forms = [_form(each, report, at, dicomweb, reports) for at, each in enumerate(content.forms, 1)]
        made["presentedForm"] = forms or _as_text(report)
    return said(made)


def _identifier(report: Report) -> Json:
    if not report.source.is_message:
        return {"system": STUDY_UID, "value": oid(report.document_uid)}
    by = f":{quote(report.assigner, safe='')}" if report.assigner else ""
    if report.source is ReportSource.MDM:
        return {
            "system": f"urn:id:{report.trust}:document{by}",
            "value": report.number,
            "assigner": organisation(report.trust),
        }
    return {
        "type": {
            "coding": [{"system": IDENTIFIER_TYPE, "code": "FILL", "display": "Filler Identifier"}],
        },
        "system": f"urn:id:{report.trust}:report{by}",
        "value": report.number,
        "assigner": organisation(report.trust),
    }


def _categories(report: Report) -> list[Json]:
    """The section of the service (UK Core's example), and the modality where it is one (NIR)."""
    category, discipline = report.content.category, report.content.discipline
    section = category if category in _SECTIONS else _OF_DISCIPLINE.get(discipline, "")
    coding = (
        [{"system": _SERVICE_SECTIONS, "code": section, "display": _SECTIONS[section]}] if section else []
    )
    found = [said({"coding": coding, "text": "" if coding else _WORDS[discipline]})]
    if category not in _SECTIONS and _MODALITY.fullmatch(category):
        found.append({"coding": [modality(category)]})
    return found


def _code(report: Report) -> Json:
    codings = [coding for each in report.content.codes if each.value for coding in concept(each)["coding"]]
    words = next((each.meaning for each in report.content.codes if each.meaning), "")
    return said({"coding": codings, "text": words or f"{_WORDS[report.content.discipline]} report"})


def _interpreter(performer: Performer, trust: str) -> Json:
    primary = performer.part is not Part.ASSISTANT
    coding = {
        "system": _PARTICIPATIONS,
        "code": "PPRF" if primary else "SPRF",
        "display": "primary performer" if primary else "secondary performer",
    }
    found: Json = {
        "extension": [{"url": _FUNCTION, "valueCodeableConcept": {"coding": [coding]}}],
        "type": "Practitioner",
        "display": performer.name,
    }
    if known := performer.identifier:
        system = _PEOPLE.get(known.issuer) or f"urn:id:{quote(known.issuer, safe='')}:staff"
        found["identifier"] = {"system": system, "value": known.value}
    return found


def _form(form: Form, report: Report, number: int, dicomweb: str, reports: str) -> Json:
    url = form.url
    if form.instance_uid:
        url = (
            f"{dicomweb}/studies/{report.study_uid}/series/{form.series_uid}/instances/{form.instance_uid}"
            "/rendered"
        )
    elif form.digest:
        url = f"{reports}/{report.id}/forms/{number}"
    return said(
        {
            "contentType": form.content_type,
            "url": url,
            "size": form.size or None,
            "title": form.title,
        }
    )


def _as_text(report: Report) -> list[Json]:
    """The whole of a report that is text only, as it was issued."""
    lines = ["\n".join(filter(None, (each.heading, each.text))) for each in report.content.sections]
    text = _sayable("\n\n".join(lines) or report.content.conclusion)
    if not text:
        return []
    data = base64.b64encode(text.encode()).decode()
    return [{"contentType": "text/plain; charset=utf-8", "data": data, "size": len(text.encode())}]


def _narrative(report: Report) -> str:
    """FHIR R4 §2.4.0: XHTML without anything that could act, or be fetched."""
    parts = [f"<p><b>{_words(_code(report))}</b> ({report.status.value})</p>"]
    for each in report.content.sections:
        if each.heading:
            parts.append(f"<h4>{_xhtml(each.heading)}</h4>")
        parts.append("<p>{}</p>".format("<br/>".join(map(_xhtml, each.text.split("\n")))))
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(parts)}</div>'


def _words(code: Json) -> str:
    return _xhtml(str(code.get("text", "")))


def _xhtml(text: str) -> str:
    return escape(_sayable(text))


def _sayable(text: str) -> str:
    return _NOT_XML.sub("", text)
