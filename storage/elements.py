"""Data elements, found without being read: the one walk over a data set that everything here uses.

A walk never recurses into what it skips, so no depth of nesting can stop it, and never reads a value
that nobody asks for, so no length can fill the memory (PS3.5 §7).
"""

import struct
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import mask_match

from storage.errors import Unreadable
from storage.source import Source
from storage.syntaxes import DEFLATED as DEFLATED
from storage.syntaxes import ENCAPSULATED_UNCOMPRESSED as ENCAPSULATED_UNCOMPRESSED
from storage.syntaxes import EXPLICIT_BIG as EXPLICIT_BIG
from storage.syntaxes import EXPLICIT_LITTLE as EXPLICIT_LITTLE
from storage.syntaxes import IMPLICIT_LITTLE as IMPLICIT_LITTLE

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

#: Value representations with a 16-bit length (PS3.5 §7.1.2); all others have 32 bits.
SHORT_VRS = {
    vr.encode(): vr for vr in "AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
}
_LONG_VRS = {vr.encode(): vr for vr in "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()}


class Element(NamedTuple):
    """Where one element's value lies. Offsets count from the start of the data set."""

    tag: int
    vr: str  # two letters; "UN" where an implicit data set does not say and we do not know
    offset: int  # of the value
    length: int  # of the value; UNDEFINED for a sequence, or pixel data, with delimiters


_element = tuple.__new__  # an Element without the cost of its own constructor: a header has hundreds


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


class Walk:
    """A forward walk over the elements of one data set.

    `position` is where the next element begins. Reading an element leaves it at the value; the caller
    goes on with `skip`, or into a sequence with `items` and `inside`.
    """

    def __init__(
        self, source: Source, encoding: Encoding, position: int = 0, hints: Mapping[int, str] | None = None
    ) -> None:
        """`hints` name the VR of tags that an implicit data set does not say and no dictionary knows."""
        self.source = source
        self.position = position
        self.explicit = encoding.explicit
        self._hints = hints
        self._explicit_header = struct.Struct(encoding.endian + "HH2sH").unpack_from
        self._implicit_header = struct.Struct(encoding.endian + "HHI").unpack_from
        self._long = struct.Struct(encoding.endian + "I").unpack_from
        # The part of the data at hand: most elements are read from it without asking the source.
        self._buffer, self._base = b"", 0

    def next(self) -> Element | None:
        """The element at `position`, which then is its value's offset; None where the data end.

        Raises Unreadable where the bytes are no element.
        """
        start = self.position
        buffer = self._buffer
        index = start - self._base
        if index < 0 or index + 12 > len(buffer):
            buffer, index = self._reach(start, 12)
            left = len(buffer) - index
            if left < 8:
                if left <= 0 or not any(buffer[index:]):
                    return None  # nothing, or a few zero bytes that some senders pad with
                raise Unreadable("the data end inside an element", start)
        if not self.explicit:
            group, number, length = self._implicit_header(buffer, index)
            return self._found(group << 16 | number, length, start + 8)
        group, number, vr, length = self._explicit_header(buffer, index)
        text = SHORT_VRS.get(vr)
        if text is not None and group != 0xFFFE:  # the length of an item may spell a VR
            self.position = offset = start + 8
            return _element(Element, (group << 16 | number, text, offset, length))
        if group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            # A delimiter, or an implicit element that a careless sender left in an explicit data set.
            (length,) = self._long(buffer, index + 4)
            return self._found(group << 16 | number, length, start + 8)
        if len(buffer) - index < 12:
            raise Unreadable("the data end inside an element", start)
        (length,) = self._long(buffer, index + 8)
        self.position = offset = start + 12
        return Element(group << 16 | number, _LONG_VRS.get(vr, "UN"), offset, length)

    def value(self, element: Element) -> bytes:
        """The value's bytes. Raises Unreadable when the data end first."""
        _, _, offset, length = element
        index = offset - self._base
        if index < 0 or index + length > len(self._buffer):
            _, index = self._reach(offset, length)
        value = self._buffer[index : index + length]
        if len(value) < length:
            raise Unreadable(f"the value of {element.tag:08X} is cut short", offset)
        return value

    def reaches_end_of(self, element: Element) -> bool:
        """Whether a value that nobody reads lies wholly within the data."""
        if not element.length:
            return True
        buffer, index = self._reach(element.offset + element.length - 1, 1)
        return index < len(buffer)

    def _reach(self, offset: int, length: int) -> tuple[bytes, int]:
        self._buffer, index = self.source.view(offset, length)
        self._base = offset - index
        return self._buffer, index

    def _found(self, tag: int, length: int, offset: int) -> Element:
        vr = vr_of(tag)
        if self._hints and vr == "UN":
            vr = self._hints.get(tag, "UN")
        self.position = offset
        return Element(tag, vr, offset, length)

    def skip(self, element: Element) -> None:
        """Go past the value of the element just read."""
        if element.length != UNDEFINED:
            self.position = element.offset + element.length
            return
        explicit = self.explicit
        for _ in self.fragments_or_items(element):
            pass
        self.explicit = explicit

    def past(self, element: Element) -> Iterator[int]:
        """Go past the value of the element just read; each position up to which that is done.

        As `skip`, for whoever hands bytes on meanwhile: neither size nor depth costs memory.
        """
        if element.length != UNDEFINED:
            self.position = element.offset + element.length
            yield self.position
            return
        depth = 1
        explicit = self.explicit
        implicit_from = 0
        if element.vr == "UN":
            self.explicit, implicit_from = False, 1  # PS3.5 §6.2.2 note
        while depth:
            inner = self.next()
            if inner is None:
                raise Unreadable(f"the value of {element.tag:08X} never ends", self.position)
            if inner.tag in (ITEM_END, SEQUENCE_END):
                depth -= 1
                if depth < implicit_from:
                    self.explicit, implicit_from = explicit, 0
            elif inner.length == UNDEFINED:
                depth += 1
                if inner.vr == "UN" and inner.tag != ITEM and not implicit_from:
                    self.explicit, implicit_from = False, depth
            else:
                self.position = inner.offset + inner.length
            yield self.position

    def items(self, element: Element) -> Generator[Element, None, None]:
        """The items of the sequence just read (PS3.5 §7.5). Each must be gone through before the next.

        Raises Unreadable where the sequence never ends, or holds something else.
        """
        explicit = self.explicit
        if element.vr == "UN":
            self.explicit = False  # PS3.5 §6.2.2 note: a UN of undefined length is implicit inside
        stop = inf if element.length == UNDEFINED else element.offset + element.length
        try:
            while self.position < stop:
                item = self.next()
                if item is None:
                    raise Unreadable(f"the sequence {element.tag:08X} never ends", self.position)
                if item.tag == SEQUENCE_END:
                    return
                if item.tag != ITEM:
                    raise Unreadable(f"the sequence {element.tag:08X} holds no item", item.offset)
                yield item
        finally:
            self.explicit = explicit

    def inside(self, item: Element) -> Iterator[Element]:
        """The elements of the item just read. Each must be gone past before the next. Raises Unreadable."""
        stop = inf if item.length == UNDEFINED else item.offset + item.length
        while self.position < stop:
            inner = self.next()
            if inner is None:
                raise Unreadable("an item never ends", self.position)
            if inner.tag == ITEM_END:
                return
            yield inner

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
def vr_of(tag: int) -> str:
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
