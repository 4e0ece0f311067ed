"""A data set with its pixel data in another transfer syntax, written as it passes, whatever its size."""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from storage.codecs.converting import described
from storage.codecs.frame import (
    BITS_ALLOCATED,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    ROWS,
    Frame,
    ImagePixel,
    image_pixel,
)
from storage.elements import ITEM, SEQUENCE_END, UNDEFINED, Element, Walk, encoding_of
from storage.errors import Unencodable, Unreadable
from storage.frames import NOTED_LIMIT, PIXEL_DATA, PIXELS, offset_table
from storage.passing import Passing
from storage.pixel_stream import frames_of, packed
from storage.syntaxes import ALWAYS_LOSSY, EXPLICIT_LITTLE, NATIVE

#: A frame, the syntax it is in, and the one that is wanted.
Convert = Callable[[Frame, str, str], Frame]

_LOSSY_IMAGE_COMPRESSION = 0x00282110
_EXTENDED_OFFSETS = 0x7FE00001
#: Say where frames lay and how long groups were (PS3.3 §C.7.6.3.1.8, PS3.5 §7.2): no longer so. Nor does a
#: file meta that some senders leave in the data set.
_OF_THE_OLD_ENCODING = frozenset({_EXTENDED_OFFSETS, 0x7FE00002, 0x7FE00003, 0x7FE00000, 0x00280000})
#: Of group 0028, which may hold look-up tables.
_HELD_LIMIT_BYTES = 32 * 1024 * 1024
#: Of a value whose length is known (PS3.5 §7.1.1).
LONGEST_BYTES = 0xFFFFFFFE


class _Held(NamedTuple):
    raw: bytes  # header and value
    value: bytes


def reencoded(data_set: Iterable[bytes], stored: str, wanted: str, convert: Convert) -> Iterator[bytes]:
    """An Explicit VR Little Endian data set, of whose pixel data each frame goes through `convert`.

    The attributes that describe the pixels say what those are afterwards; what lost something by compression
    says so for ever (PS3.3 §C.7.6.1.1.5). Raises Unreadable, Unencodable, and what `convert` raises.
    """
    return _Reencoding(data_set, stored, wanted, convert).run()


def stored_frames(data_set: Iterable[bytes], stored: str, *, is_all: bool = False) -> Iterator[Frame]:
    """The frames of an Explicit VR Little Endian data set as they are stored, one after the other.

    With `is_all`, nothing may stand behind the last of them. Raises Unreadable.
    """
    return _Reencoding(data_set, stored, stored, _as_it_is).frames(is_all=is_all)


def _as_it_is(frame: Frame, stored: str, wanted: str) -> Frame:
    return frame


