"""One encounter makes one study: a case before its file is wrapped, and the study that it joins."""

from ologies.case import Case, Identifier
from ologies.dataset import study_uid
from ologies.errors import Asked, BadCase
from storage.encounters import Encounters, OfAnother, Unclear
from storage.original import Named


def joined(case: Case, encounters: Encounters) -> Case:
    """The case, with the study that its encounter makes and the Patient ID that this study's instances bear.

    What a case does not say is asked for when its file is wrapped. Raises BadCase where the study is another
    person's, Asked where nothing tells which it is, and Unavailable.
    """
    patient, encounter = case.person.patient_id(), case.encounter
    if patient is None or not (encounter.study_uid or encounter.accession or encounter.number):
        return case
    try:
        found = encounters.study_of(
            named_by(case), study_uid(encounter, *patient), is_said=encounter.study_uid is not None
        )
    except OfAnother as error:
        raise BadCase(f"{error}: check encounter and person") from error
    except Unclear as error:
        raise Asked([error.missing], []) from error
    goes_by = Identifier(value=found.patient[0], issuer=found.patient[1]) if found.patient else None
    return case.model_copy(
        update={
            "person": case.person.model_copy(update={"goes_by": goes_by}),
            "encounter": encounter.model_copy(update={"study_uid": found.study_uid}),
        }
    )


def named_by(case: Case) -> Named:
    """Whose it is and of which encounter, in the archive's words."""
    person, encounter = case.person, case.encounter
    return Named(
        identifier=person.identifier or "",
        issuer=person.issuer or "",
        nhs_number=person.nhs_number or "",
        birth_date=f"{person.birth_date:%Y%m%d}" if person.birth_date else "",
        accession=encounter.accession or "",
        visit=encounter.number or "",
        encounter_issuer=encounter.issuer or "",
    )
