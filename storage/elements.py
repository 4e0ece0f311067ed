"""Data elements, found without being read: the one walk over a data set that everything here uses.

A walk never recurses into what it skips, so no depth of nesting can stop it, and never reads a value
that nobody asks for, so no length can fill the memory (PS3.5 §7).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import mask_match

from storage.errors import Unreadable
from storage.source import Source

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"

#: Value representations with a 16-bit length (PS3.5 §7.1.2); all others have 32 bits.
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_VR_TEXT = {vr: vr.decode() for vr in SHORT_VRS | _LONG_VRS}


class Element(NamedTuple):
    """Where one element's value lies. Offsets count from the start of the data set."""

    tag: int
    vr: str  # two letters; "UN" where an implicit data set does not say and we do not know
    offset: int  # of the value
    length: int  # of the value; UNDEFINED for a sequence, or pixel data, with delimiters


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written in a transfer syntax (PS3.5 §A)."""

    explicit: bool
    little: bool

    @property
    def endian(self) -> str:
        """For `struct`."""
        return "<" if self.little else ">"


_IMPLICIT = Encoding(explicit=False, little=True)
_EXPLICIT = Encoding(explicit=True, little=True)


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """Every syntax but two is Explicit VR Little Endian, whatever its pixels are."""
    if transfer_syntax_uid == IMPLICIT_LITTLE:
        return _IMPLICIT
    return Encoding(explicit=True, little=transfer_syntax_uid != EXPLICIT_BIG)


def value_of(source: Source, element: Element) -> bytes:
    """The value's bytes. Raises Unreadable when the data end first."""
    buffer, index = source.view(element.offset, element.length)
    value = buffer[index : index + element.length]
    if len(value) < element.length:
        raise Unreadable(f"the value of {element.tag:08X} is cut short", element.offset)
    return value


class Walk:
    """A forward walk over the elements of one data set.

    `position` is where the next element begins. Reading an element leaves it at the value; the caller
    goes on with `skip`, or into a sequence with `items`.
    """

    def __init__(
        self, source: Source, encoding: Encoding, position: int = 0, hints: Mapping[int, str] | None = None
    ) -> None:
        """`hints` name the VR of tags that an implicit data set does not say and no dictionary knows."""
        self.source = source
        self._hints = hints
        self.position = position
        self._headers = {
            True: struct.Struct(encoding.endian + "HH2sH").unpack_from,
            False: struct.Struct(encoding.endian + "HHI").unpack_from,
        }
        self._long = struct.Struct(encoding.endian + "I").unpack_from
        self.explicit = encoding.explicit

    def next(self) -> Element | None:
        """The element at `position`, which then is its value's offset; None where the data end.

        Raises Unreadable where the bytes are no element.
        """
        start = self.position
        buffer, index = self.source.view(start, 12)
        left = len(buffer) - index
        if left < 8:
            if left <= 0 or not any(buffer[index:]):
                return None  # nothing, or a few zero bytes that some senders pad with
            raise Unreadable("the data end inside an element", start)
        if not self.explicit:
            group, number, length = self._headers[False](buffer, index)
            tag = group << 16 | number
            self.position = start + 8
            vr_text = _vr_of(tag)
            if self._hints and vr_text == "UN":
                vr_text = self._hints.get(tag, "UN")
            return Element(tag, vr_text, self.position, length)
        group, number, vr, length = self._headers[True](buffer, index)
        tag = group << 16 | number
        if vr in SHORT_VRS:
            self.position = start + 8
            return Element(tag, _VR_TEXT[vr], self.position, length)
        if group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            # A delimiter, or an implicit element that a careless sender left in an explicit data set.
            (length,) = self._long(buffer, index + 4)
            self.position = start + 8
            return Element(tag, _vr_of(tag), self.position, length)
        if left < 12:
            raise Unreadable("the data end inside an element", start)
        (length,) = self._long(buffer, index + 8)
        self.position = start + 12
        return Element(tag, _VR_TEXT.get(vr, "UN"), self.position, length)

    def skip(self, element: Element) -> None:
        """Go past the value of the element just read."""
        if element.length != UNDEFINED:
            self.position = element.offset + element.length
            return
        explicit = self.explicit
        for _ in self.fragments_or_items(element):
            pass
        self.explicit = explicit

    def fragments_or_items(self, element: Element) -> Iterator[Element]:
        """The items of a value with delimiters, at its own level only, each past its value.

        Serves pixel data too, whose items are fragments (PS3.5 §A.4).
        """
        depth = 0
        explicit = self.explicit
        if element.vr == "UN":
            self.explicit = False  # PS3.5 §6.2.2 note: a UN of undefined length is implicit inside
        implicit_from: int | None = None
        while True:
            inner = self.next()
            if inner is None:
                raise Unreadable(f"the value of {element.tag:08X} never ends", self.position)
            if inner.tag == SEQUENCE_END or inner.tag == ITEM_END:
                if inner.tag == SEQUENCE_END and depth == 0:
                    self.explicit = explicit
                    return
                depth = max(0, depth - 1)
                if implicit_from is not None and depth <= implicit_from:
                    self.explicit, implicit_from = explicit, None
            elif inner.length == UNDEFINED:
                if inner.vr == "UN" and inner.tag != ITEM and self.explicit:
                    self.explicit, implicit_from = False, depth
                depth += 1
            else:
                self.position = inner.offset + inner.length
                if depth == 0 and inner.tag == ITEM:
                    yield inner


@lru_cache(maxsize=8192)
def _vr_of(tag: int) -> str:
    """The VR of a tag whose data set does not say (PS3.5 §A.1, PS3.6)."""
    if tag & 0xFFFF == 0:
        return "UL"  # group length
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"  # private: creator, or unknown
    entry = DicomDictionary.get(tag)
    if entry is None:
        mask = mask_match(tag)
        entry = RepeatersDictionary.get(mask) if mask else None
    if entry is None:
        return "UN"
    vr = entry[0]
    if vr == "US or SS" or vr == "US or OW" or vr == "US or SS or OW":
        return "US" if tag != 0x00283006 else "OW"
    return "OW" if vr == "OB or OW" else vr if len(vr) == 2 else "UN"
