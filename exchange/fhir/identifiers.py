"""Who gives out identifiers, as FHIR names them: the systems of England, and those of each trust.

A trust's own numbers have a system of the trust's own, and say by `assigner` whose they are: the value means
nothing without both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID, uuid5

from exchange.people.person import NHS, Identifier
from exchange.trusts import Trust

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANIZATION = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE = "https://fhir.nhs.uk/Id/ods-site-code"
SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
GMC_NUMBER = "https://fhir.hl7.org.uk/Id/gmc-number"
GMP_NUMBER = "https://fhir.hl7.org.uk/Id/gmp-number"
DICOM_UID = "urn:dicom:uid"

#: Of identifiers of any source in the older Care Connect profiles; only the assigner says whose they are.
LOCAL_PATIENT = "https://fhir.nhs.uk/Id/local-patient-identifier"

#: HL7 v2 table 0203: what kind of identifier it is.
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"

#: UUIDs of systems that nobody configured are made in this space, of what they are for and their issuer.
_SYSTEMS = UUID("6d3f0f0c-9c1e-5d0a-8a53-1d9a8a6f4f11")


def made_system(kind: str, issuer: str) -> str:
    """The system of an issuer's numbers of one kind, where nobody configured another.

    An OID of a UUID (PS3.5 §B.2, Rec. ITU-T X.667), the same wherever and whenever it is made.
    """
    return f"urn:oid:2.25.{uuid5(_SYSTEMS, f'{kind} {issuer}').int}"


def ods_reference(code: str) -> dict[str, Any]:
    """A reference to an organisation by its ODS code alone."""
    return {"type": "Organization", "identifier": {"system": ODS_ORGANIZATION, "value": code}}


def kind_of_identifier(code: str) -> dict[str, Any]:
    """`Identifier.type`, such as MR or ACSN."""
    return {"coding": [{"system": IDENTIFIER_TYPE, "code": code}]}


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The issuers we know, and the FHIR systems of their numbers."""

    trusts: Mapping[str, Trust]  # by issuer

    @classmethod
    def of(cls, trusts: Iterable[Trust]) -> Self:
        """Those of the registry."""
        return cls({each.issuer: each for each in trusts})

    def patients(self, issuer: str) -> str:
        """The system of the numbers by which an issuer knows its patients."""
        return NHS_NUMBER if issuer == NHS else made_system("patients", issuer)

    def accessions(self, issuer: str) -> str:
        """The system of an issuer's accession numbers."""
        return made_system("accessions", issuer)

    def issuer_of_patients(self, system: str, assigner: str = "") -> str | None:
        """Whose patients a system numbers, None where we do not know it.

        `assigner` is the ODS code that came with an identifier, for systems that are of no one trust.
        """
        if system == NHS_NUMBER:
            return NHS
        if system == LOCAL_PATIENT:
            return next((issuer for issuer, each in self.trusts.items() if each.ods_code == assigner), None)
        return next((issuer for issuer in self.trusts if self.patients(issuer) == system), None)

    def issuer_of_accessions(self, system: str) -> str | None:
        """Whose accession numbers a system is for."""
        return next((issuer for issuer in self.trusts if self.accessions(issuer) == system), None)

    def patient_identifier(self, identifier: Identifier) -> dict[str, Any]:
        """A trust's own number of a patient (type MR), or an NHS number without more."""
        found: dict[str, Any] = {"system": self.patients(identifier.issuer), "value": identifier.value}
        if identifier.is_nhs:
            return found
        found = {"type": kind_of_identifier("MR"), **found}
        trust = self.trusts.get(identifier.issuer)
        return {**found, "assigner": ods_reference(trust.ods_code)} if trust else found
