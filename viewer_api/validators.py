"""Whether what a reader holds is still what they would get (RFC 9110 §8.8, §13.1).

A strong validator is made of what an answer is made of: the digests of the data sets, the corrections in
force, and the form in which they leave. So it changes with every correction and its undoing, with what a note
hides and what a person chooses over a quarantine. A date would not: a choice may bring back older content.
"""

import hashlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from storage.stored import Stored
from viewer_api.caching import PRIVATE, VARY, is_known

#: Of this software: another release may write or decode the same object otherwise.
_RELEASE = version("imaging-exchange")

_CONTESTED = '299 imx "Other content has come under the same UIDs, and waits for a decision"'


def validator(instances: Iterable[Stored], *form: object) -> str:
    """An entity tag for these instances in this form: media types, transfer syntaxes, frames, addresses."""
    found = hashlib.sha256(repr((_RELEASE, form)).encode())
    for each in instances:
        found.update(each.digest)
        found.update(f"{each.id} {each.transfer_syntax} {each.corrected_by}\n".encode())
    return f'"{found.hexdigest()}"'


def weakened(tag: str) -> str:
    """Of an answer that may leave compressed: the same content in other bytes (RFC 9110 §8.8.1)."""
    return f"W/{tag}"


def boundary_of(tag: str) -> str:
    """Between the parts of a body: it depends on all of them, so by design none can hold it."""
    return tag.removeprefix("W/").strip('"')[:40]


def answer_headers(instances: Iterable[Stored], tag: str) -> dict[str, str]:
    """What every retrieved answer says of itself."""
    headers = {"ETag": tag, "Cache-Control": PRIVATE, "Vary": VARY}
    if any(each.is_contested for each in instances):
        headers["Warning"] = _CONTESTED
    return headers


def not_modified(request: Request, headers: Mapping[str, str]) -> Response | None:
    """304, where the reader holds what they would get (If-None-Match, RFC 9110 §13.1.2)."""
    if is_known(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=dict(headers))
    return None
