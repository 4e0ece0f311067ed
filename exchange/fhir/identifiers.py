"""Numbers and who gave them out, as FHIR says it: systems, types, assigners (UK Core; facts of the NIR).

An NHS number has the NHS's system. A trust's own numbers are of a system made of the trust's issuer, the
namespace in which they count: `urn:id:RBL:mrn` for patients, `urn:id:RBL:accession` for orders; an issuer
that is an OID is `urn:oid:…` for both. Where the registry says by which system others know a trust's patient
numbers, they go out under that. Both can be read back (`issuer_in`).
"""

import re
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from exchange.people.person import NHS, Identifier, NumberStatus
from exchange.trusts import Trust

Json = dict[str, Any]
#: Trusts by the issuer of their numbers.
Assigners = Mapping[str, Trust]

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANISATION = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE = "https://fhir.nhs.uk/Id/ods-site-code"
GMC_NUMBER = "https://fhir.hl7.org.uk/Id/gmc-number"
GMP_NUMBER = "https://fhir.hl7.org.uk/Id/gmp-number"

STUDY_UID = "urn:dicom:uid"
URI = "urn:ietf:rfc:3986"
RFC_4122 = "https://tools.ietf.org/html/rfc4122"

DCM = "http://dicom.nema.org/resources/ontology/DCM"
DCM_UID = "http://dicom.nema.org/resources/ontology/DCMUID"
SNOMED = "http://snomed.info/sct"
NICIP = "https://nicip.nhs.uk"
LOINC = "http://loinc.org"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

NUMBER_STATUS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
NUMBER_STATUS_EXTENSION = (
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
)
#: Words of UKCore-NHSNumberVerificationStatusEngland.
_STATUS_WORDS: Mapping[NumberStatus, str] = {
    NumberStatus.VERIFIED: "Number present and verified",
    NumberStatus.NOT_TRACED: "Number present but not traced",
    NumberStatus.TRACE_REQUIRED: "Trace required",
    NumberStatus.NO_MATCH: "Trace attempted - No match or multiple match found",
    NumberStatus.TO_BE_RESOLVED: "Trace needs to be resolved - (NHS number or patient detail conflict)",
    NumberStatus.IN_PROGRESS: "Trace in progress",
    NumberStatus.NOT_PRESENT: "Number not present and trace not required",
    NumberStatus.POSTPONED: "Trace postponed (baby under six weeks old)",
}

#: Systems of codes by how DICOM and HL7 v2 name them (PS3.16 §8.2); of others, `urn:id:`.
_CODE_SYSTEMS: Mapping[str, str] = {
    "SCT": SNOMED,
    "SNOMED": SNOMED,
    "DCM": DCM,
    "LN": LOINC,
    "NICIP": NICIP,
    "99NICIP": NICIP,
}


class Kind(Enum):
    """What a trust numbers, and the types of such identifiers (HL7 v2 table 0203; PS3.16 CID 7203)."""

    PATIENT = "mrn"
    ACCESSION = "accession"


_LOCAL = re.compile(r"urn:id:(.+):(mrn|accession)")
_CODES = re.compile(r"urn:id:(.+):codes")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def opaque_id(resource: str, *name: str) -> str:
    """A FHIR id that is always the same, and tells nobody of what: a UUID of version 8 (RFC 9562 §B.2).

    The database makes the same of what it holds (`fhir_id` in storage/schema), and so finds it again.
    """
    digest = bytearray(sha256(" ".join((resource, *name)).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))


def study_id(study_uid: str) -> str:
    """The id of a study's ImagingStudy."""
    return opaque_id("ImagingStudy", study_uid)


def patient_system(issuer: str, assigners: Assigners | None = None) -> str:
    """The system of patients' numbers that an issuer gave out."""
    if issuer == NHS:
        return NHS_NUMBER
    trust = (assigners or {}).get(issuer)
    return trust.number_system if trust and trust.number_system else _local_system(issuer, Kind.PATIENT)


def accession_system(issuer: str) -> str:
    """The system of accession numbers that an issuer gave out."""
    return _local_system(issuer, Kind.ACCESSION)


def _local_system(issuer: str, kind: Kind) -> str:
    return f"urn:oid:{issuer}" if _OID.fullmatch(issuer) else f"urn:id:{quote(issuer, safe='')}:{kind.value}"


