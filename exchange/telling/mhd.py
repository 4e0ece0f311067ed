"""A document recipient that is told of studies by IHE MHD Provide Document Bundle (ITI-65), Comprehensive.

The document is the study's manifest as a Key Object Selection, with its bytes. A document never changes:
another replaces it, and the old one is superseded in the same transaction; where nothing is to stand any
more it is superseded by nothing (XDS has no other way to take a document back). Documents of two people never
share a submission.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from exchange.fhir.document_reference import as_document_reference
from exchange.fhir.endpoint import retrieve_location
from exchange.fhir.identifiers import NHS_NUMBER, URI, Json
from exchange.fhir.moments import as_instant
from exchange.manifests.kos import Form, kos_of, kos_uid
from exchange.manifests.manifest import Here
from exchange.manifests.reading import documents_of
from exchange.telling.port import Heard, NotHeard
from exchange.telling.story import Story
from exchange.telling.thing import Act, Saying, Step
from exchange.telling.web import Answer, Web

KEY = "manifest"

_MHD = "https://profiles.ihe.net/ITI/MHD"
_BUNDLE = f"{_MHD}/StructureDefinition/IHE.MHD.Comprehensive.ProvideBundle"
_SUBMISSION_SET = f"{_MHD}/StructureDefinition/IHE.MHD.Comprehensive.SubmissionSet"
_DOCUMENT = f"{_MHD}/StructureDefinition/IHE.MHD.Comprehensive.DocumentReference"
_SOURCE = f"{_MHD}/StructureDefinition/ihe-sourceId"
_DESIGNATION = f"{_MHD}/StructureDefinition/ihe-designationType"
_LIST_TYPES = f"{_MHD}/CodeSystem/MHDlistTypes"

#: What a retraction of somebody's submission is of.
_WITHDRAWN = {"text": "Withdrawn"}


def document_of(story: Story) -> Json:
    """The manifest's metadata with its bytes: DocumentReference and Binary (ITI-65 §2:3.65.4.1.2.1)."""
    study, manifest = story.study, story.manifest
    data = kos_of(manifest, Form.XDS_I, story.assigners)
    described, _ = documents_of(manifest, story.here.public_url)
    made = as_document_reference(described, study, story.person, story.assigners)
    person, author = _contained(made)
    attachment = {
        **{name: value for name, value in made["content"][0]["attachment"].items() if name != "url"},
        "size": len(data),
        "hash": b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
        "title": study.description or "Imaging study",
    }
    left_out = ("id", "docStatus", "relatesTo", "extension", "identifier")
    return {
        "document": {
            **{name: value for name, value in made.items() if name not in left_out},
            "meta": {**made.get("meta", {}), "profile": [_DOCUMENT]},
            "contained": [person, author],
            "masterIdentifier": {"system": URI, "value": f"urn:oid:{kos_uid(manifest, Form.XDS_I)}"},
            "subject": _subject(story.person.nhs_number),
            "author": [{"reference": "#author"}],
            "content": [{**made["content"][0], "attachment": attachment}],
            "context": {**made["context"], "sourcePatientInfo": {"reference": "#patient"}},
        },
        "bytes": b64encode(data).decode(),
    }


def _contained(made: Json) -> tuple[Json, Json]:
    """Comprehensive metadata bring author and source patient themselves (ITI TF-3 §4.5.1)."""
    source = made["context"].get("sourcePatientInfo") or made["subject"]
    person = {"resourceType": "Patient", "id": "patient", "identifier": [source["identifier"]]}
    organisation = {"resourceType": "Organization", "id": "author"}
    return person, {**organisation, "identifier": [made["author"][0]["identifier"]]}


def _subject(number: str) -> Json:
    """By a common identifier, which the recipient knows as well as we do (ITI-65 §2:3.65.4.1.2.2)."""
    return {"type": "Patient", "identifier": {"system": NHS_NUMBER, "value": number}}


def provided(saying: Saying, replaced: Sequence[str], here: Here, at: datetime) -> Json:
    """A document, in the place of those whose ids at the recipient are given."""
    content = saying.content
    entry, binary = f"urn:uuid:{uuid4()}", f"urn:uuid:{uuid4()}"
    document = {
        **content["document"],
        "identifier": [{"use": "official", "system": URI, "value": saying.note}],
        "date": as_instant(at),
    }
    attachment = {**document["content"][0]["attachment"], "url": binary}
    document["content"] = [{**document["content"][0], "attachment": attachment}]
    if replaced:
        document["relatesTo"] = [
            {"code": "replaces", "target": {"reference": f"DocumentReference/{each}"}} for each in replaced
        ]
    kind = content["document"]["category"][0]
    submission = _submission(saying.number, kind, here, saying.note, [entry], at)
    return _bundle(
        [
            submission,
            *map(_superseded, replaced),
            {
                "fullUrl": entry,
                "resource": document,
                "request": {
                    "method": "POST", "url": "DocumentReference",
                    "ifNoneExist": f"identifier={URI}|{saying.note}",
                },
            },
            {
                "fullUrl": binary,
                "resource": {
                    "resourceType": "Binary",
                    "contentType": attachment["contentType"],
                    "data": content["bytes"],
                },
                "request": {"method": "POST", "url": "Binary"},
            },
        ]
    )  # fmt: skip


