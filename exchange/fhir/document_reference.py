"""What documents there are of a study (IHE MHD and MADO DocumentReference; NIR DocumentEntry)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from exchange.fhir.body_sites import body_site
from exchange.fhir.identifiers import (
    CONFIDENTIALITY,
    DCM_UID,
    SNOMED,
    STUDY_UID,
    Assigners,
    Json,
    accession_identifier,
    organisation,
    patient_identifier,
    study_id,
    study_identifier,
)
from exchange.fhir.moments import as_instant, as_moment
from exchange.fhir.subject import security, subject_of
from exchange.fhir.values import modality, procedure_codes, said
from exchange.people.person import NHS, Identifier, Person, Sensitivity
from exchange.record.study import SharedStudy

PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-DocumentReference"
_MADO = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/"
_PRACTICE_SETTINGS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode"
IHE_FORMATS = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"

#: Practice settings (main specialties of the NHS Data Dictionary) by modality; of all others, radiology.
_SETTINGS: Mapping[str, str] = {
    "ECG": "320",
    "HD": "320",
    "IVUS": "320",
    "DMS": "330",
    "OP": "130",
    "OPT": "130",
    "OAM": "130",
    "OPV": "130",
    "ES": "301",
    "SM": "824",
    "GM": "824",
}
_RADIOLOGY = "810"


class Form(Enum):
    """How a manifest is written."""

    KOS = "kos"  # DICOM Key Object Selection (PS3.16 TID 2010)
    FHIR = "fhir"  # a FHIR document Bundle (IHE MADO)


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest that can be fetched."""

    form: Form
    uid: str  # SOP Instance UID of the KOS; both forms have the same
    url: str  # from where (MHD ITI-68)
    created: datetime


_MEDIA_TYPES: Mapping[Form, str] = {Form.KOS: "application/dicom", Form.FHIR: "application/fhir+json"}
_PROFILES: Mapping[Form, str] = {
    Form.KOS: "MadoDicomKosDocumentReference",
    Form.FHIR: "MadoFhirDocumentReference",
}
_FORMATS: Mapping[Form, Json] = {
    Form.KOS: {
        "system": DCM_UID,
        "code": "1.2.840.10008.5.1.4.1.1.88.59",
        "display": "Key Object Selection Document",
    },
    Form.FHIR: {"system": IHE_FORMATS, "code": "urn:ihe:rad:MADO:fhir-manifest:2026"},
}
_OTHER: Mapping[Form, Form] = {Form.KOS: Form.FHIR, Form.FHIR: Form.KOS}
#: What the document is, and its kind: of a study (SNOMED CT, as the NIR has it).
STUDY_DOCUMENT: Json = {"system": SNOMED, "code": "721981007", "display": "Diagnostic studies report"}


def document_id(study_uid: str, form: Form) -> str:
    """The id of the DocumentReference of a study's manifest."""
    return f"{study_id(study_uid)}-{form.value}"


def as_document_reference(
    document: Document, study: SharedStudy, person: Person | None, assigners: Assigners | None = None
) -> Json:
    """A study's manifest. Whom it is about is said as in its ImagingStudy."""
    master = {"system": STUDY_UID, "value": document.uid}
    procedures = procedure_codes(study)
    made: Json = {
        "resourceType": "DocumentReference",
        "id": document_id(study.uid, document.form),
        "meta": {"profile": [PROFILE, _MADO + _PROFILES[document.form]], **security(person)},
        "extension": _described(study),
        "masterIdentifier": master,
        "identifier": [{**master, "use": "usual"}],
        "status": "current",
        "docStatus": "final",
        "type": procedures[0] if procedures else {"coding": [STUDY_DOCUMENT]},
        "category": [{"coding": [STUDY_DOCUMENT]}],
        "subject": subject_of(study, person, assigners),
        "date": as_instant(document.created),
        "author": [organisation(study.trust)],
        "custodian": organisation(study.trust),
        "relatesTo": [
            {
                "code": "transforms",
                "target": {"reference": f"DocumentReference/{document_id(study.uid, _OTHER[document.form])}"},
            }
        ],
        "description": study.description,
        "securityLabel": [security_label(person)],
        "content": [
            {
                "attachment": said(
                    {
                        "contentType": _MEDIA_TYPES[document.form],
                        "language": "en-GB",
                        "url": document.url,
                        "creation": as_instant(document.created),
                    }
                ),
                "format": _FORMATS[document.form],
            }
        ],
        "context": context_of(study, assigners),
    }
    return said(made)


def context_of(study: SharedStudy, assigners: Assigners | None = None) -> Json:
    """What a document of a study is about (NIR DocumentEntry: `context`)."""
    related = [
        {"type": "ImagingStudy", "identifier": study_identifier(study.uid)},
    ]
    if study.accession:
        accession = accession_identifier(study.accession, study.accession_issuer, assigners)
        related.append({"type": "ServiceRequest", "identifier": accession})
    sent = Identifier(study.patient_id, study.patient_issuer)
    source = patient_identifier(sent, assigners=assigners) if sent.value and sent.issuer != NHS else None
    setting = next((_SETTINGS[each] for each in study.modalities if each in _SETTINGS), _RADIOLOGY)
    return said(
        {
            "event": [{"coding": [modality(each)]} for each in study.modalities] + procedure_codes(study),
            "period": said({"start": as_moment(study.date, study.time)}),
            "facilityType": {"coding": [{"system": SNOMED, "code": "22232009", "display": "Hospital"}]},
            "practiceSetting": {"coding": [{"system": _PRACTICE_SETTINGS, "code": setting}]},
            "sourcePatientInfo": {"type": "Patient", "identifier": source} if source else None,
            "related": related,
        }
    )


def security_label(person: Person | None) -> Json:
    """Unrestricted, or what the directory says of the person (v3-Confidentiality, as PDS has it)."""
    of_person = person.sensitivity if person else Sensitivity.NORMAL
    code = "U" if of_person is Sensitivity.NORMAL else of_person.value
    return {"coding": [{"system": CONFIDENTIALITY, "code": code}]}


def _described(study: SharedStudy) -> list[Json]:
    sites = [site for each in study.series if (site := body_site(each.body_part)) and "code" in site]
    unique = {site["code"]: site for site in sites}.values()
    return [
        *(_extension("modality", {"coding": [modality(each)]}) for each in study.modalities),
        *(_extension("bodySite", {"coding": [site]}) for site in unique),
    ]


def _extension(name: str, value: Json) -> Json:
    return {"url": f"{_MADO}ext-R5-DocumentReference.{name}", "valueCodeableConcept": value}
