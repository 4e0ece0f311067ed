"""Documents of studies, manifests and reports: found (IHE MHD ITI-67), and where they are had (ITI-68)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import sql

from exchange.fhir.document_reference import PROFILE, as_document_reference
from exchange.fhir.report_document import as_report_document
from exchange.manifests.manifest import Material, manifest_of
from exchange.manifests.reading import documents_of
from exchange.record.finding import CHANGED, STARTED_FIRST, Condition, matching, with_ids
from exchange.record.sorting import digits, moment
from viewer_api.fhir.answers import Made
from viewer_api.fhir.dates import changed, started
from viewer_api.fhir.known import Known
from viewer_api.fhir.made import report_of, with_patient
from viewer_api.fhir.matching import codes, has_token, is_at, numbers
from viewer_api.fhir.parameters import Asked
from viewer_api.fhir.resource import ID, LAST_UPDATED, PATIENT, SUBJECT, Parameter, ParameterType, Resource
from viewer_api.fhir.studies import Names
from viewer_api.fhir.study_routes import StudyKind

_MADO = "https://profiles.ihe.net/RAD/MADO/"
_SEARCH = f"{_MADO}SearchParameter/SearchParameterDocumentReference"

DOCUMENT_REFERENCE = Resource(
    "DocumentReference",
    "What documents there are of a study: its manifest, as DICOM KOS and as FHIR (IHE MADO), and its reports."
    " Each is fetched from content.attachment.url (ITI-68), as things stand then.",
    profiles=(
        PROFILE,
        f"{_MADO}StructureDefinition/MadoDicomKosDocumentReference",
        f"{_MADO}StructureDefinition/MadoFhirDocumentReference",
    ),
    parameters=(
        ID,
        LAST_UPDATED,
        PATIENT,
        SUBJECT,
        Parameter("status", ParameterType.TOKEN, "current, or entered-in-error of what was withdrawn"),
        Parameter("identifier", ParameterType.TOKEN, "The document's own number"),
        Parameter("category", ParameterType.TOKEN, "721981007 of studies, 4201000179104 of imaging reports"),
        Parameter("type", ParameterType.TOKEN, "What was done (NICIP, SNOMED CT)"),
        Parameter("format", ParameterType.TOKEN, "The format code"),
        Parameter(
            "contenttype", ParameterType.TOKEN, "application/dicom, application/fhir+json, application/pdf"
        ),
        Parameter("event", ParameterType.TOKEN, "A modality, or what was done"),
        Parameter("facility", ParameterType.TOKEN, "Where it was done: a hospital"),
        Parameter("setting", ParameterType.TOKEN, "The specialty (UKCore-PracticeSettingCode)"),
        Parameter("security-label", ParameterType.TOKEN, "U, R or V (v3-Confidentiality)"),
        Parameter("date", ParameterType.DATE, "When the document was made"),
        Parameter(
            "creation",
            ParameterType.DATE,
            "When its content was made",
            "https://profiles.ihe.net/ITI/MHD/SearchParameter/DocumentReference-Creation",
        ),
        Parameter("period", ParameterType.DATE, "When the study began"),
        Parameter(
            "related",
            ParameterType.REFERENCE,
            "The study, by its UID, or the order, by its accession number",
            chains=("identifier",),
        ),
        Parameter(
            "study-instance-uid", ParameterType.TOKEN, "The Study Instance UID", f"{_SEARCH}StudyInstanceUid"
        ),
        Parameter(
            "accession-number", ParameterType.TOKEN, "The accession number", f"{_SEARCH}AccessionNumber"
        ),
        Parameter("modality", ParameterType.TOKEN, "A series has this modality", f"{_SEARCH}Modality"),
        Parameter("bodysite", ParameterType.TOKEN, "A series is of this body site", f"{_SEARCH}BodySite"),
    ),
    includes=("DocumentReference:patient", "DocumentReference:subject"),
    sorts=("date", "period", "_lastUpdated"),
)

#: The documents of a study `s`, with their ids and dates.
_DOCUMENTS = (
    "select fhir_id('ImagingStudy', s.uid)::text || form as id,"
    " (select date_trunc('second', max(o.received_at)) from series r"
    " join instance n on n.series_id = r.id join object o on o.id = n.object_id"
    " where r.study_id = s.id and not n.hidden) as at from (values ('-kos'), ('-fhir')) forms (form)"
    " union all select r.uid::text || '-report', r.changed_at from report r"
    " where r.study_uid = s.uid and r.merged_into is null"
)


def _made(known: Known) -> Sequence[Made]:
    places, assigners = known.places, known.assigners
    material = Material(known.study, known.person, known.orders, known.holder, places.here, assigners)
    documents = documents_of(manifest_of(material), known.places.root)
    made = [as_document_reference(each, known.study, known.person, known.assigners) for each in documents]
    for report in known.reports:
        resource = report_of(report, known)
        made.append(
            as_report_document(
                report, resource, known.study, known.person, known.places.fhir, known.assigners
            )
        )
    return [Made(each, known.changed_at) for each in made]


def _place(id: str) -> Condition | None:
    uid, _, kind = id.rpartition("-")
    try:
        own = UUID(uid)
    except ValueError:
        return None
    if kind == "report":
        return matching(
            sql.SQL("s.uid in (select study_uid from report where uid = %s)"), own, is_narrow=True
        )
    return with_ids([own])


def _narrow(asked: Asked) -> list[Condition]:
    return started(asked.of("period")) + changed(asked.of("_lastUpdated"))


def _fits(asked: Asked, made: Made) -> bool:
    return all(_holds(made.resource, each.parameter.name, asked) for each in asked.values)


def _holds(document: Mapping[str, Any], name: str, asked: Asked) -> bool:
    content, context = document["content"][0], document["context"]
    attachment, form = content["attachment"], content["format"]
    tokens = {
        "status": [("http://hl7.org/fhir/document-reference-status", document["status"])],
        "identifier": numbers(document["identifier"]),
        "category": codes(*document["category"]),
        "type": codes(document["type"]),
        "format": [(form["system"], form["code"])],
        "contenttype": [("urn:ietf:bcp:13", attachment["contentType"])],
        "event": codes(*context.get("event", ())),
        "facility": codes(context["facilityType"]),
        "setting": codes(context["practiceSetting"]),
        "security-label": codes(*document["securityLabel"]),
    }
    moments = {"date": document["date"], "creation": attachment["creation"]}
    values = asked.of(name)
    if name in tokens:
        return all(has_token(tokens[name], each) for each in values)
    return name not in moments or all(is_at(moments[name], each) for each in values)


DOCUMENT_REFERENCES = StudyKind(
    DOCUMENT_REFERENCE,
    Names(numbers=("related",), study_uids=("study-instance-uid",), accessions=("accession-number",)),
    _made,
    _narrow,
    _place,
    _fits,
    {"DocumentReference:patient": with_patient, "DocumentReference:subject": with_patient},
    {
        "date": moment("unit.at"),
        "period": digits(STARTED_FIRST),
        LAST_UPDATED.name: moment(CHANGED),
    },
    _DOCUMENTS,
)
