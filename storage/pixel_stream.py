"""The frames of pixel data, one after the other as they pass, never all held."""

from collections.abc import Iterable, Iterator

import numpy as np

from storage.codecs.codestream import STARTS
from storage.codecs.frame import FRAME_LIMIT_BYTES, ImagePixel
from storage.elements import UNDEFINED, Element, Walk
from storage.errors import Unreadable
from storage.frames import offset_table
from storage.passing import Passing
from storage.syntaxes import HTJ2K, JPEG, JPEG_2000, JPEG_LS, JPEG_XL

#: Whose frames may be cut into several fragments; in the others each frame is one (PS3.5 §A.4).
_CUT = frozenset({*JPEG, *JPEG_LS, *JPEG_2000, *HTJ2K, *JPEG_XL})


def native_frames(passing: Passing, element: Element, pixel: ImagePixel, count: int) -> Iterator[bytes]:
    """Each frame of native pixel data, even where it does not begin at a whole byte. Raises Unreadable."""
    bits = pixel.frame_bits
    position, held = element.offset, b""
    for number in range(count):
        first, last = number * bits, (number + 1) * bits
        stop = element.offset + (last + 7) // 8
        held += b"".join(passing.take(min(stop, element.offset + element.length)))
        if position + len(held) < stop:
            raise Unreadable("the pixel data are shorter than their frames")
        if bits % 8 == 0:
            yield held
            position, held = stop, b""
            continue
        yield _cut_bits(held, first - 8 * (position - element.offset), bits)
        keep = (last // 8) - (position - element.offset)
        position, held = position + keep, held[keep:]


def packed(frames: Iterable[bytes], bits: int) -> Iterator[bytes]:
    """Native frames of so many bits as they follow one another in pixel data (PS3.5 §8.1.1)."""
    if bits % 8 == 0:
        yield from frames
        return
    rest = np.empty(0, "u1")
    for frame in frames:
        joined = np.concatenate(
            [rest, np.unpackbits(np.frombuffer(frame, "u1"), count=bits, bitorder="little")]
        )
        whole = joined.size - joined.size % 8
        yield np.packbits(joined[:whole], bitorder="little").tobytes()
        rest = joined[whole:]
    yield np.packbits(rest, bitorder="little").tobytes()


def encapsulated_frames(
    walk: Walk, passing: Passing, element: Element, syntax: str, count: int, extended: tuple[int, ...] = ()
) -> Iterator[bytes]:
    """Each frame of encapsulated pixel data (PS3.5 §A.4), up to their delimiter. Raises Unreadable.

    An offset table tells frames that were cut into fragments apart, `extended` or basic; without one, a
    fragment that begins as a codestream does begins a frame.
    """
    frame: list[bytes] = []
    starts: frozenset[int] = frozenset()
    first_item = found = size = 0
    for number, item in enumerate(walk.fragments_or_items(element)):
        if number == 0:
            basic = offset_table(walk, item, "I")
            starts = frozenset(next((each for each in (extended, basic) if len(each) == count), ()))
            walk.position = first_item = item.offset + item.length
            _drop(passing, first_item)
            continue
        if item.length > FRAME_LIMIT_BYTES:
            raise Unreadable(f"a fragment of more than {FRAME_LIMIT_BYTES:,} bytes")
        _drop(passing, item.offset)
        fragment = b"".join(passing.take(item.offset + item.length))
        if frame and _begins(fragment, item.offset - 8 - first_item, starts, syntax, count):
            found += 1
            yield b"".join(frame)
            frame, size = [], 0
        frame.append(fragment)
        size += len(fragment)
        if size > FRAME_LIMIT_BYTES:
            raise Unreadable(f"a compressed frame of more than {FRAME_LIMIT_BYTES:,} bytes")
    _drop(passing, walk.position)
    if frame:
        found += 1
        yield b"".join(frame)
    if found != count:
        raise Unreadable(f"{found} frames where the header says {count}")


def _begins(fragment: bytes, offset: int, starts: frozenset[int], syntax: str, count: int) -> bool:
    if count == 1:
        return False
    if starts:
        return offset in starts
    return syntax not in _CUT or fragment.startswith(STARTS)


def frames_of(
    walk: Walk,
    passing: Passing,
    element: Element,
    pixel: ImagePixel,
    syntax: str,
    count: int,
    extended: tuple[int, ...] = (),
) -> Iterator[bytes]:
    """Each frame as it is stored. Raises Unreadable."""
    if element.length == UNDEFINED:
        yield from encapsulated_frames(walk, passing, element, syntax, count, extended)
        return
    _drop(passing, element.offset)
    walk.position = element.offset + element.length
    yield from native_frames(passing, element, pixel, count)


def _cut_bits(data: bytes, first: int, count: int) -> bytes:
    alone = np.unpackbits(np.frombuffer(data, "u1"), bitorder="little")[first : first + count]
    return np.packbits(alone, bitorder="little").tobytes()


def _drop(passing: Passing, stop: int) -> None:
    for _ in passing.take(stop):
        pass