def withdrawn(number: str, ids: Sequence[str], here: Here, at: datetime) -> Json:
    """Documents of somebody that nothing replaces."""
    name = f"urn:uuid:{uuid4()}"
    return _bundle([_submission(number, _WITHDRAWN, here, name, [], at), *map(_superseded, ids)])


def _bundle(entries: list[Json]) -> Json:
    return {"resourceType": "Bundle", "meta": {"profile": [_BUNDLE]}, "type": "transaction", "entry": entries}


def _submission(number: str, kind: Json, here: Here, name: str, documents: list[str], at: datetime) -> Json:
    """The SubmissionSet. Its own name is made of the document's: told again, it is the same."""
    source = f"urn:oid:{retrieve_location(here.dicomweb_url)}"
    own = uuid5(UUID(name.removeprefix("urn:uuid:")), "submission")
    made: Json = {
        "resourceType": "List",
        "meta": {"profile": [_SUBMISSION_SET]},
        "extension": [
            {"url": _SOURCE, "valueIdentifier": {"system": URI, "value": source}},
            {"url": _DESIGNATION, "valueCodeableConcept": kind},
        ],
        "identifier": [
            {"use": "official", "system": URI, "value": f"urn:uuid:{own}"},
            {"use": "usual", "system": URI, "value": f"urn:oid:2.25.{own.int}"},
        ],
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": _LIST_TYPES, "code": "submissionset"}]},
        "subject": _subject(number),
        "date": as_instant(at),
    }
    if documents:
        made["entry"] = [{"item": {"reference": each}} for each in documents]
    return {
        # Not its identifier: some servers put its place wherever they read this.
        "fullUrl": f"urn:uuid:{uuid4()}",
        "resource": made,
        "request": {"method": "POST", "url": "List", "ifNoneExist": f"identifier={URI}|urn:uuid:{own}"},
    }


def _superseded(id: str) -> Json:
    """ITI-65 §2:3.65.4.1.2.3: the status of what is replaced, by a FHIRPath Patch in the same transaction."""
    said = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": said}]}
    return {
        "fullUrl": f"urn:uuid:{uuid4()}",
        "resource": patch,
        "request": {"method": "PATCH", "url": f"DocumentReference/{id}"},
    }


@dataclass(frozen=True, slots=True)
class MhdListener:
    """See Listener."""

    web: Web
    here: Here

    def sayings(self, story: Story) -> Sequence[Saying]:
        """See Listener.sayings. Each version of a document has a name of its own."""
        person = story.person
        return [Saying(KEY, person.nhs_number, person.uid, document_of(story), f"urn:uuid:{uuid4()}")]

    def tell(self, steps: Sequence[Step], sayings: Sequence[Saying]) -> Iterator[Heard]:
        """See Listener.tell."""
        for step in steps:
            current = self._current(step)
            if step.act is not Act.RETRACT:
                assert step.saying is not None
                self._provide(provided(step.saying, current, self.here, datetime.now(UTC)))
            elif current:
                self._provide(withdrawn(step.number, current, self.here, datetime.now(UTC)))
            yield Heard(step)

    def close(self) -> None:
        """See Listener.close."""
        self.web.close()

    def _current(self, step: Step) -> list[str]:
        """The ids there of those documents that it may have taken and that still stand."""
        found = []
        for name in step.before.notes if step.before is not None else ():
            answer = self.web.ask("GET", f"DocumentReference?identifier={URI}%7C{name}&status=current")
            if not answer.is_good:
                raise answer.failure
            entries = answer.body.get("entry", []) if isinstance(answer.body, dict) else []
            found += [each["resource"]["id"] for each in entries if "resource" in each]
        return list(dict.fromkeys(found))

    def _provide(self, bundle: Json) -> None:
        answer: Answer = self.web.ask("POST", "", bundle).as_whole
        if answer.status in (404, 405, 410):
            raise NotHeard(f"nothing at its address takes documents ({answer.words})")
        if not answer.is_good:
            raise answer.failure
