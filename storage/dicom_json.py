"""Data elements as DICOM JSON (PS3.18 §F.2), straight from their bytes.

Made once, when an instance is kept. Values that JSON cannot hold are left out and reported; a value too
large to keep ready becomes a BulkDataURI that begins with "@", which a reader completes.
"""

import base64
import math
import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes

from storage.elements import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Element, Encoding, Walk
from storage.errors import Unreadable
from storage.source import Whole

Member = dict[str, Any]

INLINE_LIMIT_BYTES = 1024  # binary values up to here stand in the JSON
TEXT_LIMIT_BYTES = 64 * 1024
READY_LIMIT_BYTES = 256 * 1024  # of values in one instance; beyond it the JSON is made when read
DEPTH_LIMIT = 24  # sequences within sequences; real ones stay below ten

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_ONE_TEXT = frozenset({"ST", "LT", "UT", "UR"})
_CODED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # governed by Specific Character Set
_NUMBERS: Mapping[str, tuple[str, int]] = {
    "US": ("H", 2), "SS": ("h", 2), "UL": ("I", 4), "SL": ("i", 4),
    "UV": ("Q", 8), "SV": ("q", 8), "FL": ("f", 4), "FD": ("d", 8),
}  # fmt: skip
_SPECIFIC_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103
#: Signed where Pixel Representation says so, when the data set does not carry VRs (PS3.5 §A.1).
_SIGNED_BY_PIXELS = frozenset({
    0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00280120, 0x00280121,
    0x00281101, 0x00281102, 0x00281103, 0x00409211, 0x00409216, 0x00603004, 0x00603006,
})  # fmt: skip


_MEMO_VALUE_BYTES = 64
_MEMO_SIZE = 20_000
#: Values that change how others are read, and those whose reading they change.
_CHANGES_READING = _SIGNED_BY_PIXELS | {_SPECIFIC_CHARACTER_SET, _PIXEL_REPRESENTATION}


@cache
def _memo_for(encoding: Encoding) -> dict[tuple[int, str, bytes], Member]:
    """Short ASCII values already turned. The instances of a series share most of theirs, so this halves
    the time of a header. Members are shared: nobody changes one."""
    return {}


