"""Data sets of every shape that Hypothesis can think of, as pydicom makes them and as bytes."""

import copy
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from storage.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding, encoding_of
from storage.source import Inflated, Source, Whole

SYNTAXES = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)

_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\^="), max_size=12)
_NAME = st.lists(_TEXT, max_size=2).map(lambda parts: "^".join(["A", *parts]))
_UID = st.lists(st.integers(0, 99999), min_size=2, max_size=6).map(lambda parts: ".".join(map(str, parts)))
_DATE = st.dates().map(lambda date: f"{date:%Y%m%d}".rjust(8, "0"))
_TIME = st.times().map(lambda time: f"{time:%H%M%S.%f}")
_BYTES = st.binary(max_size=40).map(lambda raw: raw + b"\0" * (len(raw) % 2))


def _several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(one, max_size=3).map(lambda values: values[0] if len(values) == 1 else values)


def _whole(bits: int, *, signed: bool) -> st.SearchStrategy[Any]:
    low = -(2 ** (bits - 1)) if signed else 0
    return _several(st.integers(low, low + 2**bits - 1))


#: What a value of each VR may be.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "AE": _several(_TEXT), "AS": st.integers(0, 999).map(lambda age: f"{age:03}Y"),
    "AT": _several(st.integers(0, 0xFFFFFFFF)), "CS": _several(_TEXT.map(str.upper)), "DA": _several(_DATE),
    "DS": _several(st.integers(-10**9, 10**9)), "DT": _several(st.tuples(_DATE, _TIME).map("".join)),
    "FD": _several(st.floats(allow_nan=False, allow_infinity=False)),
    "FL": _several(st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "IS": _several(st.integers(-2**31, 2**31 - 1)), "LO": _several(_TEXT), "LT": _TEXT, "OB": _BYTES,
    "OW": _BYTES, "PN": _several(_NAME), "SH": _several(_TEXT), "SL": _whole(32, signed=True),
    "SS": _whole(16, signed=True), "ST": _TEXT, "TM": _several(_TIME), "UC": _several(_TEXT),
    "UI": _several(_UID), "UL": _whole(32, signed=False), "UN": _BYTES, "UR": _TEXT,
    "US": _whole(16, signed=False), "UT": _TEXT,
}  # fmt: skip

#: Two tags of each VR (PS3.6), and of a sequence.
TAGS: dict[int, str] = {
    0x00080054: "AE", 0x00400241: "AE", 0x00101010: "AS", 0x00280009: "AT", 0x00083001: "SQ",
    0x00080060: "CS", 0x00080008: "CS", 0x00080020: "DA", 0x00080021: "DA", 0x00101030: "DS",
    0x00200032: "DS", 0x0008002A: "DT", 0x00189073: "FD", 0x00189074: "DT", 0x00186028: "FD",
    0x00089459: "FL", 0x00200013: "IS", 0x00280008: "IS", 0x00081030: "LO", 0x00100021: "LO",
    0x00104000: "LT", 0x00420011: "OB", 0x00281201: "OW", 0x00100010: "PN", 0x00081070: "PN",
    0x00080050: "SH", 0x00081010: "SH", 0x00186020: "SL", 0x00189219: "SS", 0x00080081: "ST",
    0x00080030: "TM", 0x00080031: "TM", 0x00080119: "UC", 0x0008001A: "UI", 0x0020000D: "UI",
    0x00186016: "UL", 0x00081190: "UR", 0x00280010: "US", 0x00280011: "US", 0x0040A160: "UT",
    0x00081140: "SQ", 0x00081111: "SQ", 0x00400275: "SQ",
}  # fmt: skip


#: A private creator gives each of its elements one VR (PS3.5 §7.8).
_PRIVATE_VRS = sorted(VALUES)


@st.composite
def datasets(draw: st.DrawFn, depth: int = 3) -> Dataset:
    """A data set with elements of every VR, private ones and, down to `depth`, sequences."""
    made = Dataset()
    for tag in draw(st.lists(st.sampled_from(sorted(TAGS)), max_size=8, unique=True)):
        vr = TAGS[tag]
        if vr == "SQ":
            made.add(_sequence(draw, tag, depth))
        else:
            made.add_new(tag, vr, draw(VALUES[vr]))
    if draw(st.booleans()):
        block = made.private_block(0x0009, "IMX TEST", create=True)
        for element in draw(st.lists(st.integers(0, 0xFF), max_size=3, unique=True)):
            vr = _PRIVATE_VRS[element % len(_PRIVATE_VRS)]
            block.add_new(element, vr, draw(VALUES[vr]))
    return made