class _Reencoding:
    def __init__(self, data_set: Iterable[bytes], stored: str, wanted: str, convert: Convert) -> None:
        self._passing = Passing(data_set)
        self._walk = Walk(self._passing, encoding_of(EXPLICIT_LITTLE))
        self._stored = EXPLICIT_LITTLE if stored in NATIVE else stored
        self._wanted = wanted
        self._convert = convert
        self._held: dict[int, _Held] = {}  # group 0028
        self._is_described = False  # and written
        self._extended: tuple[int, ...] = ()

    def run(self) -> Iterator[bytes]:
        """The data set in its new form."""
        while True:
            element = self._walk.next()
            if not self._is_described and (element is None or element.tag >> 16 > 0x0028):
                self._is_described = True
                yield from self._descriptions()
            if element is None:
                yield from self._passing.rest()  # a few zero bytes that some senders end with
                return
            if element.tag in PIXELS:
                yield from self._pixel_data(element)
            elif element.tag in _OF_THE_OLD_ENCODING or element.tag >> 16 == 2:
                self._drop(element)
            elif element.tag >> 16 == 0x0028 and not self._is_described:
                self._hold(element)
            else:
                yield from self._pass(element)

    def frames(self, *, is_all: bool) -> Iterator[Frame]:
        """Its frames alone."""
        while (element := self._walk.next()) is not None:
            if element.tag in PIXELS:
                pixel = self._image_pixel(element)
                if is_all:
                    self._check_end(element, pixel)
                for data in self._frames(element, pixel):
                    yield Frame(data, pixel)
                return
            if element.tag in _OF_THE_OLD_ENCODING:
                self._drop(element)
            elif element.tag >> 16 == 0x0028:
                self._hold(element)
            else:
                for _ in self._pass(element):
                    pass
        raise Unreadable("no pixel data")

    def _pass(self, element: Element) -> Iterator[bytes]:
        for position in self._walk.past(element):
            yield from self._passing.take(position)

    def _drop(self, element: Element) -> None:
        if element.tag == _EXTENDED_OFFSETS:
            self._extended = offset_table(self._walk, element, "Q")
        for _ in self._pass(element):
            pass

    def _hold(self, element: Element) -> None:
        raw = b"".join(self._pass(element))
        if not raw[4:6].isalpha():
            raise Unreadable("attributes are written without their VR, in a syntax that asks for it")
        value = b"" if element.length in (0, UNDEFINED) else raw[-element.length :]
        self._held[element.tag] = _Held(raw, value)
        if sum(len(each.raw) for each in self._held.values()) > _HELD_LIMIT_BYTES:
            raise Unreadable("the attributes that describe the pixels are too long")

    def _descriptions(self) -> Iterator[bytes]:
        """Group 0028 as it is afterwards; as it was where it describes no pixels."""
        found = {tag: held.raw for tag, held in self._held.items()}
        if ROWS in found and BITS_ALLOCATED in found:
            before = self._image_pixel()
            after = described(before, self._stored, self._wanted)
            if after.photometric != before.photometric:
                found[PHOTOMETRIC_INTERPRETATION] = _code(PHOTOMETRIC_INTERPRETATION, after.photometric)
            if after.samples > 1:
                found[PLANAR_CONFIGURATION] = _number(PLANAR_CONFIGURATION, int(after.is_planar))
            if self._stored in ALWAYS_LOSSY or before.photometric == "YBR_ICT":
                found[_LOSSY_IMAGE_COMPRESSION] = _code(_LOSSY_IMAGE_COMPRESSION, "01")
        for tag in sorted(found):
            yield found[tag]

    def _image_pixel(self, element: Element | None = None) -> ImagePixel:
        is_float = None if element is None else element.tag != PIXEL_DATA
        return image_pixel(self._value, is_float)

    def _value(self, tag: int) -> int | str | None:
        held = self._held.get(tag)
        if held is None or not held.value:
            return None
        if tag in (PHOTOMETRIC_INTERPRETATION, NUMBER_OF_FRAMES):
            return held.value.decode("ascii", "replace").strip(" \0")
        return int.from_bytes(held.value[:2], "little")

    def _count(self) -> int:
        said = str(self._value(NUMBER_OF_FRAMES) or "1")
        if not (said.isascii() and said.isdigit() and 0 < int(said[:10]) <= NOTED_LIMIT):
            raise Unreadable("a number of frames that nobody can have")
        return int(said)

    def _frames(self, element: Element, pixel: ImagePixel) -> Iterator[bytes]:
        pixel.check()
        return frames_of(
            self._walk, self._passing, element, pixel, self._stored, self._count(), self._extended
        )

    def _pixel_data(self, element: Element) -> Iterator[bytes]:
        pixel = self._image_pixel(element)
        after = described(pixel, self._stored, self._wanted)
        frames = self._frames(element, pixel)
        made = (self._made(frame, pixel, after) for frame in frames)
        if self._wanted == EXPLICIT_LITTLE:
            yield from _native(made, after, self._count())
        else:
            self._check_end(element, pixel)
            yield from _encapsulated(made)

    def _made(self, frame: bytes, pixel: ImagePixel, after: ImagePixel) -> bytes:
        made = self._convert(Frame(frame, pixel), self._stored, self._wanted)
        if made.pixel.photometric != after.photometric:
            raise Unreadable("the colours of a frame are other ones than the header names")
        return made.data

    def _check_end(self, element: Element, pixel: ImagePixel) -> None:
        """What stands behind the last native frame has no place in frames."""
        behind = element.length - (pixel.frame_bits * self._count() + 7) // 8
        if element.length != UNDEFINED and behind not in (0, 1):
            raise Unencodable("there is more in the pixel data than their frames")


def _native(frames: Iterable[bytes], pixel: ImagePixel, count: int) -> Iterator[bytes]:
    length = (pixel.frame_bits * count + 7) // 8
    padded = length + length % 2
    if padded > LONGEST_BYTES:
        raise Unencodable("decoded, the pixel data are longer than an element can be")
    vr = b"OW" if pixel.bits_allocated > 8 else b"OB"
    yield struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, padded)
    yield from packed(frames, pixel.frame_bits)
    yield bytes(padded - length)


def _encapsulated(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Each frame one fragment, with an empty Basic Offset Table (PS3.5 §A.4)."""
    yield struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED)
    yield struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, 0)
    for frame in frames:
        yield struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(frame) + len(frame) % 2)
        yield frame
        yield bytes(len(frame) % 2)
    yield struct.pack("<HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)


def _code(tag: int, text: str) -> bytes:
    value = text.encode() + b" " * (len(text) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"CS", len(value)) + value


def _number(tag: int, number: int) -> bytes:
    return struct.pack("<HH2sHH", tag >> 16, tag & 0xFFFF, b"US", 2, number)
