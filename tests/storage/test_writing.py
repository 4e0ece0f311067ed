"""What is written from DICOM JSON reads back as the same JSON, and as pydicom reads it."""

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset

from storage.charsets import encodings_of
from storage.dicom_json import JsonWriter, Member
from storage.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Walk, encoding_of
from storage.source import Whole
from storage.writing import ElementWriter
from tests.storage.strategies import Written, written

SYNTAXES = [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG]


def members_of(data: bytes, syntax: str) -> dict[str, Member]:
    encoding = encoding_of(syntax)
    walk = Walk(Whole(data), encoding)
    writer = JsonWriter(walk, encoding)
    found: dict[str, Member] = {}
    while (element := walk.next()) is not None:
        member = writer.member(element)
        if member is not None:
            found[f"{element.tag:08X}"] = member
    return found


def without_bulk(members: dict[str, Member]) -> dict[str, Member]:
    return {tag: member for tag, member in members.items() if "BulkDataURI" not in str(member)}


@given(written(), st.sampled_from([EXPLICIT_LITTLE, EXPLICIT_BIG]))
def test_json_survives_being_written(one: Written, explicit: str) -> None:
    """In Implicit VR where it came so: the VRs of private elements are lost there."""
    members = without_bulk(members_of(one.plain(), one.syntax))
    syntax = one.syntax if one.syntax == IMPLICIT_LITTLE else explicit
    declared = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}

    data = ElementWriter(encoding_of(syntax), ("utf-8",)).elements(dict(sorted((declared | members).items())))

    again = members_of(data, syntax)
    if "00080005" not in members:
        again.pop("00080005")
    assert again == members
    assert len(data) % 2 == 0


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_pydicom_reads_what_is_written(syntax: str) -> None:
    members: dict[str, Member] = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00080020": {"vr": "DA"},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.4"]}}, {}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Zoë", "Phonetic": "Myler"}, None]},
        "00104000": {"vr": "LT", "Value": ["a\\b"]},
        "00180050": {"vr": "DS", "Value": [1.5, 0.1234567890123456789, -1.2345678901234567e-100, None]},
        "00200013": {"vr": "IS", "Value": [7]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00280010": {"vr": "US", "Value": [512]},
        "00287FE0": {"vr": "UR", "BulkDataURI": "@"},
    }
    writer = ElementWriter(encoding_of(syntax), encodings_of("ISO_IR 100") or ())

    read = read_dataset(BytesIO(writer.elements(members)), syntax == IMPLICIT_LITTLE, syntax != EXPLICIT_BIG)

    assert read.SOPInstanceUID == "1.2.3"
    assert read.StudyDate == ""
    assert [len(item) for item in read.ReferencedImageSequence] == [1, 0]
    assert read["PatientName"].value[0] == "Müller^Zoë==Myler"
    assert read.PatientComments == "a\\b"
    assert [float(each) for each in read["SliceThickness"].value[:2]] == [1.5, 0.12345678901235]
    assert all(len(text) <= 16 for text in writer.element("00180050", members["00180050"])[8:].split(b"\\"))
    assert read.InstanceNumber == 7
    assert read.FrameIncrementPointer == 0x00181063
    assert read.Rows == 512
    assert not read.get_item(0x00287FE0).value


def test_a_text_too_long_for_its_vr_is_written_as_un() -> None:
    raw = ElementWriter(encoding_of(EXPLICIT_LITTLE)).element(
        "00104000", {"vr": "LT", "Value": ["x" * 70_000]}
    )
    assert raw[4:8] == b"UN\0\0"
    assert struct.unpack_from("<I", raw, 8) == (70_000,)


def test_what_the_character_set_cannot_hold_is_not_written() -> None:
    with pytest.raises(UnicodeError):
        ElementWriter(encoding_of(EXPLICIT_LITTLE)).element("00081030", {"vr": "LO", "Value": ["Zoë"]})