def _sequence(draw: st.DrawFn, tag: int, depth: int) -> DataElement:
    items = draw(st.lists(datasets(depth=depth - 1), max_size=2)) if depth else []
    for item in items:
        item.is_undefined_length_sequence_item = draw(st.booleans())
    element = DataElement(tag, "SQ", Sequence(items))
    element.is_undefined_length = draw(st.booleans())
    return element


@dataclass(frozen=True)
class Written:
    """A data set in a transfer syntax."""

    syntax: str
    data: bytes

    @property
    def encoding(self) -> Encoding:
        return encoding_of(self.syntax)

    def source(self) -> Source:
        return Inflated(iter((self.data,))) if self.syntax == DEFLATED else Whole(self.data)

    def plain(self) -> bytes:
        """Not deflated."""
        return zlib.decompress(self.data, -zlib.MAX_WBITS) if self.syntax == DEFLATED else self.data


def write(dataset: Dataset, syntax: str) -> Written:
    """As pydicom writes it."""
    buffer = DicomBytesIO()
    encoding = encoding_of(syntax)
    buffer.is_implicit_VR = not encoding.explicit
    buffer.is_little_endian = encoding.little
    write_dataset(buffer, dataset if encoding.little else _turned(dataset))
    data = buffer.getvalue()
    return Written(syntax, deflate(data) if syntax == DEFLATED else data)


def _turned(dataset: Dataset) -> Dataset:
    """pydicom holds OW as bytes in the order of the file: in Big Endian each pair changes places."""
    turned = copy.deepcopy(dataset)
    for element in turned.iterall():
        if element.VR == "OW" and element.value:
            element.value = np.frombuffer(element.value, "<u2").byteswap().tobytes()
    return turned


def deflate(data: bytes) -> bytes:
    """PS3.5 §A.5."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def written() -> st.SearchStrategy[Written]:
    """A data set in any of the four encodings."""
    return st.builds(write, datasets(), st.sampled_from(SYNTAXES))


def damaged() -> st.SearchStrategy[Written]:
    """A data set with some of its bytes changed, cut, doubled, or not a data set at all."""
    return st.builds(
        lambda whole, damage, syntax: Written(syntax, damage(whole.plain())),
        written(),
        st.one_of(_cuts(), _changes(), st.binary(max_size=200).map(_constant)),
        st.sampled_from((IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)),
    )


def _cuts() -> st.SearchStrategy[Callable[[bytes], bytes]]:
    return st.tuples(st.integers(0, 400), st.integers(0, 400)).map(
        lambda cut: lambda data: data[: cut[0]] + data[cut[1] :]
    )


def _changes() -> st.SearchStrategy[Callable[[bytes], bytes]]:
    return st.lists(st.tuples(st.integers(0, 400), st.sampled_from(_NASTY)), max_size=4).map(
        lambda changes: lambda data: _with(data, changes)
    )


#: Bytes that mean something to a reader: delimiters, undefined length, VRs, character sets, numbers.
_NASTY = (
    b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00",
    b"SQ\x00\x00", b"UN\x00\x00", b"OB", b"ZZ", b"\x1b$B", b"\x1b", b"\xe9\xff", b"\x08\x00\x05\x00",
    b"\xe0\x7f\x10\x00", b"\x28\x00\x03\x01", b"NaN", b"1e999", b"\\\\", b"^=^",
)  # fmt: skip


def _with(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    for place, fresh in changes:
        data = data[:place] + fresh + data[place + len(fresh) :]
    return data


def _constant(data: bytes) -> Callable[[bytes], bytes]:
    return lambda _: data


def explicit(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One element in Explicit VR Little Endian, with the length that one likes."""
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split():
        return head + struct.pack("<HI", 0, length) + value
    return head + struct.pack("<H", length) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    """One element, or an item, without a VR, in Little Endian."""
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value
