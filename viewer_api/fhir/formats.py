"""How resources are written for who asks, and read from who sends: JSON or XML (FHIR R4 §3.1.0.1.11)."""

from collections.abc import Mapping
from enum import Enum
from urllib.parse import parse_qsl

import orjson
from anyio import to_thread
from starlette.requests import Request

from exchange.fhir.identifiers import Json
from exchange.fhir.xml import as_xml, from_xml
from storage.errors import BadInput
from viewer_api.media import parse_accept

FORM = "application/x-www-form-urlencoded"

#: Of one search.
PARAMETERS_LIMIT = 50


class Format(Enum):
    """By media type."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"


#: What each format is called in `_format` and Accept. Where both would do, JSON goes first.
_NAMES: Mapping[Format, tuple[str, ...]] = {
    Format.JSON: ("application/fhir+json", "application/json", "text/json", "text/html"),
    Format.XML: ("application/fhir+xml", "application/xml", "text/xml"),
}
_SHORT: Mapping[str, Format] = {
    "json": Format.JSON,
    "xml": Format.XML,
    **{name: each for each, names in _NAMES.items() for name in names},
}


def wanted(request: Request) -> Format | None:
    """The format that is asked for, `_format` before Accept; None where it is none of ours."""
    # A plus in a URL that nobody encoded is a space by the time it is here.
    asked = request.query_params.get("_format", "").partition(";")[0].strip().replace(" ", "+").lower()
    if asked:
        return _SHORT.get(asked)
    for each in parse_accept(",".join(request.headers.getlist("accept")) or "*/*"):
        for found, names in _NAMES.items():
            if any(each.takes(name) for name in names):
                return found
    return None


def written(resource: Json, how: Format) -> bytes:
    """A resource, as the body of an answer."""
    return orjson.dumps(resource) if how is Format.JSON else as_xml(resource)


async def resource_in(request: Request) -> Json:
    """What was sent; viewer_api.limited has seen to its size. Raises BadInput."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _NAMES[Format.XML]:
        return await to_thread.run_sync(from_xml, body)  # pure, and not quick
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput("the body is no JSON") from error
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise BadInput("the body is no resource")
    return found


async def search_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters of a POST search: of the URL and of the form. Raises BadInput."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise BadInput(f"a search is sent as {FORM}")
    try:
        text = (await request.body()).decode("ascii")
        sent = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMETERS_LIMIT, errors="strict")
    except ValueError as error:
        raise BadInput("the form cannot be read") from error
    return [*request.query_params.multi_items(), *sent]
