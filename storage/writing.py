"""DICOM JSON (PS3.18 §F.2) as data elements (PS3.5 §7.1): the other way from storage.dicom_json.

For answers that are made of what the index holds ready: pydicom's writer takes ten times as long.
"""

import base64
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from storage.charsets import ASCII, encode
from storage.dicom_json import CODED, NUMBERS
from storage.elements import ITEM, SHORT_VRS, Encoding

Member = Mapping[str, Any]

_SHORT = frozenset(SHORT_VRS.values())
_ZERO_PADDED = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UI", "UN"})
_CHARACTER_SET = "00080005"
#: Of texts that stand in the JSON as they are.
_PLAIN = frozenset("AE AS CS DA DT LO LT SH ST TM UC UI UR UT".split())
#: Of values that say nothing of who it is, and come again and again.
_CODES = frozenset({"AE", "CS", "DA", "IS"})
_KEPT = 4096  # elements, and heads of elements
_KEPT_BYTES = 64
_DECIMAL_LIMIT = 16  # characters of a DS
_SHORT_LIMIT = 0xFFFE  # bytes of a value whose VR has a length of 16 bits
_LENGTH = {endian: struct.Struct(f"{endian}I") for endian in "<>"}
_SHORT_LENGTH = {endian: struct.Struct(f"{endian}H") for endian in "<>"}


class ElementWriter:
    """Writes members in one encoding and character set.

    Safe for many threads. Raises UnicodeError where the character set cannot hold a text that it governs
    (PS3.5 §6.1.2.2); in other texts, what is not ASCII becomes "?". What stays in the object (BulkDataURI) is
    written without a value.
    """

    def __init__(self, encoding: Encoding, encodings: tuple[str, ...] = ASCII) -> None:
        """`encodings` are those of Specific Character Set (storage.charsets), which is not written."""
        self._encodings = encodings
        self._explicit = encoding.explicit
        self._endian = encoding.endian
        self._length = _LENGTH[self._endian].pack
        self._short_length = _SHORT_LENGTH[self._endian].pack
        self._known: dict[tuple[str, str, Any], bytes] = {}
        self._heads: dict[tuple[str, str, int], bytes] = {}  # of elements like those before

    def elements(self, members: Mapping[str, Member]) -> bytes:
        """Each of them, in the order of the mapping, which must be ascending."""
        written: list[bytes] = []
        for tag, member in members.items():
            values = member.get("Value")
            vr = member["vr"]
            if not values or (vr in _CODES and len(values) == 1):
                # Answers repeat their codes and what they lack: those are put together once.
                key = (tag, vr, values[0] if values else member.get("InlineBinary"))
                element = self._known.get(key)
                if element is None:
                    element = self.element(tag, member)
                    if len(self._known) < _KEPT and len(element) < _KEPT_BYTES:
                        self._known[key] = element
                written.append(element)
            elif vr in _PLAIN and len(values) == 1 and isinstance(text := values[0], str) and text.isascii():
                written.append(self.raw(tag, vr, text.encode()))
            else:
                written.append(self.element(tag, member))
        return b"".join(written)

    def element(self, tag: str, member: Member) -> bytes:
        """One attribute, named by eight hexadecimal digits."""
        vr: str = member["vr"]
        values = member.get("Value")
        if values:
            return self.raw(tag, vr, self._value(vr, values))
        if "InlineBinary" in member:
            return self.raw(tag, vr, base64.b64decode(member["InlineBinary"]))
        return self.raw(tag, vr, b"")

    def text(self, tag: str, vr: str, text: str) -> bytes:
        """One attribute of which the text is at hand, values and their separators in one."""
        coded = vr in CODED or vr == "UN"
        return self.raw(tag, vr, encode(text, self._encodings, vr) if coded else text.encode("ascii"))

    def sequence(self, tag: str, contents: Iterable[bytes]) -> bytes:
        """A sequence of items whose elements are written."""
        return self.raw(tag, "SQ", b"".join([self.item(content) for content in contents]))

    def item(self, content: bytes) -> bytes:
        """An item of a sequence whose elements are written."""
        return _head(self._endian, f"{ITEM:08X}", "") + self._length(len(content)) + content

    def raw(self, tag: str, vr: str, value: bytes) -> bytes:
        """One attribute of which the value is written."""
        size = len(value)
        if size & 1:
            value += b"\0" if vr in _ZERO_PADDED else b" "
            size += 1
        if self._explicit and (vr not in _SHORT or size > _SHORT_LIMIT):
            # A text too long for its VR is written as UN (PS3.5 §6.2.2).
            return _head(self._endian, tag, "UN" if vr in _SHORT else vr) + self._length(size) + value
        key = (tag, vr, size)
        head = self._heads.get(key)
        if head is None:
            length = self._short_length(size) if self._explicit else self._length(size)
            head = _head(self._endian, tag, vr if self._explicit else "") + length
            if len(self._heads) < _KEPT:
                self._heads[key] = head
        return head + value

    def _value(self, vr: str, values: list[Any]) -> bytes:
        if vr == "PN":
            return encode("\\".join([_name(value) for value in values]), self._encodings, vr)
        if vr in CODED:
            return encode("\\".join([_text(value) for value in values]), self._encodings, vr)
        if vr == "SQ":
            return b"".join([self.item(self.elements(_without_character_set(value))) for value in values])
        if vr in NUMBERS:
            return self._numbers(vr, values)
        if vr == "AT":
            halves = [int(half, 16) for value in values for half in (value[:4], value[4:])]
            return struct.pack(f"{self._endian}{len(halves)}H", *halves)
        if vr == "DS":
            return "\\".join([_decimal(value) for value in values]).encode("ascii")
        return "\\".join([_text(value) for value in values]).encode("ascii", "replace")

    def _numbers(self, vr: str, values: list[Any]) -> bytes:
        letter, _size = NUMBERS[vr]
        convert = float if letter in "fd" else int
        return struct.pack(f"{self._endian}{len(values)}{letter}", *(convert(value) for value in values))


@lru_cache(maxsize=8192)
def _head(endian: str, tag: str, vr: str) -> bytes:
    """What stands before the length; a VR of "" is not said."""
    head = struct.pack(f"{endian}HH", int(tag[:4], 16), int(tag[4:], 16)) + vr.encode()
    return head if vr in _SHORT or not vr else head + b"\0\0"


def _without_character_set(item: Member | None) -> Member:
    """An item in the character set of what is around it."""
    return {tag: member for tag, member in (item or {}).items() if tag != _CHARACTER_SET}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _name(value: Any) -> str:
    """A person's name, of its component groups (PS3.18 §F.2.2, PS3.5 §6.2.1)."""
    if not isinstance(value, Mapping):
        return _text(value)
    alphabetic, ideographic, phonetic = (
        value.get(group) or "" for group in ("Alphabetic", "Ideographic", "Phonetic")
    )
    if not (ideographic or phonetic):
        return str(alphabetic)
    return f"{alphabetic}={ideographic}={phonetic}".rstrip("=")


def _decimal(value: Any) -> str:
    """A decimal string of at most 16 characters, as exact as they allow; what is no number as it is."""
    text = _text(value)
    digits = _DECIMAL_LIMIT
    while len(text) > _DECIMAL_LIMIT and isinstance(value, float | int) and digits:
        digits -= 1
        text = f"{float(value):.{digits}g}"
    return text
