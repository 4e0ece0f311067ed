"""The National Record Locator, or a registry like it, that is told by pointers: who holds what of whom.

It gives a pointer its id when it is made, so what became of a pointer whose answer was lost is asked by the
person it is of; and a pointer never changes whose it is: the old one is deleted before the new one is made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4, uuid5

from exchange.fhir.document_reference import as_document_reference
from exchange.fhir.identifiers import NHS_NUMBER, NICIP, SNOMED, URI, Json, organisation
from exchange.manifests.manifest import Manifest
from exchange.manifests.reading import Encoding, address, documents_of
from exchange.telling.nrl_rules import (
    CATEGORIES,
    FORMAT_WORDS,
    FORMATS,
    PRACTICE_SETTINGS,
    STABILITIES,
    STABILITY,
    TYPES,
    of_draft,
    strict,
)
from exchange.telling.port import Heard, LeftOut, Refused
from exchange.telling.story import Story
from exchange.telling.subscriber import Manner
from exchange.telling.thing import Act, Saying, Step
from exchange.telling.web import Answer, Web

KEY = "pointer"

#: Pointers are called by UUIDs made in this space, of custodian, study and person.
_POINTERS = UUID("5b0a9a3e-2d64-5c0a-8e0c-0b6a3d1f7c21")

#: Under which of the practice settings a study stands, by modality; all others under the first.
_SETTINGS: Mapping[str, str] = {
    **dict.fromkeys(("ECG", "HD", "IVUS"), "789718008"),
    **dict.fromkeys(("SM", "GM"), "708183009"),
    "DMS": "23871000087101",
}
_IMAGING = "708175003"


def pointer_of(story: Story, custodian: str) -> Json:
    """A pointer that the NRL takes. Raises LeftOut for a study that is none of its types."""
    codes = [(NICIP, each.value) for each in story.study.codes if each.scheme.upper() in ("NICIP", "99NICIP")]
    known = next((each for each in codes if each in TYPES), None)
    if known is None:
        raise LeftOut("left out: the NRL has no pointer type for what was done")
    words, category = TYPES[known]
    setting = next((_SETTINGS[each] for each in story.study.modalities if each in _SETTINGS), _IMAGING)
    stable = {"system": STABILITIES, "code": "dynamic", "display": "Dynamic"}
    code = "urn:nhs-ic:structured"
    return {
        **_whose(story, custodian),
        "type": {"coding": [{"system": known[0], "code": known[1], "display": words}]},
        "category": [{"coding": [{"system": SNOMED, "code": category, "display": CATEGORIES[category]}]}],
        "content": [
            {
                "attachment": {
                    "contentType": "application/fhir+json",
                    "url": address(story.here.public_url, story.study.uid, Encoding.FHIR),
                },
                "format": {"system": FORMATS, "code": code, "display": FORMAT_WORDS[code]},
                "extension": [{"url": STABILITY, "valueCodeableConcept": {"coding": [stable]}}],
            }
        ],
        "context": {
            "practiceSetting": {
                "coding": [{"system": SNOMED, "code": setting, "display": PRACTICE_SETTINGS[setting]}]
            }
        },
    }


def entry_of(story: Story, custodian: str) -> Json:
    """An entry as the imaging registry's draft has it. Raises LeftOut for one without an accession number."""
    if not story.study.accession:
        raise LeftOut("left out: the registry's draft asks for an accession number, and the study has none")
    manifest: Manifest = story.manifest
    document, _ = documents_of(manifest, story.here.public_url)
    made = as_document_reference(document, story.study, story.person, story.assigners)
    attachment = {
        **made["content"][0]["attachment"],
        "contentType": "application/dicom+json",
        "url": f"{story.here.dicomweb_url}/studies/{story.study.uid}/metadata",
    }
    form = {
        "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
        "code": "urn:ihe:rad",
        "display": "Radiology Domain",
    }
    kept = ("type", "category", "securityLabel", "context", "description")
    return {
        **{name: made[name] for name in kept if name in made},
        **_whose(story, custodian),
        "content": [{"attachment": attachment, "format": form}],
    }


