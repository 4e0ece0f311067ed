"""The attributes before the pixels, with the functional groups of one frame alone.

A slide or a dynamic series may say something of each of 100,000 frames: what is said of the others is passed
by and never parsed.
"""

import struct
from collections.abc import Iterable, Iterator

from storage.elements import DEFLATED, SEQUENCE_END, UNDEFINED, Element, Walk, encoding_of
from storage.passing import Passing
from storage.recode import to_explicit_little

PER_FRAME_GROUPS = 0x52009230
_PIXEL_GROUP = 0x7FE0


def header_of_frame(data_set: Iterable[bytes], syntax: str, number: int) -> Iterator[bytes]:
    """What stands before the pixel data, of frame `number`, from one. Raises Unreadable.

    A deflated data set comes out inflated.
    """
    if syntax == DEFLATED:
        data_set = to_explicit_little(data_set, syntax)
    encoding = encoding_of(syntax)
    passing = Passing(data_set)
    walk = Walk(passing, encoding)
    while True:
        start = walk.position
        element = walk.next()
        if element is None or element.tag >> 16 == _PIXEL_GROUP:
            yield from passing.take(start)
            return
        if element.tag != PER_FRAME_GROUPS:
            walk.skip(element)
            yield from passing.take(walk.position)
            continue
        yield from passing.take(start)
        head = struct.pack(encoding.endian + "HH", element.tag >> 16, element.tag & 0xFFFF)
        head += b"SQ\0\0" if encoding.explicit else b""
        yield head + struct.pack(encoding.endian + "I", UNDEFINED)
        yield from _item(walk, passing, element, number)
        yield struct.pack(encoding.endian + "HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)


def _item(walk: Walk, passing: Passing, sequence: Element, number: int) -> Iterator[bytes]:
    """That item of a sequence, as it is written; the others are passed by."""
    for place, item in enumerate(walk.items(sequence), 1):
        start = item.offset - 8
        if place == number:
            for _ in passing.take(start):
                pass
            _go_past(walk, item)
            yield from passing.take(walk.position)
        else:
            _go_past(walk, item)
            for _ in passing.take(walk.position):
                pass
    for _ in passing.take(walk.position):
        pass


def _go_past(walk: Walk, item: Element) -> None:
    if item.length != UNDEFINED:
        walk.position = item.offset + item.length
        return
    for inner in walk.inside(item):
        walk.skip(inner)
