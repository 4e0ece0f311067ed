"""A data set put together of its description and its bulk values, in Explicit VR Little Endian.

Nothing is held: a value comes in pieces, and goes out in them. Compressed pictures are encapsulated (PS3.5
§A.4), one fragment a frame, so that each frame is found by the Basic Offset Table, or the Extended one where
32 bits do not reach.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from storage.dicom_json import Member
from storage.elements import EXPLICIT_LITTLE, ITEM, ITEM_END, SEQUENCE_END, SHORT_VRS, UNDEFINED, encoding_of
from storage.errors import BadInput
from storage.json_in import BINARY, CHARACTER_SET
from storage.writing import ElementWriter

PIXEL_DATA = "7FE00010"
_OFFSETS, _LENGTHS = "7FE00001", "7FE00002"

#: Of a value, and of a fragment, in even bytes.
LONGEST = 0xFFFFFFFE
#: A longer frame comes in several fragments of this.
_FRAGMENT = 0x40000000
_SHORT_LIMIT = 0xFFFF
_SHORT = frozenset(SHORT_VRS.values())


@dataclass(frozen=True, slots=True)
class Value:
    """A value that lies elsewhere: its length in bytes, and its bytes between two places."""

    size: int
    read: Callable[[int, int], Iterator[bytes]]

    @property
    def even(self) -> int:
        """Its length as an element has it (PS3.5 §7.1.1)."""
        return self.size + self.size % 2


def assembled(
    members: Mapping[str, Member], values: Mapping[str, Value], frames: Sequence[Value] = ()
) -> Iterator[bytes]:
    """The data set. `values` are by the URIs that members name; `frames` are its Pixel Data, compressed.

    Raises BadInput, before the first byte, where a value is longer than an element may be.
    """
    for value in values.values():
        if value.even > LONGEST:
            raise BadInput("a value of more than 4 GiB, which only compressed pixels may be")
    text = dict(members)
    if CHARACTER_SET in text or not _is_ascii(text):
        text[CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}  # JSON and XML are UTF-8
    if frames:
        text.pop(PIXEL_DATA)
        text = {tag: member for tag, member in text.items() if tag not in (_OFFSETS, _LENGTHS)}
    writer = ElementWriter(encoding_of(EXPLICIT_LITTLE), ("utf-8",))
    above = {tag: text.pop(tag) for tag in [tag for tag in text if tag > PIXEL_DATA]}
    yield from _written(dict(sorted(text.items())), writer, values)
    if frames:
        yield from encapsulated(frames)
    yield from _written(above, writer, values)


def encapsulated(frames: Sequence[Value]) -> Iterator[bytes]:
    """Pixel Data of these frames, after an Extended Offset Table where it takes one (PS3.5 §A.4)."""
    starts = [0, *accumulate(8 + frame.even for frame in frames)][: len(frames)]
    basic = b""
    if len(frames) > 1 and starts[-1] <= LONGEST:
        basic = struct.pack(f"<{len(starts)}I", *starts)
    elif len(frames) > 1:
        for tag, numbers in ((0x7FE00001, starts), (0x7FE00002, [frame.even for frame in frames])):
            yield _head(tag, "OV", 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)
    yield _head(0x7FE00010, "OB", UNDEFINED) + _item(len(basic)) + basic
    for frame in frames:
        for start, stop in _fragments(frame.even):
            yield _item(stop - start)
            yield from frame.read(start, min(stop, frame.size))
            if stop > frame.size:
                yield b"\0"
    yield struct.pack("<HHI", *_halves(SEQUENCE_END), 0)


def _fragments(size: int) -> list[tuple[int, int]]:
    if size <= LONGEST:
        return [(0, size)]
    return [(start, min(start + _FRAGMENT, size)) for start in range(0, size, _FRAGMENT)]


def _written(
    members: Mapping[str, Member], writer: ElementWriter, values: Mapping[str, Value]
) -> Iterator[bytes]:
    for tag, member in members.items():
        if "BulkDataURI" in member:
            yield from _bulk(int(tag, 16), member["vr"], values[member["BulkDataURI"]])
        elif _has_bulk(member):
            yield _head(int(tag, 16), "SQ", UNDEFINED)
            for item in member["Value"]:
                inner = {name: one for name, one in item.items() if name != CHARACTER_SET}
                yield struct.pack("<HHI", *_halves(ITEM), UNDEFINED)
                yield from _written(inner, writer, values)
                yield struct.pack("<HHI", *_halves(ITEM_END), 0)
            yield struct.pack("<HHI", *_halves(SEQUENCE_END), 0)
        else:
            yield writer.element(tag, member)


def _bulk(tag: int, vr: str, value: Value) -> Iterator[bytes]:
    if vr in _SHORT and value.even > _SHORT_LIMIT:
        vr = "UN"  # PS3.5 §6.2.2
    if vr in _SHORT:
        yield struct.pack("<HH2sH", *_halves(tag), vr.encode(), value.even)
    else:
        yield _head(tag, vr, value.even)
    yield from value.read(0, value.size)
    if value.size % 2:
        yield b"\0" if vr in BINARY else b" "


def _has_bulk(member: Member) -> bool:
    return member["vr"] == "SQ" and any(
        "BulkDataURI" in inner or _has_bulk(inner)
        for item in member.get("Value", ())
        for inner in item.values()
    )


def _is_ascii(members: object) -> bool:
    """Whether no text of them needs a character set."""
    match members:
        case str():
            return members.isascii()
        case Mapping():
            return all(_is_ascii(each) for each in members.values())
        case list():
            return all(_is_ascii(each) for each in members)
    return True


def _halves(tag: int) -> tuple[int, int]:
    return tag >> 16, tag & 0xFFFF


def _head(tag: int, vr: str, length: int) -> bytes:
    return struct.pack("<HH2sHI", *_halves(tag), vr.encode(), 0, length)


def _item(length: int) -> bytes:
    return struct.pack("<HHI", *_halves(ITEM), length)