def _whose(story: Story, custodian: str) -> Json:
    name = uuid5(_POINTERS, f"{custodian} {story.study.uid} {story.person.nhs_number}")
    own = {"system": URI, "value": f"urn:uuid:{name}"}
    return {
        "resourceType": "DocumentReference",
        "id": f"{custodian}-{name}",
        "masterIdentifier": own,
        "identifier": [own],
        "status": "current",
        "subject": {"identifier": {"system": NHS_NUMBER, "value": story.person.nhs_number}},
        "author": [organisation(story.study.trust)],
        "custodian": organisation(custodian),
    }


@dataclass(frozen=True, slots=True)
class NrlListener:
    """See Listener."""

    web: Web
    manner: Manner

    def sayings(self, story: Story) -> Sequence[Saying]:
        """See Listener.sayings."""
        make = pointer_of if self.manner.is_strict else entry_of
        pointer = make(story, self.manner.custodian)
        return [Saying(KEY, story.person.nhs_number, story.person.uid, pointer, _name(pointer))]

    def tell(self, steps: Sequence[Step], sayings: Sequence[Saying]) -> Iterator[Heard]:
        """See Listener.tell."""
        for step in steps:
            if step.act is Act.RETRACT:
                for id in self._known(step):
                    self._delete(id)
                yield Heard(step)
            else:
                assert step.saying is not None
                self._check(step.saying.content)
                yield Heard(step, self._put(step))

    def close(self) -> None:
        """See Listener.close."""
        self.web.close()

    def _check(self, pointer: Mapping[str, Any]) -> None:
        """Raises Refused, before anything leaves."""
        found = strict(dict(pointer)) if self.manner.is_strict else of_draft(dict(pointer))
        if found:
            raise Refused(f"not sent, it would be refused: {'; '.join(found)}")

    def _put(self, step: Step) -> str:
        """Make or change it; its id there."""
        assert step.saying is not None
        pointer = dict(step.saying.content)
        known = self._known(step) if step.before is not None else []
        if not known:
            return self._make(pointer)
        id, *more = known
        for each in more:
            self._delete(each)
        answer = self._ask("PUT", f"DocumentReference/{id}", {**pointer, "id": id})
        if answer.is_good:
            return id
        if answer.status in (404, 410):
            return self._make(pointer)
        # Who made it may not be changed: it is superseded. Nor may its type, even so: it is another pointer.
        target = {"type": "DocumentReference", "identifier": {"value": id}}
        superseding = {**pointer, "relatesTo": [{"code": "replaces", "target": target}]}
        answer = self._ask("POST", "DocumentReference", superseding)
        if answer.is_good:
            return _given(answer, pointer)
        self._delete(id)
        return self._make(pointer)

    def _make(self, pointer: Json) -> str:
        return _given(self._good(self._ask("POST", "DocumentReference", pointer)), pointer)

    def _delete(self, id: str) -> None:
        answer = self._ask("DELETE", f"DocumentReference/{id}")
        if answer.status not in (404, 410):
            self._good(answer)

    def _known(self, step: Step) -> list[str]:
        """Its ids there: as it said when it was made, or as it says now where that was not heard."""
        assert step.before is not None
        notes = step.before.notes
        called = {each for each in notes if each.startswith("urn:")}
        ids = [each for each in notes if each not in called]
        if not called:
            return ids
        asked = urlencode({"subject:identifier": f"{NHS_NUMBER}|{step.number}"}).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._good(self._ask("POST", "DocumentReference/_search", asked, form))
        entries = answer.body.get("entry", []) if isinstance(answer.body, dict) else []
        found = [each.get("resource", {}) for each in entries if isinstance(each, dict)]
        more = [each["id"] for each in found if _name(each) in called and isinstance(each.get("id"), str)]
        return list(dict.fromkeys((*ids, *more)))

    def _ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        own = {"X-Request-ID": str(uuid4()), "NHSD-End-User-Organisation-ODS": self.manner.custodian}
        return self.web.ask(method, path, body, {**own, **(headers or {})})

    def _good(self, answer: Answer) -> Answer:
        if not answer.is_good:
            raise answer.failure
        return answer


def _given(answer: Answer, pointer: Json) -> str:
    """The id that a pointer was given."""
    given = answer.headers.get("location", "").partition("/_history")[0].rstrip("/").rpartition("/")[2]
    return given or str(pointer["id"])


def _name(pointer: Any) -> str:
    """By which we know it."""
    master = pointer.get("masterIdentifier") if isinstance(pointer, dict) else None
    return str(master.get("value", "")) if isinstance(master, dict) else ""
