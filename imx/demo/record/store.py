"""Resources, every version of each, and the interactions that change them (FHIR R4 §3.1.0)."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Json = dict[str, Any]

#: In which order the entries of a transaction are carried out (FHIR R4 §3.1.0.11.2).
_ORDER = ("DELETE", "POST", "PUT", "PATCH", "GET")


class Refusal(Exception):
    """An interaction that fails, and the code of its OperationOutcome (FHIR R4 §3.1.0.4.1)."""

    def __init__(self, status: int, code: str, why: str) -> None:
        super().__init__(why)
        self.status, self.code = status, code

    @property
    def outcome(self) -> Json:
        """Says why."""
        issue = {"severity": "error", "code": self.code, "diagnostics": str(self)}
        return {"resourceType": "OperationOutcome", "issue": [issue]}


@dataclass(frozen=True, slots=True)
class Version:
    """What a resource became at one moment; None where it was deleted."""

    address: str  # type and id
    number: int
    at: datetime
    resource: Json | None


@dataclass
class Store:
    """What is kept. Threads may share it; each interaction is one step of `history`, or none."""

    current: dict[str, Json] = field(default_factory=dict)  # by type and id
    versions: dict[str, int] = field(default_factory=dict)
    history: list[tuple[Version, ...]] = field(default_factory=list)  # what one interaction changed
    deletes: bool = True  # else it never does (405)
    lock: RLock = field(default_factory=RLock)

    def transaction(self, bundle: Json) -> Json:
        """All of its entries, or none. Raises Refusal."""
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
            raise Refusal(400, "invalid", "not a transaction Bundle")
        valid(bundle)
        with self.lock:
            work = _Work(self)
            answers = work.carry_out(bundle.get("entry", []))
            work.keep()
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}

    def interact(
        self, method: str, url: str, resource: Json | None = None, headers: Json | None = None
    ) -> Json:
        """One interaction by itself: the entry that a transaction would answer. Raises Refusal."""
        entry: Json = {"request": {"method": method, "url": url, **(headers or {})}}
        if resource is not None:
            entry["resource"] = resource
        with self.lock:
            work = _Work(self)
            [answer] = work.carry_out([entry])
            work.keep()
        return answer

    def find(self, kind: str, **keys: str) -> list[Json]:
        """By search parameters; a dot in one is written as two underscores."""
        with self.lock:
            asked = [(name.replace("__", "."), value) for name, value in keys.items()]
            return [copy.deepcopy(each) for each in _Work(self).search(kind, asked)]

    def moments(self) -> Iterator[dict[str, Json]]:
        """All that was current, after each interaction."""
        with self.lock:
            steps = list(self.history)
        now: dict[str, Json] = {}
        for step in steps:
            for each in step:
                if each.resource is None:
                    now.pop(each.address, None)
                else:
                    now[each.address] = each.resource
            yield dict(now)


class _Work:
    """The changes of one interaction, until they are kept."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.current = dict(store.current)
        self.changed: dict[str, Json | None] = {}

    def keep(self) -> None:
        gone = {address for address, resource in self.changed.items() if resource is None}
        if any(gone & _references(each) for each in self.current.values()):
            raise Refusal(409, "conflict", "other resources refer to what is deleted")
        at = datetime.now(UTC)
        step = []
        for address, resource in self.changed.items():
            number = self.store.versions.get(address, 0) + 1
            self.store.versions[address] = number
            if resource is None:
                self.store.current.pop(address, None)
            else:
                resource["meta"] = {
                    **resource.get("meta", {}), "versionId": str(number), "lastUpdated": at.isoformat(),
                }  # fmt: skip
                self.store.current[address] = resource
            step.append(Version(address, number, at, copy.deepcopy(resource)))
        self.store.history.append(tuple(step))

    def carry_out(self, entries: list[Json]) -> list[Json]:
        """In FHIR's order; answers in that of the entries."""
        targets = {id(entry): self.target(entry) for entry in entries}
        named = [each for each in targets.values() if each is not None]
        if len(named) != len(set(named)):
            raise Refusal(400, "invalid", "two entries of one resource")
        places = {
            entry["fullUrl"]: target
            for entry in entries
            if "fullUrl" in entry and (target := targets[id(entry)]) is not None
        }
        answers: dict[int, Json] = {}
        for entry in sorted(entries, key=lambda each: _ORDER.index(each["request"]["method"])):
            answers[id(entry)] = self.one(entry, targets[id(entry)], places)
        return [answers[id(entry)] for entry in entries]

    def target(self, entry: Json) -> str | None:
        """Which resource an entry creates or changes; None where it changes none."""
        request = entry["request"]
        method, url = request["method"], urlsplit(request["url"])
        kind, _, name = url.path.strip("/").partition("/")
        keys = parse_qsl(url.query, keep_blank_values=True)
        if method == "GET":
            return None
        if method == "POST":
            asked = request.get("ifNoneExist")
            found = self.only(kind, parse_qsl(asked)) if asked else None
            return found or f"{kind}/{uuid4()}"
        if name:
            return f"{kind}/{name}"
        if not keys:
            raise Refusal(400, "invalid", f"{method} without an id or a search")
        found = self.only(kind, keys)
        if found or method in ("DELETE", "PATCH"):
            return found
        return f"{kind}/{uuid4()}"

    def only(self, kind: str, keys: list[tuple[str, str]]) -> str | None:
        found = self.search(kind, keys)
        if len(found) > 1:
            raise Refusal(412, "multiple-matches", f"{len(found)} {kind} match")
        return f"{kind}/{found[0]['id']}" if found else None

    def search(self, kind: str, keys: list[tuple[str, str]]) -> list[Json]:
        return [
            each
            for address, each in self.current.items()
            if address.startswith(f"{kind}/") and all(self.matches(each, *key) for key in keys)
        ]

    def matches(self, resource: Json, name: str, value: str) -> bool:
        if name == "identifier":
            own = [*resource.get("identifier", []), resource.get("masterIdentifier", {})]
            return any(_is_token(value, each) for each in own)
        if name in ("patient.identifier", "subject.identifier", "patient:identifier", "subject:identifier"):
            subject = resource.get("subject", {})
            whose = self.current.get(subject.get("reference", ""), {})
            return any(
                _is_token(value, each)
                for each in (subject.get("identifier", {}), *whose.get("identifier", []))
            )
        if name in ("patient", "subject"):
            return bool(
                resource.get("subject", {}).get("reference", "").removeprefix("Patient/")
                == value.removeprefix("Patient/")
            )
        if name == "status":
            return resource.get("status") in value.split(",")
        if name == "_id":
            return resource["id"] in value.split(",")
        raise Refusal(400, "not-supported", f"no search by {name}")

    def one(self, entry: Json, target: str | None, places: Mapping[str, str]) -> Json:
        request = entry["request"]
        match request["method"]:
            case "GET":
                return self.read(request["url"])
            case "DELETE":
                return self.delete(target)
            case "PATCH":
                return self.patch(target, entry["resource"])
            case "POST" if target in self.current:
                return {"response": {"status": "200 OK", "location": target}}  # ifNoneExist found it
        assert target is not None
        resource = self.resolved(entry["resource"], places)
        kind, _, name = target.partition("/")
        if resource.get("resourceType") != kind:
            raise Refusal(400, "invalid", "another type than its URL says")
        if request["method"] == "PUT" and "?" not in request["url"] and resource.get("id") != name:
            raise Refusal(400, "invalid", "another id than its URL says")
        expected = request.get("ifMatch")
        if expected and expected != f'W/"{self.store.versions.get(target, 0)}"':
            raise Refusal(412, "conflict", "another version is current")
        valid(resource)
        is_new = target not in self.current
        self.change(target, {**resource, "id": name})
        return {
            "response": {
                "status": "201 Created" if is_new else "200 OK",
                "location": f"{target}/_history/{self.store.versions.get(target, 0) + 1}",
            }
        }

    def read(self, url: str) -> Json:
        parts = urlsplit(url)
        kind, _, name = parts.path.strip("/").partition("/")
        if name:
            address = f"{kind}/{name}"
            if address not in self.current:
                is_gone = address in self.store.versions
                raise Refusal(
                    410 if is_gone else 404, "deleted" if is_gone else "not-found", "no such resource"
                )
            return {"resource": self.current[address], "response": {"status": "200 OK"}}
        found = self.search(kind, parse_qsl(parts.query, keep_blank_values=True))
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        if found:
            bundle["entry"] = [{"fullUrl": f"{kind}/{each['id']}", "resource": each} for each in found]
        return {"resource": bundle, "response": {"status": "200 OK"}}

    def delete(self, target: str | None) -> Json:
        """What is not there is deleted already (FHIR R4 §3.1.0.7)."""
        if not self.store.deletes:
            raise Refusal(405, "not-supported", "nothing is deleted here")
        if target is not None and target in self.current:
            self.change(target, None)
        return {"response": {"status": "204 No Content"}}

    def patch(self, target: str | None, parameters: Json) -> Json:
        """FHIRPath Patch (FHIR R4 §3.1.0.8.1), as much of it as replaces a member of the resource."""
        if target is None or target not in self.current:
            raise Refusal(404, "not-found", "no such resource")
        resource = copy.deepcopy(self.current[target])
        for operation in parameters.get("parameter", []):
            said = {part["name"]: part for part in operation.get("part", [])}
            kind, _, member = said["path"]["valueString"].partition(".")
            if said["type"]["valueCode"] != "replace" or kind != resource["resourceType"] or "." in member:
                raise Refusal(422, "not-supported", "only members are replaced here")
            resource[member] = next(
                value for name, value in said["value"].items() if name.startswith("value")
            )
        valid(resource)
        self.change(target, resource)
        return {"response": {"status": "200 OK", "location": target}}

    def resolved(self, resource: Json, places: Mapping[str, str]) -> Json:
        """References to other entries become their addresses; conditional ones what they find."""

        def place(reference: str) -> str:
            if reference in places:
                return places[reference]
            if "?" in reference:
                kind, _, query = reference.partition("?")
                found = self.only(kind, parse_qsl(query))
                if found is None:
                    raise Refusal(412, "not-found", f"no {kind} by that search")
                return found
            if reference.startswith("urn:"):
                raise Refusal(400, "invalid", "a reference to what is no entry")
            return reference

        found: Json = _mapped(resource, place)
        return found

    def change(self, address: str, resource: Json | None) -> None:
        self.changed[address] = resource
        if resource is None:
            self.current.pop(address, None)
        else:
            self.current[address] = resource


