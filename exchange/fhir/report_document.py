"""A report as a document (IHE MHD DocumentReference; NIR DocumentEntry): where it is fetched, and as what."""

from collections.abc import Mapping

from exchange.fhir.document_reference import (
    IHE_FORMATS,
    PROFILE,
    STUDY_DOCUMENT,
    context_of,
    security_label,
)
from exchange.fhir.identifiers import RFC_4122, SNOMED, Assigners, Json, opaque_id, organisation
from exchange.fhir.moments import as_instant
from exchange.fhir.subject import security, subject_of
from exchange.fhir.values import said
from exchange.people.person import Person
from exchange.record.study import SharedStudy
from exchange.reports.report import Discipline, Report, ReportStatus

_IMAGING_REPORT: Json = {"system": SNOMED, "code": "4201000179104", "display": "Imaging report"}

#: FHIR composition-status.
_DOC_STATUS: Mapping[ReportStatus, str] = {
    ReportStatus.REGISTERED: "preliminary",
    ReportStatus.PARTIAL: "preliminary",
    ReportStatus.PRELIMINARY: "preliminary",
    ReportStatus.FINAL: "final",
    ReportStatus.AMENDED: "amended",
    ReportStatus.CORRECTED: "amended",
    ReportStatus.APPENDED: "amended",
    ReportStatus.CANCELLED: "entered-in-error",
    ReportStatus.ENTERED_IN_ERROR: "entered-in-error",
}
#: IHE RAD TF-3, XDS-I.b format codes.
_FORMATS: Mapping[str, str] = {
    "application/pdf": "urn:ihe:rad:PDF",
    "text/plain": "urn:ihe:rad:TEXT",
}
_FHIR = "application/fhir+json"


def report_document_id(report: Report) -> str:
    """The id of a report's DocumentReference."""
    return f"{report.id}-report"


def as_report_document(
    report: Report,
    made: Json,
    study: SharedStudy,
    person: Person | None,
    facade: str,
    assigners: Assigners | None = None,
) -> Json:
    """`made` is its DiagnosticReport: the document is its first form that lies somewhere, else it itself.

    `facade` is the address of the FHIR service. Each version is a document of its own (`masterIdentifier`).
    """
    version = {"system": RFC_4122, "value": opaque_id("report", str(report.id), str(report.version))}
    coding = _IMAGING_REPORT if report.content.discipline is Discipline.RADIOLOGY else STUDY_DOCUMENT
    is_current = report.status.is_readable
    context = context_of(study, assigners)
    context["related"] = [*context["related"], {"reference": f"DiagnosticReport/{report.id}"}]
    return said(
        {
            "resourceType": "DocumentReference",
            "id": report_document_id(report),
            "meta": {"profile": [PROFILE], **security(person)},
            "masterIdentifier": version,
            "identifier": [version, *made["identifier"]],
            "status": "current" if is_current else "entered-in-error",
            "docStatus": _DOC_STATUS[report.status],
            "type": made["code"],
            "category": [{"coding": [coding]}],
            "subject": subject_of(study, person, assigners),
            "date": as_instant(report.changed_at),
            "author": [organisation(report.trust)],
            "custodian": organisation(report.trust),
            "securityLabel": [security_label(person)],
            "content": [_content(report, made, facade)],
            "context": context,
        }
    )


def _content(report: Report, made: Json, facade: str) -> Json:
    lies = next((each for each in made.get("presentedForm", ()) if each.get("url")), None)
    form = lies or {"contentType": _FHIR, "url": f"{facade}/DiagnosticReport/{report.id}"}
    created = report.content.issued or report.changed_at
    attachment = {**form, "language": "en-GB", "creation": as_instant(created)}
    code = _FORMATS.get(form["contentType"].partition(";")[0], "urn:ihe:rad")
    return {"attachment": attachment, "format": {"system": IHE_FORMATS, "code": code}}
