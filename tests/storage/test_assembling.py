"""Frames as they stand in Pixel Data (PS3.5 §A.4)."""

import struct
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.filebase import DicomBytesIO

from storage.assembling import Value, encapsulated


def value_of(raw: bytes) -> Value:
    def read(start: int, stop: int) -> Iterator[bytes]:
        yield raw[start:stop]

    return Value(len(raw), read)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6))
def test_frames_come_back_as_pydicom_reads_them(frames: list[bytes]) -> None:
    raw = b"".join(encapsulated([value_of(each) for each in frames]))

    assert raw[:12] == bytes.fromhex("e07f1000") + b"OB\0\0" + b"\xff" * 4
    found = list(generate_frames(raw[12:], number_of_frames=len(frames)))
    assert [each[: len(sent)] for each, sent in zip(found, frames, strict=True)] == frames
    buffer = DicomBytesIO(raw[12:])
    buffer.is_little_endian = True
    assert len(parse_basic_offsets(buffer)) == (len(frames) if len(frames) > 1 else 0)


def test_frames_beyond_32_bits_have_the_extended_table() -> None:
    big = Value(0xC0000000, lambda start, stop: iter(()))  # its bytes are not asked for here

    raw = b"".join(encapsulated([big, big, big]))

    assert raw[:12] == bytes.fromhex("e07f0100") + b"OV\0\0" + struct.pack("<I", 24)
    assert struct.unpack_from("<3Q", raw, 12) == (0, 0xC0000008, 0x180000010)
    assert struct.unpack_from("<3Q", raw, 48) == (0xC0000000,) * 3
