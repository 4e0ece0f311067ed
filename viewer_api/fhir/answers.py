"""Resources as HTTP answers: one of them, or a page of what a search found (FHIR R4 §3.1.0.5, §3.1.1.5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from exchange.fhir.moments import as_instant
from viewer_api.caching import PRIVATE, is_known
from viewer_api.fhir.outcomes import fhir_answer
from viewer_api.fhir.parameters import Asked

_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
#: Always there, whichever elements are asked for.
_MANDATORY = frozenset({"resourceType", "id", "meta"})


@dataclass(frozen=True, slots=True)
class Made:
    """A resource, and when what it is made of changed last; None where nobody knows."""

    resource: Mapping[str, Any]
    changed_at: datetime | None = None

    def versioned(self) -> dict[str, Any]:
        """With its version: of what it says, which it changes with and stays with."""
        content = orjson.dumps(self.resource, option=orjson.OPT_SORT_KEYS)
        meta = {"versionId": blake2b(content, digest_size=12).hexdigest(), **self.resource.get("meta", {})}
        if self.changed_at is not None:
            meta["lastUpdated"] = as_instant(self.changed_at)
        return {**self.resource, "meta": meta}

    @property
    def url(self) -> str:
        """Below the service base."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"


def resource_answer(request: Request, made: Made) -> Response:
    """200 with the resource, or 304 where the reader has that version (§3.1.0.5.1)."""
    resource = made.versioned()
    headers = {"ETag": f'W/"{resource["meta"]["versionId"]}"', "Cache-Control": PRIVATE, "Vary": "Accept"}
    if made.changed_at is not None:
        headers["Last-Modified"] = format_datetime(made.changed_at.astimezone(UTC), usegmt=True)
    if is_known(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return fhir_answer(request, resource, headers=headers)


def searchset(
    base: str,
    resource_type: str,
    asked: Asked,
    matches: Sequence[Made],
    included: Iterable[Made] = (),
    next_cursor: str = "",
    total: int | None = None,
) -> dict[str, Any]:
    """A page (§3.1.1.5). The next link holds a key alone: no address of ours has a patient's number."""
    links = [{"relation": "self", "url": f"{base}/{resource_type}?{asked.query()}"}]
    if next_cursor:
        links.append({"relation": "next", "url": f"{base}/{resource_type}?_cursor={next_cursor}"})
    entries = [_entry(base, each, "match", asked.elements) for each in matches]
    seen = {each.url for each in matches}
    for each in included:
        if each.url not in seen:
            seen.add(each.url)
            entries.append(_entry(base, each, "include", frozenset()))
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if total is not None:
        found["total"] = total
    return {**found, "entry": entries} if entries else found


def _entry(base: str, made: Made, mode: str, elements: frozenset[str]) -> dict[str, Any]:
    resource = made.versioned()
    if elements:
        meta = {**resource["meta"], "tag": [*resource["meta"].get("tag", ()), _SUBSETTED]}
        resource = {
            **{name: value for name, value in resource.items() if name in elements | _MANDATORY},
            "meta": meta,
        }
    return {"fullUrl": f"{base}/{made.url}", "resource": resource, "search": {"mode": mode}}
