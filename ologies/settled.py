"""A case and what the file itself says, put together: pure.

What neither says is asked for; where they disagree, a person decides. Nothing is invented.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from ologies.case import Case, Device, Encounter, Laterality, Name, Sex
from ologies.errors import Asked
from ologies.nhs_number import is_nhs_number


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of itself; empty where it does not."""

    identifier: str = ""
    family: str = ""
    given: str = ""
    birth_date: date | None = None
    sex: Sex | None = None
    at: datetime | None = None  # when it was recorded; without zone where the file gives none
    device: Device = field(default_factory=Device)
    institution: str = ""
    laterality: Laterality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Everything that the common modules need, from case and file; complete."""

    patient_id: str
    issuer: str
    other_ids: tuple[tuple[str, str], ...]  # each with its issuer
    name: Name
    birth_date: date
    sex: Sex
    encounter: Encounter
    at: datetime
    device: Device
    institution: str
    laterality: Laterality | None
    case: Case  # for what only one specialty asks


def settle(case: Case, said: Said, unsaid: Sequence[str] = ()) -> Settled:
    """Raises Asked, with all that is missing and all that contradicts, at once.

    `unsaid` is what only this specialty needs, and nobody said.
    """
    contradicted = [*contradictions(case, said)]
    missing = [*_missing(case, said), *unsaid]
    if missing or contradicted:
        raise Asked(missing, contradicted)
    whose = case.person.patient_id()
    birth_date, sex = case.person.birth_date or said.birth_date, case.person.sex or said.sex
    at = case.encounter.at if said.at is None else said.at
    assert whose is not None
    assert birth_date is not None
    assert sex is not None
    assert at is not None
    return Settled(
        patient_id=whose[0],
        issuer=whose[1],
        other_ids=case.person.identifiers()[1:],
        name=case.person.name or Name(family=said.family, given=said.given),
        birth_date=birth_date,
        sex=sex,
        encounter=case.encounter,
        at=_with_zone(at, case.encounter.at),
        device=Device(
            manufacturer=said.device.manufacturer or case.device.manufacturer,
            model=said.device.model or case.device.model,
            serial_number=said.device.serial_number or case.device.serial_number,
            software=said.device.software or case.device.software,
        ),
        institution=said.institution or case.encounter.institution or "",
        laterality=case.laterality or said.laterality,
        case=case,
    )


def _missing(case: Case, said: Said) -> Iterator[str]:
    person, encounter = case.person, case.encounter
    if person.patient_id() is None:
        yield "person.nhs_number, or person.identifier with its issuer"
    if person.name is None and not said.family:
        yield "person.name"
    if person.birth_date is None and said.birth_date is None:
        yield "person.birth_date"
    if person.sex is None and said.sex is None:
        yield "person.sex"
    if not (encounter.number or encounter.accession or encounter.study_uid):
        yield "encounter.number, encounter.accession or encounter.study_uid"
    if encounter.at is None and said.at is None:
        yield "encounter.at"


def contradictions(case: Case, said: Said) -> Iterator[str]:
    """Fields of the case that another source contradicts."""
    person = case.person
    theirs = plain(said.identifier)
    if theirs and (person.identifier or person.nhs_number):
        known = {plain(each) for each, _ in person.identifiers()}
        # Another identifier may be of another issuer; an NHS number is one person's.
        if theirs not in known and (person.nhs_number is None or is_nhs_number(theirs)):
            yield "person.identifier"
    if person.name and said.family and plain(person.name.family) != plain(said.family):
        yield "person.name"
    if person.birth_date and said.birth_date and person.birth_date != said.birth_date:
        yield "person.birth_date"
    if person.sex and said.sex and person.sex is not said.sex:
        yield "person.sex"
    if case.laterality and said.laterality and case.laterality is not said.laterality:
        yield "laterality"


def plain(text: str) -> str:
    """Without what people write differently: case, accents, blanks, hyphens and leading zeros."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in letters if each.isalnum()).lstrip("0")


def _with_zone(at: datetime, other: datetime | None) -> datetime:
    """A device's clock gives no zone; the encounter's counts for it, if it gives one."""
    if at.tzinfo is None and other is not None and other.tzinfo is not None:
        return at.replace(tzinfo=other.tzinfo)
    return at
