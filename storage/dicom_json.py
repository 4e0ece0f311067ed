"""Data elements as DICOM JSON (PS3.18 §F.2), straight from their bytes.

Made once, when an instance is kept. Values that JSON cannot hold are left out and reported; a value too
large to keep ready becomes a BulkDataURI that begins with "@", which a reader completes.
"""

import base64
import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from storage.charsets import ASCII, decode, encodings_of
from storage.elements import UNDEFINED, Element, Encoding, Walk, vr_of
from storage.errors import Unreadable

Member = dict[str, Any]

INLINE_LIMIT_BYTES = 1024  # binary values up to here stand in the JSON
TEXT_LIMIT_BYTES = 64 * 1024
READY_LIMIT_BYTES = 256 * 1024  # of values in one instance; beyond it the JSON is made when read
WANTED_LIMIT_BYTES = 128 * 1024  # of one value that the index matches, whatever came before it
DEPTH_LIMIT = 24  # sequences within sequences; real ones stay below ten
PROBLEMS_LIMIT = 100
#: What an element or item counts for beside its value, so that empty ones without number are bounded too.
_COST_BYTES = 16

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
ONE_TEXT = frozenset({"ST", "LT", "UT", "UR"})
CODED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # governed by Specific Character Set
NUMBERS: Mapping[str, tuple[str, int]] = {
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


#: What is reported of text that cannot be read.
NOT_IN_CHARACTER_SET = "not in the character set that is declared"

#: Values that change how others are read, and those whose reading they change.
READING_TAGS = _SIGNED_BY_PIXELS | {_SPECIFIC_CHARACTER_SET, _PIXEL_REPRESENTATION}


class JsonWriter:
    """Turns elements into DICOM JSON members, in the order of a forward walk.

    `problems` collects "tag: why" for what could not be turned, never a value.
    """

    def __init__(
        self,
        walk: Walk,
        encoding: Encoding,
        limit_bytes: float = READY_LIMIT_BYTES,
        character_set: str | None = None,
    ) -> None:
        """`character_set` is in which the text really is, whatever the data set declares."""
        self._walk = walk
        self._encoding = encoding
        self._encodings: tuple[str, ...] = (character_set and encodings_of(character_set)) or ASCII
        self._is_declaration_wrong = character_set is not None
        self._left = limit_bytes
        self._is_signed = False
        self.problems: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Nothing was left out for size."""
        return self._left >= 0

    def member(self, element: Element, path: str = "", depth: int = 0) -> Member | None:
        """The element just read from the walk, which is left behind it; None where it is left out."""
        tag, vr, offset, length = element
        self._left -= _COST_BYTES
        if vr == "SQ" or length == UNDEFINED:
            if vr != "SQ" and vr != "UN":
                return self._encapsulated(element, path)
            return self._sequence(element, path, depth)
        if vr == "UN":
            known = vr_of(tag)  # a relay that did not know the tag wrote UN (PS3.5 §6.2.2)
            vr = "UN" if known == "SQ" else known
        self._walk.position = offset + length
        if length <= INLINE_LIMIT_BYTES or (vr not in _BINARY and length <= TEXT_LIMIT_BYTES):
            self._left -= length
            if self._left < 0:
                return None
        else:
            return self._large(element, vr, path)
        if not length:
            return {"vr": vr}
        raw = self._walk.value(element)
        try:
            return self._plain(tag, vr, raw)
        except (ValueError, struct.error, OverflowError) as error:
            self._report(tag, type(error).__name__)
            return {"vr": vr}

    def wanted(self, element: Element) -> Member | None:
        """The same, for what an index cannot do without: never left out for what came before it."""
        left, self._left = self._left, WANTED_LIMIT_BYTES
        member = self.member(element)
        self._left = left if self._left >= 0 else -1
        return member

    def made_elsewhere(self, member: Member) -> Member | None:
        """A member that another writer read from the same walk, where there is room for it."""
        self._left -= len(orjson.dumps(member))
        return member if self._left >= 0 else None

    def _plain(self, tag: int, vr: str, raw: bytes) -> Member:
        if vr in _BINARY:
            return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode()}
        if vr in NUMBERS:
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
        if vr in ONE_TEXT:
            text = text.rstrip(" \0")
            return {"vr": vr, "Value": [text]} if text else {"vr": vr}
        if tag == _SPECIFIC_CHARACTER_SET:
            if not self._is_declaration_wrong:
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
        letter, size = NUMBERS[vr]
        values = list(struct.unpack(f"{self._encoding.endian}{len(raw) // size}{letter}", raw))
        if letter in "fd":
            return [value if math.isfinite(value) else str(value) for value in values]
        return values

    def _text(self, tag: int, vr: str, raw: bytes) -> str:
        if _is_plain(raw):
            return raw.decode("ascii")
        try:
            return decode(raw, self._encodings if vr in CODED else ASCII, vr)
        except UnicodeError:
            self._report(tag, NOT_IN_CHARACTER_SET)
            return raw.decode("utf-8", "replace")

    def _understand(self, declared: str) -> tuple[str, ...]:
        encodings = encodings_of(declared)
        if encodings is None:
            self._report(_SPECIFIC_CHARACTER_SET, "unknown character set")
            return ("utf-8",)
        return encodings

    def _report(self, tag: int, why: str) -> None:
        if len(self.problems) < PROBLEMS_LIMIT:
            self.problems.append(f"{tag:08X}: {why}")

    def _large(self, element: Element, vr: str, path: str) -> Member | None:
        """A value that stays in the object. It is not read, but must lie within the data."""
        self._in_reach(element)
        return {"vr": vr, "BulkDataURI": f"@{path}{element.tag:08X}"} if self._left >= 0 else None

    def _encapsulated(self, element: Element, path: str) -> Member | None:
        """Pixels in fragments, of an icon for one (PS3.5 §A.4)."""
        self._walk.skip(element)
        return {"vr": element.vr, "BulkDataURI": f"@{path}{element.tag:08X}"} if self._left >= 0 else None

    def _in_reach(self, element: Element) -> None:
        if not self._walk.reaches_end_of(element):
            raise Unreadable(f"the value of {element.tag:08X} is cut short", element.offset)

    def _sequence(self, element: Element, path: str, depth: int) -> Member | None:
        walk = self._walk
        if depth >= DEPTH_LIMIT:
            self._report(element.tag, f"nested deeper than {DEPTH_LIMIT}")
            walk.skip(element)
            return None
        if element.length not in (0, UNDEFINED) and self._left < element.length:
            self._left = -1
            self._in_reach(element)
            walk.skip(element)
            return None
        encodings = self._encodings
        items: list[dict[str, Member]] = []
        found = walk.items(element)
        for item in found:
            self._left -= _COST_BYTES
            inner = self._item(item, f"{path}{element.tag:08X}/{len(items)}/", depth + 1)
            self._encodings = encodings
            if self._left < 0:
                self._leave(element)
                items.clear()
                break
            items.append(inner)
        found.close()
        if self._left < 0:
            return None
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}

    def _leave(self, element: Element) -> None:
        """Go past the rest of a sequence that the walk is in, between two items."""
        if element.length == UNDEFINED:
            for _ in self._walk.fragments_or_items(element):
                pass
        else:
            self._in_reach(element)
            self._walk.position = element.offset + element.length

    def _item(self, item: Element, path: str, depth: int) -> dict[str, Member]:
        members: dict[str, Member] = {}
        for inner in self._walk.inside(item):
            if self._left < 0:
                self._walk.skip(inner)
                continue
            member = self.member(inner, path, depth)
            if member is not None and inner.tag & 0xFFFF:
                members[f"{inner.tag:08X}"] = member
        return members


def _is_plain(raw: bytes) -> bool:
    """ASCII and no code extension: the same text in every character set."""
    return raw.isascii() and b"\x1b" not in raw


#: PS3.5 §6.2. Python's own int and float also take underscores, words and other scripts' digits.
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _integer(text: str) -> int | str:
    """A number where it is one and JSON readers keep it exact, else the text (PS3.18 §F.2.3.1)."""
    return int(text) if _INTEGER.fullmatch(text) else text


def _decimal(text: str) -> float | int | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _DECIMAL.fullmatch(text) else math.nan
    return number if math.isfinite(number) else text


def _person(text: str) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {name: group for name, group in groups if group} or None


_CONVERT: Mapping[str, Callable[[str], Any]] = {"IS": _integer, "DS": _decimal, "PN": _person}
