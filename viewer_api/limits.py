"""What no request may be, whatever it asks for: decided from its head alone, before anything else looks.

Each limit is far beyond what a viewer or an archive sends.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

#: Path and query. A list of some hundred UIDs in a query has 30,000.
URL_LIMIT_BYTES = 32 * 1024
PARAMETERS_LIMIT = 256
#: All headers together, names and values; a JWT of many roles has 4 KB.
HEADERS_LIMIT_BYTES = 32 * 1024
HEADERS_LIMIT = 100
#: Of one header that is a list.
ACCEPT_LIMIT = 64
RANGES_LIMIT = 16
#: Of a body, but of those that are stored.
BODY_LIMIT_BYTES = 1024 * 1024

_ONCE = frozenset({
    b"authorization", b"content-length", b"content-location", b"content-range", b"content-type", b"host",
    b"if-modified-since", b"origin", b"range", b"transfer-encoding",
})  # fmt: skip
_LISTS = {b"accept": ACCEPT_LIMIT, b"accept-encoding": ACCEPT_LIMIT, b"accept-language": ACCEPT_LIMIT}
#: An encoded slash or backslash: what one part takes for a name, another takes for a path.
_TRICK = re.compile(rb"%2f|%5c|\\", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Broken:
    """The limit that a request breaks: facts, nothing of what was sent."""

    status: HTTPStatus
    because: str


def broken_by_head(raw_path: bytes, query: bytes, headers: Headers) -> Broken | None:
    """The first limit that the head of a request breaks."""
    return _of_url(raw_path, query) or _of_headers(list(headers))


def _of_url(raw_path: bytes, query: bytes) -> Broken | None:
    bad = HTTPStatus.BAD_REQUEST
    if len(raw_path) + len(query) > URL_LIMIT_BYTES:
        return Broken(HTTPStatus.REQUEST_URI_TOO_LONG, f"a URL of more than {URL_LIMIT_BYTES:,} bytes")
    path = unquote_to_bytes(raw_path)
    if _TRICK.search(raw_path) or _CONTROL.search(path) or not _is_text(path):
        return Broken(bad, "a path with encoded slashes, control characters or bytes that are no UTF-8")
    if {b".", b".."} & set(path.split(b"/")) or b"//" in path:
        return Broken(bad, "a path with empty or dot segments")
    if query.count(b"&") + query.count(b";") >= PARAMETERS_LIMIT:
        return Broken(bad, f"more than {PARAMETERS_LIMIT} query parameters")
    if b"\0" in unquote_to_bytes(query):
        return Broken(bad, "a query with NUL characters")
    return None


def _of_headers(headers: list[tuple[bytes, bytes]]) -> Broken | None:
    too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    size = sum(len(name) + len(value) for name, value in headers)
    if size > HEADERS_LIMIT_BYTES or len(headers) > HEADERS_LIMIT:
        return Broken(
            too_large, f"headers of more than {HEADERS_LIMIT_BYTES:,} bytes, or more than {HEADERS_LIMIT}"
        )
    counts = Counter(name for name, _ in headers)
    if any(counts[name] > 1 for name in _ONCE):
        return Broken(HTTPStatus.BAD_REQUEST, "a header twice that may stand once")
    items: Counter[bytes] = Counter()
    for name, value in headers:
        items[name] += value.count(b",") + 1
        if name == b"content-encoding" and value.strip().lower() != b"identity":
            return Broken(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body in a content encoding: send it plain")
        if name == b"upgrade":
            return Broken(HTTPStatus.BAD_REQUEST, "no protocol to upgrade to")
    for name, most in _LISTS.items():
        if items[name] > most:
            return Broken(too_large, f"more than {most} items of one header")
    if items[b"range"] > RANGES_LIMIT:
        return Broken(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"more than {RANGES_LIMIT} ranges")
    return None


def _is_text(path: bytes) -> bool:
    """Whether it is UTF-8, which knows no overlong forms (RFC 3629 §3)."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
