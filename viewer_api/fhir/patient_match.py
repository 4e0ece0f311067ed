"""Who is like a patient that somebody describes (IHE PDQm ITI-119, FHIR R4 Patient $match).

Certain is whom the rules of linking would link a study with these details to: a verified number, and all else
that is known fits. Likeness makes the other grades, and nobody certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from exchange.fhir.identifiers import Assigners, Json
from exchange.fhir.patient import as_patient
from exchange.fhir.patient_in import PatientSaid, read_patient
from exchange.linking.likeness import likeness
from exchange.linking.link import LinkState, StudyIdentity
from exchange.linking.rules import Held, decide
from exchange.people.alike import alike
from exchange.people.directory import people, standings
from exchange.people.person import Identifier, Person, Sensitivity
from storage.driver_errors import mapped_errors
from viewer_api.fhir.disclosing import may_see
from viewer_api.fhir.outcomes import Refused
from viewer_api.fhir.study_routes import assigners_of
from viewer_api.parts import Working
from viewer_api.readers import Reader

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"

#: From which likeness on; whoever is less like is not answered.
PROBABLE, POSSIBLE = 0.85, 0.6
MOST = 50


@dataclass(frozen=True, slots=True)
class MatchAsked:
    """A patient, and which answers are wanted."""

    resource: Json
    count: int = MOST
    only_certain: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Somebody who is like them."""

    person: Person
    score: float
    grade: str


def match_input(resource: Json) -> MatchAsked:
    """From Parameters, or from a bare Patient (ITI-119 §2:3.119.4.1.2). Raises Refused."""
    if resource["resourceType"] == "Patient":
        return MatchAsked(resource)
    given = resource.get("parameter")
    if resource["resourceType"] != "Parameters" or not isinstance(given, list):
        raise Refused(HTTPStatus.BAD_REQUEST, "required", "Parameters with a resource, or a Patient")
    named = {each.get("name"): each for each in given if isinstance(each, dict)}
    patient = named.get("resource", {}).get("resource")
    if not isinstance(patient, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "required", "Parameters.parameter: resource is missing")
    count = named.get("count", {}).get("valueInteger", MOST)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "value", "Parameters.parameter: count is 1 or more")
    only_certain = named.get("onlyCertainMatches", {}).get("valueBoolean") is True
    return MatchAsked(patient, min(count, MOST), only_certain)


def match_bundle(base: str, matches: Sequence[Match], assigners: Assigners) -> Json:
    """The likeliest first, each with its score and grade (§2:3.119.4.2.2.4)."""
    entries = [
        {
            "fullUrl": f"{base}/Patient/{each.person.uid}",
            "resource": as_patient(each.person, assigners),
            "search": {
                "extension": [{"url": GRADE, "valueCode": each.grade}],
                "mode": "match",
                "score": each.score,
            },
        }
        for each in matches
    ]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return {**bundle, "entry": entries} if entries else bundle


@dataclass(frozen=True, slots=True)
class MatchDesk:
    """What is asked in threads."""

    work: Working

    def matches(self, reader: Reader, asked: MatchAsked) -> Sequence[Match]:
        """The likeliest first. Raises BadPatient."""
        said = read_patient(asked.resource, assigners_of(self.work))
        numbers = [*said.identifiers, *([Identifier.nhs(said.nhs_number)] if said.nhs_number else [])]
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            known = standings(connection, numbers)
            named = people(connection, {each.person_id for each in known.values()})
            near = {each.id: each for each in alike(connection, said.demographics)}
        found = grade(said, numbers, Held(known, named), list(near.values()))
        seen = [each for each in found if may_see(reader, None, each.person.uid)]
        if asked.only_certain:
            seen = [each for each in seen if each.grade == "certain"]
        return seen[: asked.count]


def grade(
    said: PatientSaid, numbers: Sequence[Identifier], held: Held, near: Sequence[Person]
) -> Sequence[Match]:
    """Everybody who is like them, the likeliest first. Pure."""
    about = said.demographics
    identity = StudyIdentity(
        tuple(numbers), about.name.dicom, about.birth_date, about.sex.value, "", about.postcode
    )
    decided = decide([identity], held, near)
    certain = decided.person_id if decided.state is LinkState.LINKED else None
    found = {each.id: each for each in (*held.people.values(), *near)}
    matches = []
    for person in found.values():
        if person.id == certain:
            matches.append(Match(person, 1.0, "certain"))
            continue
        if person.sensitivity is Sensitivity.VERY_RESTRICTED:
            continue  # nobody is led to such a record by likeness
        with_postcode = person.sensitivity is Sensitivity.NORMAL
        score = min(likeness(about, person.demographics, with_postcode=with_postcode).score, 0.99)
        if score >= POSSIBLE:
            matches.append(Match(person, score, "probable" if score >= PROBABLE else "possible"))
    return sorted(matches, key=lambda each: (-each.score, str(each.person.uid)))