def valid(resource: Json) -> None:
    """As fhir.resources has FHIR R4B. Raises Refusal."""
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(copy.deepcopy(resource))
    except (KeyError, LookupError) as error:
        raise Refusal(400, "structure", "no resource of a type that is known") from error
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise Refusal(422, "structure", f"not valid: {places}") from error


def _is_token(asked: str, identifier: Json) -> bool:
    """FHIR R4 §3.1.1.4.10: system|value, |value, value."""
    system, bar, value = asked.rpartition("|")
    if identifier.get("value") != value:
        return False
    return not bar or identifier.get("system", "") == system


def _mapped(node: Any, place: Callable[[str], str]) -> Any:
    """References, and the URL of a document that is an entry (Binary)."""
    if isinstance(node, list):
        return [_mapped(each, place) for each in node]
    if isinstance(node, dict):
        made = {name: _mapped(each, place) for name, each in node.items()}
        if isinstance(reference := node.get("reference"), str) and not reference.startswith("#"):
            made["reference"] = place(reference)
        if isinstance(url := node.get("url"), str) and url.startswith("urn:uuid:"):
            with suppress(Refusal):
                made["url"] = place(url)
        return made
    return node


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {found for each in node for found in _references(each)}
    if isinstance(node, dict):
        own = {node["reference"]} if isinstance(node.get("reference"), str) else set()
        return own | {found for each in node.values() for found in _references(each)}
    return set()
