"""Answers that a reader may keep and must ask about again; no shared cache holds them (RFC 9111 §5.2.2)."""

from collections.abc import Mapping
from hashlib import blake2b
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

#: Who may see an answer is decided each time; what it says may stay with the reader who got it.
PRIVATE = "private, no-cache"
#: What an answer made of data sets depends on, besides its URL and who asks.
VARY = "Accept, Accept-Encoding"


def etag_of(content: bytes) -> str:
    """Weak: the same content in another encoding is as good (RFC 9110 §8.8.1)."""
    return f'W/"{blake2b(content, digest_size=16).hexdigest()}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether the reader has that already (RFC 9110 §13.1.2)."""
    given = ",".join(request.headers.getlist("if-none-match"))
    if not given:
        return False
    opaque = etag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in given.split(","))


def kept_by_reader(
    request: Request, content: bytes, media_type: str, headers: Mapping[str, str], etag: str | None = None
) -> Response:
    """200 with the content, or 304 where the reader has it. `etag` where its bytes differ each time."""
    etag = etag or etag_of(content)
    told = {**headers, "ETag": etag, "Cache-Control": PRIVATE, "Vary": VARY}
    if is_known(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    return Response(content, HTTPStatus.OK, told, media_type)
