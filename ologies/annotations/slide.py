"""The slide that annotations are of: what the case says of it, or its own DICOM header."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

from ologies.case import Case, Encounter, Name, Person, SlideFacts
from ologies.errors import Asked, BadCase
from ologies.headers import said_by_header
from ologies.nhs_number import NHS_NUMBER_ISSUER, is_nhs_number
from ologies.settled import Said, contradictions

_Part = TypeVar("_Part", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Slide:
    """The base level of a slide: its object, and the pixels that annotations count."""

    study_uid: str
    series_uid: str
    instance_uid: str
    columns: int
    rows: int


_NEEDED = tuple(field.name for field in fields(Slide))


def slide_of(case: Case) -> Slide | None:
    """None where the case leaves out any of it."""
    found = [getattr(case.slide, name) for name in _NEEDED]
    return None if None in found else Slide(*found)


def unsaid(case: Case, in_nanometres: bool) -> list[str]:
    """What annotations need of the slide, and the case leaves out."""
    names = (*_NEEDED, "microns_per_pixel", "centre_offset_nm") if in_nanometres else _NEEDED
    return [f"slide.{name}" for name in names if getattr(case.slide, name) is None]


def in_its_study(case: Case) -> Case:
    """The same case, of the slide's study. Raises Asked where it names another."""
    if case.encounter.study_uid not in (None, case.slide.study_uid):
        raise Asked([], ["encounter.study_uid"])
    encounter = case.encounter.model_copy(update={"study_uid": case.slide.study_uid})
    return case.model_copy(update={"encounter": encounter})


def within_slide(case: Case, slide: Dataset) -> Case:
    """The case with what the slide's own header says: what is left out is taken from there, person and all.

    `slide` is the base level of a whole slide image. Raises BadCase where it is none, Asked where the
    case says otherwise.
    """
    facts = _facts(slide)
    said = said_by_header(slide)
    against = list(contradictions(case, said))
    if case.encounter.study_uid not in (None, facts.study_uid):
        against.append("encounter.study_uid")
    against += [
        f"slide.{name}" for name in ("study_uid", "series_uid", "instance_uid", "columns", "rows")
        if getattr(case.slide, name) not in (None, getattr(facts, name))
    ]  # fmt: skip
    if against:
        raise Asked([], against)
    person, encounter = _person(slide, said), _encounter(slide, facts)
    if case.person.patient_id() is not None:
        # Whose it is was said; an identifier counts only with its own issuer.
        person = person.model_copy(update={"identifier": None, "issuer": None})
    if case.encounter.issuer is not None:
        encounter = encounter.model_copy(update={"number": None, "accession": None, "issuer": None})
    return case.model_copy(
        update={
            "person": _filled(case.person, person),
            "encounter": _filled(case.encounter, encounter),
            "slide": _filled(case.slide, facts),
        }
    )


def _filled(case: _Part, header: _Part) -> _Part:
    """The first, with what only the second says."""
    names = type(case).model_fields
    return case.model_copy(
        update={name: getattr(header, name) for name in names if getattr(case, name) is None}
    )


def _facts(slide: Dataset) -> SlideFacts:
    kind = slide.get("ImageType")
    words = [str(each) for each in kind] if isinstance(kind, MultiValue) else []
    if slide.get("SOPClassUID") != VLWholeSlideMicroscopyImageStorage or "VOLUME" not in words:
        raise BadCase("what is named as the slide is no whole slide image with its tissue")
    if "RESAMPLED" in words:
        raise BadCase(
            "what is named as the slide is a smaller level of it: annotations count the base level's pixels"
        )
    measures = (_first(_first(slide, "SharedFunctionalGroupsSequence"), "PixelMeasuresSequence")).get(
        "PixelSpacing"
    )
    # Pixel Spacing is down, then across, in millimetres (PS3.3 §10.7.1.3).
    size = (float(measures[1]) * 1000, float(measures[0]) * 1000) if measures else None
    facts = _read(
        SlideFacts,
        study_uid=slide.get("StudyInstanceUID"),
        series_uid=slide.get("SeriesInstanceUID"),
        instance_uid=slide.get("SOPInstanceUID"),
        columns=slide.get("TotalPixelMatrixColumns"),
        rows=slide.get("TotalPixelMatrixRows"),
        microns_per_pixel=size,
    )
    if any(getattr(facts, name) is None for name in _NEEDED):
        raise BadCase("the slide's header lacks a UID or the size of its total pixel matrix")
    return facts


def _first(dataset: Dataset, keyword: str) -> Dataset:
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else Dataset()


def _person(slide: Dataset, said: Said) -> Person:
    issuer = str(slide.get("IssuerOfPatientID") or "")
    numbers = {said.identifier} if issuer == NHS_NUMBER_ISSUER else set()
    for other in slide.get("OtherPatientIDsSequence") or ():
        if other.get("IssuerOfPatientID") == NHS_NUMBER_ISSUER:
            numbers.add(str(other.get("PatientID") or ""))
    known = [number for number in numbers if is_nhs_number(number)]
    is_local = bool(said.identifier and issuer) and issuer != NHS_NUMBER_ISSUER
    return _read(
        Person,
        identifier=said.identifier if is_local else None,
        issuer=issuer if is_local else None,
        nhs_number=known[0] if len(known) == 1 else None,
        name=Name(family=said.family, given=said.given) if said.family else None,
        birth_date=said.birth_date,
        sex=said.sex,
    )


def _encounter(slide: Dataset, facts: SlideFacts) -> Encounter:
    """Its study as the slide has it: one encounter is one study."""
    issuers = {
        str(_first(slide, keyword).get("LocalNamespaceEntityID") or "")
        for keyword in ("IssuerOfAccessionNumberSequence", "IssuerOfAdmissionIDSequence")
    } - {""}
    issuer = issuers.pop() if len(issuers) == 1 else None
    return _read(
        Encounter,
        study_uid=facts.study_uid,
        issuer=issuer,
        accession=(slide.get("AccessionNumber") or None) if issuer else None,
        number=(slide.get("AdmissionID") or None) if issuer else None,
        at=_moment(slide),
        description=slide.get("StudyDescription") or None,
    )


def _read(part: type[_Part], **values: Any) -> _Part:
    try:
        return part(**values)
    except ValidationError as error:
        raise BadCase(
            "the slide's header holds what no case may have: a name, a number or a UID out of shape"
        ) from error


def _moment(slide: Dataset) -> datetime | None:
    """When the study began (Study Date, Study Time), in the zone that the object says."""
    time = str(slide.get("StudyTime") or "").partition(".")[0].ljust(6, "0")
    zone = str(slide.get("TimezoneOffsetFromUTC") or "")
    try:
        if zone:
            return datetime.strptime(f"{slide.get('StudyDate')}{time}{zone}", "%Y%m%d%H%M%S%z")
        return datetime.strptime(f"{slide.get('StudyDate')}{time}", "%Y%m%d%H%M%S")  # noqa: DTZ007 - none is said
    except ValueError:
        return None
