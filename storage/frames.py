"""Where each frame of an instance lies, noted when it is kept so that reading one is one range read."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from storage.elements import UNDEFINED, Element, Walk

PIXEL_DATA = 0x7FE00010
FLOAT_PIXEL_DATA = 0x7FE00008
DOUBLE_PIXEL_DATA = 0x7FE00009
PIXELS = frozenset({PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA})

#: One frame: offset from the start of the object, length. Both in bytes.
ENTRY = struct.Struct("<QI")
#: Native frames follow one another: offset of the first, length of each.
NATIVE_ENTRY = struct.Struct("<QQ")


#: More fragments, or frames in a table, than this are not noted: a whole slide has a fifth of it.
NOTED_LIMIT = 1024 * 1024
_LONGEST = 0xFFFFFFFF  # that an ENTRY holds, in bytes


class Form(IntEnum):
    """How frames are told apart."""

    NONE = 0  # no pixel data
    NATIVE = 1  # one NATIVE_ENTRY
    FRAGMENT = 2  # an ENTRY a frame, each exactly one fragment
    FRAGMENTS = 3  # an ENTRY a frame, spanning fragments whose item headers a reader takes out
    UNKNOWN = 4  # not told apart by their offsets: a reader goes through the pixel data


def places(form: int, noted: Sequence[bytes], numbers: Sequence[int]) -> tuple[tuple[int, int], ...] | None:
    """Where frames of these numbers, from one, start and stop, in bytes; None where that was not noted.

    `noted` is the one NATIVE_ENTRY, or an ENTRY for each of the numbers.
    """
    match form:
        case Form.NATIVE:
            first, length = NATIVE_ENTRY.unpack(noted[0])
            starts = (first + (number - 1) * length for number in numbers)
            return tuple((start, start + length) for start in starts)
        case Form.FRAGMENT | Form.FRAGMENTS:
            found = (ENTRY.unpack(entry) for entry in noted)
            return tuple((start, start + length) for start, length in found)
    return None


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of one instance."""

    count: int
    form: Form
    packed: bytes | None = None


NO_FRAMES = Frames(0, Form.NONE)


@dataclass(frozen=True, slots=True)
class PixelShape:
    """What the header says of a frame (PS3.3 §C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    frames: int
    is_422: bool  # YBR_FULL_422: two chroma samples for two pixels

    @property
    def native_bytes(self) -> int:
        """Length of one native frame, 0 where frames do not begin at whole bytes."""
        samples = 2 if self.is_422 and self.samples == 3 else self.samples
        bits = self.rows * self.columns * samples * self.bits_allocated
        return bits // 8 if bits % 8 == 0 else 0


def native_frames(element: Element, shape: PixelShape, data_offset: int) -> Frames:
    """Frames of native pixel data: each where its length puts it."""
    each = shape.native_bytes
    if not each and shape.frames == 1:
        each = element.length
    if not each or each * shape.frames > element.length:
        return Frames(shape.frames, Form.UNKNOWN)
    return Frames(shape.frames, Form.NATIVE, NATIVE_ENTRY.pack(data_offset + element.offset, each))


def encapsulated_frames(
    walk: Walk, element: Element, count: int, data_offset: int, extended: tuple[int, ...] = ()
) -> Frames:
    """Frames of encapsulated pixel data (PS3.5 §A.4), leaving the walk behind them.

    `extended` is the Extended Offset Table, when there is one.
    """
    fragments = bytearray()
    table: tuple[int, ...] = ()
    first_item = found = 0
    for number, item in enumerate(walk.fragments_or_items(element)):
        if number == 0:
            table = offset_table(walk, item, "I")
            walk.position = first_item = item.offset + item.length
        elif number <= NOTED_LIMIT:
            found = number
            fragments += ENTRY.pack(data_offset + item.offset, item.length)
        else:
            found = number
    if found > NOTED_LIMIT:
        return Frames(count, Form.UNKNOWN)
    if found == count:
        return Frames(count, Form.FRAGMENT, bytes(fragments))
    if found > 1 and count == 1:
        return _grouped(fragments, [0])
    starts = extended if len(extended) == count else table
    firsts = _firsts(fragments, starts, data_offset + first_item) if len(starts) == count > 1 else []
    return _grouped(fragments, firsts) if firsts else Frames(count, Form.UNKNOWN)


def offset_table(walk: Walk, element: Element, letter: str) -> tuple[int, ...]:
    """Where frames begin, as the sender says: the Basic ("I") or Extended ("Q") Offset Table (PS3.5 §A.4)."""
    size = struct.calcsize(f"<{letter}")
    if element.length > NOTED_LIMIT * size:
        return ()
    raw = walk.value(element)
    return struct.unpack_from(f"<{len(raw) // size}{letter}", raw)


def _firsts(fragments: bytearray, starts: tuple[int, ...], first_item: int) -> list[int]:
    """The fragment with which each frame begins, going by where its item header lies."""
    firsts: list[int] = []
    for number, (offset, _) in enumerate(ENTRY.iter_unpack(fragments)):
        if len(firsts) < len(starts) and offset - 8 - first_item == starts[len(firsts)]:
            firsts.append(number)
    return firsts if len(firsts) == len(starts) and firsts[0] == 0 else []


def _grouped(fragments: bytearray, firsts: list[int]) -> Frames:
    """Each frame from its first fragment up to the next frame's."""
    found = len(fragments) // ENTRY.size
    packed = bytearray()
    for first, last in pairwise([*firsts, found]):
        start, stop = _bounds(fragments, first, last)
        if stop - start > _LONGEST:
            return Frames(len(firsts), Form.UNKNOWN)
        packed += ENTRY.pack(start, stop - start)
    return Frames(len(firsts), Form.FRAGMENTS, bytes(packed))


def _bounds(fragments: bytearray, first: int, last: int) -> tuple[int, int]:
    start, _ = ENTRY.unpack_from(fragments, first * ENTRY.size)
    offset, length = ENTRY.unpack_from(fragments, (last - 1) * ENTRY.size)
    return start, offset + length


def is_encapsulated(element: Element) -> bool:
    """Pixel data of undefined length are encapsulated (PS3.5 §A.4)."""
    return element.length == UNDEFINED