def issuer_in(system: str, assigners: Assigners | None = None) -> str | None:
    """Whose numbers are of this system; None for systems of which we know nobody.

    The bare issuer is taken as well: an ODS code, as DICOM and HL7 say it.
    """
    for issuer, trust in (assigners or {}).items():
        if system and trust.number_system == system:
            return issuer
    if system == NHS_NUMBER:
        return NHS
    if found := _LOCAL.fullmatch(system):
        return unquote(found[1])
    if system.startswith("urn:oid:") and _OID.fullmatch(system.removeprefix("urn:oid:")):
        return system.removeprefix("urn:oid:")
    return system if system and ":" not in system else None


def patient_identifier(
    identifier: Identifier,
    status: NumberStatus = NumberStatus.NOT_PRESENT,
    assigners: Assigners | None = None,
) -> Json:
    """A patient's number (UKCore-Patient; of the NHS with its verification status)."""
    if identifier.is_nhs:
        return {
            "extension": [number_status(status)],
            "use": "official",
            "type": _type(("NH", "National unique individual identifier")),
            "system": NHS_NUMBER,
            "value": identifier.value,
        }
    return {
        "use": "usual",
        "type": _type(("MR", "Medical record number")),
        "system": patient_system(identifier.issuer, assigners),
        "value": identifier.value,
        **_assigner(identifier.issuer, assigners or {}),
    }


def number_status(status: NumberStatus) -> Json:
    """The extension that says what became of tracing an NHS number."""
    coding = {"system": NUMBER_STATUS, "code": status.value, "display": _STATUS_WORDS[status]}
    return {"url": NUMBER_STATUS_EXTENSION, "valueCodeableConcept": {"coding": [coding]}}


def accession_identifier(accession: str, issuer: str, assigners: Assigners | None = None) -> Json:
    """An accession number (MADO Accession Number Identifier; DICOM (0008,0050), (0008,0051))."""
    codings = [
        {"system": IDENTIFIER_TYPE, "code": "ACSN", "display": "Accession ID"},
        {"system": DCM, "code": "121022", "display": "Accession Number"},
    ]
    return {
        "type": {"coding": codings},
        "system": accession_system(issuer),
        "value": accession,
        **_assigner(issuer, assigners or {}),
    }


def study_identifier(study_uid: str) -> Json:
    """A Study Instance UID (FHIR R4 §ImagingStudy; MADO Study Instance UID Identifier)."""
    coding = {"system": DCM, "code": "110180", "display": "Study Instance UID"}
    return {"use": "official", "type": {"coding": [coding]}, "system": STUDY_UID, "value": oid(study_uid)}


def order_identifier(kind: str, number: str, ods_code: str) -> Json:
    """A placer's (PLAC) or filler's (FILL) number of an order (HL7 v2 ORC-2, ORC-3)."""
    words = {"PLAC": "Placer Identifier", "FILL": "Filler Identifier"}
    return {
        "type": _type((kind, words[kind])),
        "system": f"urn:id:{quote(ods_code, safe='')}:{words[kind].split()[0].lower()}",
        "value": number,
        "assigner": organisation(ods_code),
    }


def organisation(ods_code: str, name: str = "") -> Json:
    """A reference to a trust, or another organisation, by its ODS code alone."""
    return {
        "type": "Organization",
        "identifier": {"system": ODS_ORGANISATION, "value": ods_code},
        **({"display": name} if name else {}),
    }


def code_system(scheme: str) -> str:
    """The system of codes that DICOM designates so (PS3.16 §8.2)."""
    return _CODE_SYSTEMS.get(scheme.upper()) or f"urn:id:{quote(scheme, safe='')}:codes"


def scheme_of(system: str) -> str | None:
    """How DICOM designates a system of codes (PS3.16 §8.2); None for one that it cannot name."""
    if known := next((scheme for scheme, each in _CODE_SYSTEMS.items() if each == system), None):
        return known
    found = _CODES.fullmatch(system)
    return unquote(found[1]) if found else None


def oid(uid: str) -> str:
    """A UID as a URI."""
    return f"urn:oid:{uid}"


def _assigner(issuer: str, assigners: Assigners) -> Json:
    trust = assigners.get(issuer)
    return {"assigner": organisation(trust.ods_code, trust.name) if trust else {"display": issuer}}


def _type(*codes: tuple[str, str]) -> Json:
    return {"coding": [{"system": IDENTIFIER_TYPE, "code": code, "display": words} for code, words in codes]}
