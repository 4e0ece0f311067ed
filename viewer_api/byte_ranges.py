"""Part of a body: one range of bytes (RFC 9110 §14)."""

import re
from dataclasses import dataclass

from starlette.requests import Request

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From `start` up to, not including, `stop`."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """It begins behind the end of the body (RFC 9110 §15.5.17)."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the body has {size:,} bytes")
        self.size = size


def wanted_range(request: Request, tag: str, size: int) -> ByteRange | None:
    """What a request asks of a body of that size; None for all of it. Raises Unsatisfiable.

    A range of another version than `tag` is not asked for any more (If-Range, §13.1.5).
    """
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != tag:
        return None
    return parse_range(request.headers.get("range", ""), size)


def parse_range(text: str, size: int) -> ByteRange | None:
    """One range; several, and what is malformed, count for nothing (§14.2). Raises Unsatisfiable."""
    found = _ONE_RANGE.fullmatch(text.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        suffix = min(int(last), size)
        if not suffix:
            raise Unsatisfiable(size)
        return ByteRange(size - suffix, size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable(size)
    return ByteRange(int(first), min(int(last) + 1, size) if last else size)
