"""The boxes of MP4 and QuickTime files (ISO 14496-12 §4.2), walked without reading what they hold."""

import struct
from collections.abc import Iterator

from ologies.codestreams import Fetch
from ologies.errors import Damaged

#: Boxes in one box; a file that is made of fragments has two for each of them.
_BOXES_LIMIT = 100_000


def boxes(fetch: Fetch, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box between two places: its kind, and where its content lies. Raises Damaged."""
    for _ in range(_BOXES_LIMIT):
        if start + 8 > stop:
            return
        length, kind = struct.unpack(">I4s", fetch(start, start + 8))
        header = 8
        if length == 1:
            (length,) = struct.unpack(">Q", fetch(start + 8, start + 16))
            header = 16
        end = stop if length == 0 else start + length
        if end < start + header or end > stop:
            raise Damaged("a box of the MP4 file is longer than what is around it")
        yield kind, start + header, end
        start = end
    raise Damaged("an MP4 file of too many boxes")


def inside(fetch: Fetch, start: int, stop: int, *path: bytes) -> list[tuple[int, int]]:
    """The content of every box of that path."""
    found = [(start, stop)]
    for kind in path:
        found = [
            (first, last)
            for begin, end in found
            for name, first, last in boxes(fetch, begin, end)
            if name == kind
        ]
    return found
