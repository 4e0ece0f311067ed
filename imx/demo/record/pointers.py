"""A record locator as the National Record Locator is one, for producers: pointers made, changed and deleted.

As its own handlers have it (NHSDigital/NRLF, api/producer): it gives the ids, says who may change what, and
lets a pointer be superseded only by one of the same person and type.
"""

from dataclasses import dataclass
from uuid import uuid4

from exchange.telling.nrl_rules import strict
from imx.demo.record.store import Json, Refusal, Store

_NEVER_CHANGED = (
    "masterIdentifier", "id", "identifier", "status", "type", "subject", "custodian", "relatesTo", "author",
)  # fmt: skip


@dataclass
class Pointers:
    """What one producer may do there."""

    store: Store
    custodian: str  # whose pointers they are

    def answer(self, method: str, url: str, pointer: Json | None) -> tuple[int, Json | None, str]:
        """Status, resource and location. Raises Refusal."""
        kind, _, id = url.partition("?")[0].partition("/")
        if kind != "DocumentReference":
            raise Refusal(404, "not-found", "there are only pointers here")
        with self.store.lock:
            match method:
                case "POST" if pointer is not None and not id:
                    return self.make(pointer)
                case "PUT" if pointer is not None:
                    return self.change(id, pointer)
                case "DELETE":
                    self.held(id)
                    self.store.interact("DELETE", f"DocumentReference/{id}")
                    return 200, None, ""
                case "GET":
                    found = self.store.interact("GET", url)
                    return 200, found["resource"], ""
        raise Refusal(405, "not-supported", "no such interaction")

    def make(self, pointer: Json) -> tuple[int, Json | None, str]:
        """Under an id of the locator's own."""
        made = {**pointer, "id": f"{self.custodian}-{uuid4()}"}
        self.check(made)
        superseded = []
        for relation in made.get("relatesTo", []):
            old = self.held(str(relation["target"]["identifier"]["value"]))
            if (old["subject"], old["type"]) != (made["subject"], made["type"]):
                raise Refusal(400, "invalid", "what is superseded is of somebody else, or of another type")
            superseded.append(old["id"])
        self.store.interact("PUT", f"DocumentReference/{made['id']}", made)
        for each in superseded:
            self.store.interact("DELETE", f"DocumentReference/{each}")
        return 201, None, f"DocumentReference/{made['id']}"

    def change(self, id: str, pointer: Json) -> tuple[int, Json | None, str]:
        """But not whose it is, nor what."""
        if pointer.get("id") != id:
            raise Refusal(400, "invalid", "another id than its URL says")
        self.check(pointer)
        held = self.held(id)
        if any(held.get(name) != pointer.get(name) for name in _NEVER_CHANGED):
            raise Refusal(400, "invalid", "a field that cannot be changed")
        self.store.interact("PUT", f"DocumentReference/{id}", pointer)
        return 200, None, ""

    def check(self, pointer: Json) -> None:
        """Raises Refusal."""
        if found := strict(pointer):
            raise Refusal(422, "business-rule", "; ".join(found))
        if pointer["custodian"]["identifier"]["value"] != self.custodian:
            raise Refusal(400, "invalid", "the custodian is another organisation")

    def held(self, id: str) -> Json:
        """Raises Refusal."""
        found = self.store.current.get(f"DocumentReference/{id}")
        if found is None:
            raise Refusal(404, "not-found", "no such pointer")
        return found
