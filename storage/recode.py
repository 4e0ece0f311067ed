"""A native data set written anew in Explicit or Implicit VR Little Endian, as it passes, whatever its size.

Values keep their bytes, but for their order. Lengths of sequences and items become delimiters, since
a VR makes an element longer and what holds it would have to be known before it is written (PS3.5 §7.5).
"""

import struct
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from pydicom._dicom_dict import DicomDictionary

from storage.elements import (
    DEFLATED,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    Element,
    Encoding,
    Walk,
    encoding_of,
)
from storage.errors import Unreadable
from storage.passing import Passing, inflated

#: Bytes of one number in each VR that holds any (PS3.5 §7.3).
_NUMBER_BYTES = {
    "AT": 2, "OW": 2, "SS": 2, "US": 2,
    "FL": 4, "OF": 4, "OL": 4, "SL": 4, "UL": 4,
    "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}  # fmt: skip
_PIXEL_REPRESENTATION = 0x00280103
_BITS_ALLOCATED = 0x00280100
_EITHER_SIGN = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "US or SS")
_PIXEL_DATA = 0x7FE00010
_LONGEST_SHORT = 0xFFFE


def to_explicit_little(data_set: Iterable[bytes], transfer_syntax_uid: str) -> Iterator[bytes]:
    """A data set of a NATIVE syntax in Explicit VR Little Endian. Raises Unreadable."""
    if transfer_syntax_uid == EXPLICIT_LITTLE:
        return iter(data_set)
    if transfer_syntax_uid == DEFLATED:
        return inflated(data_set)
    return _Recoding(data_set, encoding_of(transfer_syntax_uid), _explicit_header).run()


def to_implicit_little(data_set: Iterable[bytes], transfer_syntax_uid: str) -> Iterator[bytes]:
    """A data set of a NATIVE syntax in Implicit VR Little Endian. Raises Unreadable."""
    if transfer_syntax_uid == IMPLICIT_LITTLE:
        return iter(data_set)
    if transfer_syntax_uid == DEFLATED:
        data_set = inflated(data_set)
    return _Recoding(data_set, encoding_of(transfer_syntax_uid), _implicit_header).run()


class _Recoding:
    def __init__(
        self, chunks: Iterable[bytes], encoding: Encoding, header: Callable[[int, int, str], bytes]
    ) -> None:
        self._passing = Passing(chunks)
        self._walk = Walk(self._passing, encoding)
        self._header = header
        self._is_big = not encoding.little
        self._is_signed = False
        self._sample_bytes = 2  # of the pixel data, which OW does not say
        # What is open: its delimiter, where it ends, None where a delimiter will say, and whether what
        # follows it is explicit.
        self._open: list[tuple[bytes, int | None, bool]] = []

    def run(self) -> Iterator[bytes]:
        """The data set, element by element."""
        walk = self._walk
        while True:
            while self._open and (stop := self._open[-1][1]) is not None and walk.position >= stop:
                yield self._close()
            element = walk.next()
            if element is None:
                break
            for _ in self._passing.take(walk.position):
                pass  # the header is written anew
            yield from self._element(element)
        if any(stop is None for _, stop, _ in self._open):
            raise Unreadable("a sequence never ends", walk.position)

    def _element(self, element: Element) -> Iterator[bytes]:
        tag, vr, offset, length = element
        stop = None if length == UNDEFINED else offset + length
        if tag == ITEM:
            self._open.append((_delimiter(ITEM_END), stop, self._walk.explicit))
            yield _delimiter(ITEM, UNDEFINED)
        elif tag in (ITEM_END, SEQUENCE_END):
            if self._open and self._open[-1][1] is None:
                yield self._close()
        elif vr == "SQ" or length == UNDEFINED:
            if tag >> 16 == 0x7FE0 or (vr == "UN" and self._is_big):
                raise Unreadable(f"{tag:08X} is encapsulated in a native transfer syntax", offset)
            self._open.append((_delimiter(SEQUENCE_END), stop, self._walk.explicit))
            if vr == "UN":
                self._walk.explicit = False  # PS3.5 §6.2.2 note: implicit inside
            yield self._header(tag, UNDEFINED, "SQ")
        elif tag & 0xFFFF == 0 or tag >> 16 == 2:
            # A group's length (retired, PS3.5 §7.2), or a file meta that some senders leave in the data set:
            # neither is true of what is written here.
            self._walk.position = offset + length
            for _ in self._passing.take(offset + length):
                pass
        else:
            yield from self._value(element)

    def _close(self) -> bytes:
        delimiter, _, self._walk.explicit = self._open.pop()
        return delimiter

    def _value(self, element: Element) -> Iterator[bytes]:
        tag, vr, offset, length = element
        if tag == _PIXEL_REPRESENTATION and length == 2:
            self._is_signed = any(self._walk.value(element))
        if vr == "US" and self._is_signed and tag in _EITHER_SIGN and not self._is_big:
            vr = "SS"
        if tag == _BITS_ALLOCATED and length == 2 and not self._open:
            self._sample_bytes = (
                int.from_bytes(self._walk.value(element), "big" if self._is_big else "little") // 8
            )
        yield self._header(tag, length, vr)
        self._walk.position = offset + length
        passing = self._passing.take(offset + length)
        each = _NUMBER_BYTES.get(vr, 1) if self._is_big else 1
        if each == 2 and tag == _PIXEL_DATA and not self._open:
            each = max(2, self._sample_bytes)
        passed = 0
        for chunk in _swapped(passing, each) if each > 1 else passing:
            passed += len(chunk)
            yield chunk
        if passed < length:
            raise Unreadable(f"the value of {tag:08X} is cut short", offset)


def _delimiter(tag: int, length: int = 0) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)


def _implicit_header(tag: int, length: int, vr: str) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)


def _explicit_header(tag: int, length: int, vr: str) -> bytes:
    code = vr.encode()
    if code in SHORT_VRS and length <= _LONGEST_SHORT:
        return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, code, length)
    if code in SHORT_VRS:
        code = b"UN"  # too long for its VR (PS3.5 §6.2.2 note)
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, code, 0, length)


def _swapped(chunks: Iterable[bytes], each: int) -> Iterator[bytes]:
    """Numbers of so many bytes in the other byte order; what is left over stays as it is."""
    rest = b""
    for chunk in chunks:
        joined = rest + chunk
        whole = len(joined) - len(joined) % each
        rest = joined[whole:]
        yield np.frombuffer(joined[:whole], f">u{each}").astype(f"<u{each}").tobytes()
    yield rest
