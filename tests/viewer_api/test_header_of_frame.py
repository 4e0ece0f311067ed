"""The groups of one frame among many, whatever the encoding."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from storage.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from viewer_api.header_of_frame import header_of_frame


def of_many(count: int, *, undefined: bool) -> Dataset:
    made = Dataset()
    made.SOPInstanceUID = "1.2"
    made.PerFrameFunctionalGroupsSequence = []
    for number in range(count):
        groups, content = Dataset(), Dataset()
        content.FrameAcquisitionNumber = number + 1
        groups.FrameContentSequence = [content]
        groups.is_undefined_length_sequence_item = undefined
        made.PerFrameFunctionalGroupsSequence.append(groups)
    made["PerFrameFunctionalGroupsSequence"].is_undefined_length = undefined
    made.add_new(0x54000100, "SQ", [])
    return made


def written(found: Dataset, syntax: str, tail: bytes) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax == IMPLICIT_LITTLE, syntax != EXPLICIT_BIG
    write_dataset(buffer, found)
    return buffer.getvalue() + tail


@pytest.mark.parametrize("syntax", [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG])
@given(count=st.integers(1, 9), number=st.integers(1, 9), undefined=st.booleans(), step=st.integers(1, 97))
def test_one_item_is_left(syntax: str, count: int, number: int, undefined: bool, step: int) -> None:
    data = written(of_many(count, undefined=undefined), syntax, b"")
    chunks = [data[start : start + step] for start in range(0, len(data), step)]

    made = b"".join(header_of_frame(chunks, syntax, number))

    found = read_dataset(BytesIO(made), syntax == IMPLICIT_LITTLE, syntax != EXPLICIT_BIG)
    items = found.PerFrameFunctionalGroupsSequence
    assert [each.FrameContentSequence[0].FrameAcquisitionNumber for each in items] == [
        each for each in (number,) if each <= count
    ]
    assert found.SOPInstanceUID == "1.2"
    assert 0x54000100 in found


def test_nothing_of_the_pixels_passes() -> None:
    made = of_many(3, undefined=False)
    plain = written(made, EXPLICIT_LITTLE, b"")
    pixels = b"\xe0\x7f\x10\0OW\0\0\xff\xff\xff\x0f\x01\x02"
    assert b"".join(header_of_frame([plain + pixels], EXPLICIT_LITTLE, 2)) == b"".join(
        header_of_frame([plain], EXPLICIT_LITTLE, 2)
    )
