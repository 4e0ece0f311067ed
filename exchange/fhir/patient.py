"""People as UK Core patients (UKCore-Patient 2.6.1, FHIR R4 §8.1)."""

from collections.abc import Mapping

from exchange.fhir.identifiers import Assigners, Json, organisation, patient_identifier
from exchange.fhir.subject import is_shielded, security
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Sex,
)

PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"

#: FHIR AdministrativeGender. What nobody said is left out.
GENDERS: Mapping[Sex, str] = {Sex.FEMALE: "female", Sex.MALE: "male", Sex.OTHER: "other"}


def as_patient(person: Person, assigners: Assigners | None = None) -> Json:
    """A person, by the identifier for which the others stand.

    Of somebody whose record is restricted, nothing says where they are: neither address nor practice, as the
    PDS has it. Superseded NHS numbers are not theirs any more, and left out.
    """
    found = _about(person.demographics, is_restricted=is_shielded(person))
    return {
        "resourceType": "Patient",
        "id": str(person.uid),
        "meta": {"profile": [PROFILE], **security(person)},
        "identifier": identifiers(person, assigners),
        "active": True,
        **found,
    }


def identifiers(person: Person, assigners: Assigners | None = None) -> list[Json]:
    """The numbers by which somebody is known now, their NHS number first."""
    local = [each.identifier for each in person.others if not each.identifier.is_nhs]
    return [
        patient_identifier(person.identifier, person.status, assigners),
        *(patient_identifier(each, assigners=assigners) for each in local),
    ]


def as_replaced(
    uid: str, identifier: Identifier, status: NumberStatus, by: Person, assigners: Assigners | None = None
) -> Json:
    """A record that stands for somebody else's now: a merged one, or of a superseded number (§8.1.2).

    It says no more than where to look: what its own source last said of it is of the past.
    """
    return {
        "resourceType": "Patient",
        "id": uid,
        "meta": {"profile": [PROFILE]},
        "identifier": [{**patient_identifier(identifier, status, assigners), "use": "old"}],
        "active": False,
        "link": [{"other": {"reference": f"Patient/{by.uid}"}, "type": "replaced-by"}],
    }


def _about(said: Demographics, *, is_restricted: bool) -> Json:
    found: Json = {}
    if names := [as_name(each) for each in said.names]:
        found["name"] = names
    if said.sex in GENDERS:
        found["gender"] = GENDERS[said.sex]
    if said.birth_date:
        found["birthDate"] = as_date(said.birth_date)
    if said.died:
        found["deceasedDateTime"] = as_date(said.died)
    elif said.is_dead:
        found["deceasedBoolean"] = True
    if not is_restricted and (said.address or said.postcode):
        found["address"] = [_address(said)]
    if said.birth_order:
        found["multipleBirthInteger"] = said.birth_order
    elif said.birth_order == 0:
        found["multipleBirthBoolean"] = True
    if not is_restricted and said.practice:
        found["generalPractitioner"] = [organisation(said.practice)]
    return found


def as_name(name: PersonName) -> Json:
    """A HumanName."""
    parts = {
        "use": name.use,
        "family": name.family,
        "given": list(name.given),
        "prefix": [name.prefix] if name.prefix else [],
        "suffix": [name.suffix] if name.suffix else [],
    }
    return {key: value for key, value in parts.items() if value}


def as_date(digits: str) -> str:
    """YYYYMMDD, YYYYMM or YYYY, as a FHIR date."""
    return "-".join(part for part in (digits[:4], digits[4:6], digits[6:8]) if part)


def _address(said: Demographics) -> Json:
    found: Json = {"use": "home"}
    if said.address:
        found["line"] = list(said.address)
    if said.postcode:
        found["postalCode"] = said.postcode
    return found