class JsonWriter:
    """Turns elements into DICOM JSON members, in the order of a forward walk.

    `problems` collects "tag: why" for what could not be turned, never a value.
    """

    def __init__(
        self,
        walk: Walk,
        encoding: Encoding,
        limit_bytes: float = READY_LIMIT_BYTES,
        bulk: Callable[[Element, str], str] | None = None,
    ) -> None:
        """`bulk(element, path)` names a value that is too large; by default its path with an "@"."""
        self._walk = walk
        self._bulk = bulk or self._path_of
        self._encoding = encoding
        self._encodings = ["ascii"]
        self._left = limit_bytes
        self._is_signed = False
        self._memo = _memo_for(encoding)
        self.problems: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Nothing was left out for size."""
        return self._left >= 0

    def member(self, element: Element, path: str = "", depth: int = 0) -> Member | None:
        """The element just read from the walk, which is left behind it; None where it is left out."""
        tag, vr, offset, length = element
        if vr == "SQ" or length == UNDEFINED:
            return self._sequence(element, path, depth)
        self._walk.position = offset + length
        if not length:
            return {"vr": vr}
        if length > INLINE_LIMIT_BYTES and (vr in _BINARY or length > TEXT_LIMIT_BYTES):
            return {"vr": vr, "BulkDataURI": self._bulk(element, path)}
        self._left -= length
        if self._left < 0:
            return None
        raw = self._walk.value(element)
        known = self._memo.get((tag, vr, raw))
        if known is not None:
            return known
        try:
            member = self._plain(tag, vr, raw)
        except (ValueError, struct.error, OverflowError) as error:
            self.problems.append(f"{tag:08X}: {type(error).__name__}")
            return {"vr": vr}
        if length <= _MEMO_VALUE_BYTES and tag not in _CHANGES_READING and raw.isascii():
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            self._memo[tag, vr, raw] = member
        return member

    def _plain(self, tag: int, vr: str, raw: bytes) -> Member:
        if vr in _BINARY:
            return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode()}
        if vr in _NUMBERS:
            if vr == "US" and self._is_signed and tag in _SIGNED_BY_PIXELS and not self._encoding.explicit:
                vr = "SS"
            values: list[Any] = self._numbers(vr, raw)
            if tag == _PIXEL_REPRESENTATION:
                self._is_signed = values[:1] == [1]
            return {"vr": vr, "Value": values} if values else {"vr": vr}
        if vr == "AT":
            pairs = struct.unpack(f"{self._encoding.endian}{len(raw) // 2}H", raw)
            return {
                "vr": vr,
                "Value": [f"{a:04X}{b:04X}" for a, b in zip(pairs[::2], pairs[1::2], strict=True)],
            }
        text = self._text(tag, vr, raw)
        if vr in _ONE_TEXT:
            text = text.rstrip(" \0")
            return {"vr": vr, "Value": [text]} if text else {"vr": vr}
        if tag == _SPECIFIC_CHARACTER_SET:
            self._encodings = self._understand(text)
            return {"vr": vr, "Value": ["ISO_IR 192"]}  # JSON is UTF-8 (PS3.18 §F.2.2)
        parts = [part.strip(" \0") for part in text.split("\\")] if "\\" in text else [text.strip(" \0")]
        convert = _CONVERT.get(vr)
        values = (
            [convert(part) if part else None for part in parts]
            if convert
            else [part or None for part in parts]
        )
        if not any(value is not None for value in values):
            return {"vr": vr}
        return {"vr": vr, "Value": values}

    def _numbers(self, vr: str, raw: bytes) -> list[Any]:
        letter, size = _NUMBERS[vr]
        count = len(raw) // size
        values = list(struct.unpack(f"{self._encoding.endian}{count}{letter}", raw[: count * size]))
        if letter in "fd":
            return [value if math.isfinite(value) else str(value) for value in values]
        return values

    def _text(self, tag: int, vr: str, raw: bytes) -> str:
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        encodings = self._encodings if vr in _CODED else ["ascii"]
        try:
            if b"\x1b" in raw or len(encodings) > 1:
                delimiters = {ord("\\"), ord("^"), ord("=")} if vr == "PN" else set(b"\n\r\t\f\\")
                return decode_bytes(raw, encodings, delimiters)
            return raw.decode(encodings[0])
        except (UnicodeError, LookupError, UserWarning):
            self.problems.append(f"{tag:08X}: not in the character set that is declared")
            return raw.decode("utf-8", "replace")

    def _understand(self, declared: str) -> list[str]:
        try:
            names = [part.strip() for part in declared.split("\\")]
            return list(convert_encodings(names if len(names) > 1 else names[0]))
        except (LookupError, ValueError, UserWarning):
            self.problems.append("00080005: unknown character set")
            return ["utf-8"]

    def _path_of(self, element: Element, path: str) -> str:
        self._in_reach(element)
        return f"@{path}{element.tag:08X}"

    def _in_reach(self, element: Element) -> None:
        """A value that is not read must still lie within the data."""
        if not self._walk.reaches_end_of(element):
            raise Unreadable(f"the value of {element.tag:08X} is cut short", element.offset)

    def _sequence(self, element: Element, path: str, depth: int) -> Member | None:
        walk = self._walk
        if depth >= DEPTH_LIMIT:
            self.problems.append(f"{element.tag:08X}: nested deeper than {DEPTH_LIMIT}")
            walk.skip(element)
            return None
        if element.length not in (0, UNDEFINED) and self._left < element.length:
            self._left = -1
            self._in_reach(element)
            walk.skip(element)
            return None
        explicit, encodings = walk.explicit, self._encodings
        if element.vr == "UN":
            walk.explicit = False
        stop = math.inf if element.length == UNDEFINED else element.offset + element.length
        items: list[dict[str, Member]] = []
        while walk.position < stop:
            item = walk.next()
            if item is None:
                raise Unreadable(f"the sequence {element.tag:08X} never ends", walk.position)
            if item.tag == SEQUENCE_END:
                break
            if item.tag != ITEM:
                raise Unreadable(f"the sequence {element.tag:08X} holds no item", item.offset)
            items.append(self._item(item, f"{path}{element.tag:08X}/{len(items)}/", depth + 1))
            self._encodings = encodings
            if self._left < 0:
                items.clear()
        walk.explicit = explicit
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}

    def _item(self, item: Element, path: str, depth: int) -> dict[str, Member]:
        walk = self._walk
        stop = math.inf if item.length == UNDEFINED else item.offset + item.length
        members: dict[str, Member] = {}
        while walk.position < stop:
            inner = walk.next()
            if inner is None:
                raise Unreadable("an item never ends", walk.position)
            if inner.tag == ITEM_END:
                break
            if self._left < 0:
                walk.skip(inner)
                continue
            member = self.member(inner, path, depth)
            if member is not None and inner.tag & 0xFFFF:
                members[f"{inner.tag:08X}"] = member
        return members


def _integer(text: str) -> int | str:
    """A number where it is one and JSON readers keep it exact, else the text (PS3.18 §F.2.3.1)."""
    try:
        return int(text) if len(text) <= 15 else text
    except ValueError:
        return text


def _decimal(text: str) -> float | int | str:
    try:
        return int(text) if len(text) <= 15 else _finite(text)
    except ValueError:
        return _finite(text)


def _finite(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _person(text: str) -> dict[str, str]:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {name: group for name, group in groups if group} or {"Alphabetic": ""}


_CONVERT: Mapping[str, Callable[[str], Any]] = {"IS": _integer, "DS": _decimal, "PN": _person}


def members_of(data: bytes, encoding: Encoding, limit_bytes: float = math.inf) -> dict[str, Member]:
    """The whole of a data set that is in memory, as one DICOM JSON object."""
    walk = Walk(Whole(data), encoding)
    writer = JsonWriter(walk, encoding, limit_bytes)
    members: dict[str, Member] = {}
    while (element := walk.next()) is not None:
        member = writer.member(element)
        if member is not None and element.tag & 0xFFFF:
            members[f"{element.tag:08X}"] = member
    return members
