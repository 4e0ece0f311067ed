"""Whom a resource is about: a person, or only a number as it was sent; and who may hear where they live."""

from exchange.fhir.identifiers import CONFIDENTIALITY, Assigners, Json, patient_identifier
from exchange.people.person import Identifier, NumberStatus, Person, Sensitivity
from exchange.record.study import SharedStudy

_WORDS = {
    Sensitivity.RESTRICTED: "restricted",
    Sensitivity.VERY_RESTRICTED: "very restricted",
}


def is_shielded(person: Person | None) -> bool:
    """Whether what tells where somebody lives or is cared for is left out (PDS: confidentiality R)."""
    return person is not None and person.sensitivity is not Sensitivity.NORMAL


def security(person: Person | None) -> Json:
    """`meta.security` of a shielded person's resources, as PDS says it; else nothing."""
    if person is None or person.sensitivity not in _WORDS:
        return {}
    code = {
        "system": CONFIDENTIALITY,
        "code": person.sensitivity.value,
        "display": _WORDS[person.sensitivity],
    }
    return {"security": [code]}


def subject_of_person(person: Person, assigners: Assigners | None = None) -> Json:
    """A reference to a person, with the number by which they are known."""
    return {
        "reference": f"Patient/{person.uid}",
        "type": "Patient",
        "identifier": patient_identifier(person.identifier, person.status, assigners),
    }


def subject_of(study: SharedStudy, person: Person | None, assigners: Assigners | None = None) -> Json:
    """Whom a study is linked to; else the number under which it came, marked as what a sender said."""
    if person is not None:
        return subject_of_person(person, assigners)
    if not study.patient_id:
        return {"type": "Patient", "display": "Not known: linked to nobody, and sent without a number"}
    sent = Identifier(study.patient_id, study.patient_issuer)
    return {
        "type": "Patient",
        "identifier": {**patient_identifier(sent, NumberStatus.NOT_TRACED, assigners), "use": "temp"},
        "display": "As sent: linked to nobody",
    }
