"""A FHIR R4 server that is told of studies: all of a study in one transaction (§3.1.0.11).

Every resource is addressed by an identifier of ours, so that telling it again changes nothing, and a study
that becomes somebody else's moves in one step: nobody ever finds it with both. People are the record's own:
where it does not know one, it gets their NHS number and nothing more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from exchange.fhir.diagnostic_report import as_diagnostic_report
from exchange.fhir.document_reference import as_document_reference
from exchange.fhir.endpoint import as_endpoint, endpoint_id, retrieve_location
from exchange.fhir.identifiers import NHS_NUMBER, STUDY_UID, URI, Json, oid, patient_identifier
from exchange.fhir.imaging_study import as_imaging_study
from exchange.manifests.manifest import Here
from exchange.manifests.reading import documents_of
from exchange.people.person import Identifier, NumberStatus
from exchange.telling.fhir_retraction import Retraction, deletions
from exchange.telling.port import Heard, Later, NotHeard, Refused, TellingFailed
from exchange.telling.story import Story
from exchange.telling.thing import Act, Saying, Step
from exchange.telling.web import Answer, Web

#: Identifiers that only we give out are made in this space, of what our own facade calls them.
_OWN = UUID("0a5d0d4e-6c3b-5f0e-9d4e-2c9a7f1f3b57")
#: And names of entries in a Bundle in this one. A server puts the place of a resource wherever it reads the
#: name of its entry (§3.1.0.11.2), and some do so in identifiers too: none may be the name of an entry.
_ENTRIES = UUID("5c0e7f3a-9d0b-5a77-8f43-6f0d1c1e7a92")
#: Entries that every server takes at once: Medplum's limit, where it has to look for what it changes.
_FEW = 8
#: What a transaction may be answered because of what it deletes (R4 §3.1.0.7): the rest may be well.
_OF_DELETING = frozenset({404, 405, 409, 410, 412})


def conditional(kind: str, system: str, value: str) -> str:
    """The address of a resource by its identifier (FHIR R4 §3.1.0.5.1): the key of what is told."""
    return f"{kind}?identifier={system}|{value}"


def resources_of(story: Story) -> Mapping[str, Json]:
    """What the record holds of a study, by its address there: the study, both forms of its manifest, reports.

    References are as our facade has them.
    """
    study, person, here, assigners = story.study, story.person, story.here, story.assigners
    found = {
        conditional("ImagingStudy", STUDY_UID, oid(study.uid)): as_imaging_study(
            study, person, here.dicomweb_url, assigners
        )
    }
    made = [
        *(
            as_document_reference(each, study, person, assigners)
            for each in documents_of(story.manifest, here.public_url)
        ),
        *(
            as_diagnostic_report(each, study, person, here.dicomweb_url, reports_url(here), assigners)
            for each in story.reports
        ),
    ]
    return found | dict(_called(each) for each in made)


def reports_url(here: Here) -> str:
    """Under which the documents of reports are fetched that came with messages."""
    return f"{here.public_url.rstrip('/')}/reports"


def _called(resource: Json) -> tuple[str, Json]:
    """With an identifier of ours that stays, and its address by it: a manifest's own changes with the study,
    and a report's is its sender's, who may give it out twice."""
    place = f"{resource['resourceType']}/{resource['id']}"
    own = {"system": URI, "value": f"urn:uuid:{uuid5(_OWN, place)}"}
    called = {**resource, "identifier": [*resource.get("identifier", []), own]}
    return conditional(resource["resourceType"], own["system"], own["value"]), called


def transaction(steps: Sequence[Step], sayings: Sequence[Saying], here: Here) -> Json:
    """All that is to be held afterwards, and away with all else that is held."""
    wanted = {each.key for each in sayings}
    entries = deletions(step.key for step in steps if step.act is Act.RETRACT and step.key not in wanted)
    if sayings:
        entries += [
            _patient(sayings[0]),
            _endpoint(here.dicomweb_url),
            *(_resource(each) for each in sayings),
        ]
    places = {entry.pop("place"): entry["fullUrl"] for entry in entries if "place" in entry}
    for entry in entries:
        if "resource" in entry:
            entry["resource"] = _placed(entry["resource"], places)
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def in_parts(sayings: Sequence[Saying]) -> Sequence[Sequence[Saying]]:
    """So that each makes a small transaction: the study, to which the others refer, is in all of them."""
    study, others = sayings[0], sayings[1:]
    at_once = _FEW - len(("patient", "endpoint", "study"))
    return [(study, *others[at : at + at_once]) for at in range(0, len(others), at_once)] or [(study,)]


def _patient(saying: Saying) -> Json:
    """Whose all of it is, where the record does not know them yet (conditional create, §3.1.0.8.1)."""
    number = patient_identifier(Identifier.nhs(saying.number), NumberStatus.VERIFIED)
    return {
        "place": f"Patient/{saying.person}",
        "fullUrl": _full_url(f"Patient/{saying.person}"),
        "resource": {"resourceType": "Patient", "identifier": [number]},
        "request": {
            "method": "POST", "url": "Patient", "ifNoneExist": f"identifier={NHS_NUMBER}|{saying.number}",
        },
    }  # fmt: skip


def _endpoint(dicomweb: str) -> Json:
    """Where pixels are had: one for all studies."""
    number = {"system": URI, "value": f"urn:oid:{retrieve_location(dicomweb)}"}
    return {
        "place": f"Endpoint/{endpoint_id(dicomweb)}",
        "fullUrl": _full_url(f"Endpoint/{endpoint_id(dicomweb)}"),
        "resource": {**as_endpoint(dicomweb), "identifier": [number]},
        "request": {"method": "PUT", "url": conditional("Endpoint", number["system"], number["value"])},
    }


def _resource(saying: Saying) -> Json:
    """One that is told, in the place of what it replaces."""
    place = f"{saying.content['resourceType']}/{saying.content['id']}"
    return {
        "place": place,
        "fullUrl": _full_url(place),
        "resource": dict(saying.content),
        "request": {"method": "PUT", "url": saying.key},
    }


def _full_url(place: str) -> str:
    return f"urn:uuid:{uuid5(_ENTRIES, place)}"


def _placed(resource: Any, places: Mapping[str, str]) -> Any:
    """Without our ids, and with references to entries; what else it refers to is known by its identifier."""
    found = _mapped(resource, places)
    found.pop("id", None)
    return found


def _mapped(node: Any, places: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_mapped(each, places) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _mapped(each, places) for name, each in node.items() if name != "reference"}
    reference = node.get("reference")
    if isinstance(reference, str) and (reference in places or reference.startswith("#")):
        made["reference"] = places.get(reference, reference)
    return made


@dataclass(frozen=True, slots=True)
class FhirListener:
    """See Listener."""

    web: Web
    here: Here

    def sayings(self, story: Story) -> Sequence[Saying]:
        """See Listener.sayings."""
        person = story.person
        return [
            Saying(key, person.nhs_number, person.uid, resource)
            for key, resource in resources_of(story).items()
        ]

    def tell(self, steps: Sequence[Step], sayings: Sequence[Saying]) -> Iterator[Heard]:
        """See Listener.tell."""
        bundle = transaction(steps, sayings, self.here)
        answer = self._carried_out(bundle)
        if answer.is_good:
            yield from (Heard(step) for step in steps)
            return
        gone = [step for step in steps if step.act is Act.RETRACT]
        rest = [step for step in steps if step.act is not Act.RETRACT]
        # Whatever is wrong with what is told, what was of somebody else goes.
        yield from Retraction(self.web).of(gone)
        if rest and gone and answer.status in _OF_DELETING:
            bundle = transaction(rest, sayings, self.here)
            answer = self._carried_out(bundle)
            if answer.is_good:
                yield from (Heard(step) for step in rest)
                return
        if rest:
            failure = _failure(answer)
            if not isinstance(failure, Refused) or len(bundle["entry"]) <= _FEW:
                raise failure
            yield from self._in_parts(rest, sayings)

    def _in_parts(self, steps: Sequence[Step], sayings: Sequence[Saying]) -> Iterator[Heard]:
        """What is refused as a whole may be too much at once, or one report of many is not taken.

        What was of somebody else is gone by now. Raises what came of the first part that is not taken, after
        all others are.
        """
        due = {step.key: step for step in steps}
        failures: list[TellingFailed] = []
        for part in in_parts(sayings):
            answer = self._carried_out(transaction((), part, self.here))
            if answer.is_good:
                yield from (Heard(due.pop(each.key)) for each in part if each.key in due)
            else:
                failures.append(_failure(answer))
        if failures:
            raise failures[0]

    def _carried_out(self, bundle: Json) -> Answer:
        """What was answered to it, good or not. Raises NotHeard and Later."""
        answer = self.web.ask("POST", "", bundle)
        if answer.is_good:
            _answered(answer)
        return answer.as_whole

    def close(self) -> None:
        """See Listener.close."""
        self.web.close()


def _failure(answer: Answer) -> TellingFailed:
    """What it means for a transaction of which nothing is deleted."""
    if answer.status in (404, 405, 410):
        return NotHeard(f"nothing at its address takes transactions ({answer.words})")
    return answer.failure


def _answered(answer: Answer) -> None:
    """Raises Later where it is not what answers a transaction: some proxy answers for the server."""
    if not isinstance(answer.body, dict) or answer.body.get("type") != "transaction-response":
        raise Later(f"{answer.words} and no transaction-response")
