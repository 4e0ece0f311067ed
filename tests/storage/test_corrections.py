"""What a correction in force changes on the way out: what it names, and (0400,0561)."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from storage.corrections import Correction, correct_bytes, correct_json, those_of
from storage.errors import CannotCorrect

NAMED = Correction(
    {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Corrected^Name"}]},
        "00100020": {"vr": "LO", "Value": ["9990000018"]},
        "00101040": {"vr": "LO", "Value": ["1 New Road"]},  # absent before
        "00081030": {"vr": "LO"},  # becomes empty
    },
    "CORRECT",
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
]


def a_data_set(**others: Any) -> Dataset:
    found = Dataset()
    found.SOPInstanceUID = "1.2.3"
    found.StudyDescription = "CT of the wrong person"
    found.ReferencedStudySequence = Sequence([Dataset()])
    found.ReferencedStudySequence[0].ReferencedSOPInstanceUID = "1.2.4"
    found.PatientName = "Wrong^Name"
    found.PatientID = "123456"
    found.PatientAge = "040Y"
    found.StudyID = "7"
    found.Rows = 2
    for keyword, value in others.items():
        setattr(found, keyword, value)
    return found


def encoded(data_set: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    buffer = BytesIO()
    data_set.save_as(
        buffer,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    raw = buffer.getvalue()
    return deflated(raw) if syntax == DeflatedExplicitVRLittleEndian else raw


def deflated(raw: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-15)
    return compress.compress(raw) + compress.flush()


def decoded(raw: bytes, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    if syntax == DeflatedExplicitVRLittleEndian:
        raw = zlib.decompress(raw, -15)
        syntax = ExplicitVRLittleEndian
    return read_dataset(BytesIO(raw), syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)


def pieces(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[start : start + size] for start in range(0, len(raw), size))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_only_what_is_named_changes(syntax: str, size: int) -> None:
    before = a_data_set()

    raw = b"".join(correct_bytes(pieces(encoded(before, syntax), size), syntax, [NAMED]))

    after = decoded(raw, syntax)
    assert (after.PatientName, after.PatientID) == ("Corrected^Name", "9990000018")
    assert after.PatientAddress == "1 New Road"
    assert after.StudyDescription == ""
    (original,) = after.OriginalAttributesSequence
    assert original.ReasonForTheAttributeModification == "CORRECT"
    assert original.AttributeModificationDateTime == "20260102030405.000000+0000"
    (modified,) = original.ModifiedAttributesSequence
    assert (modified.PatientName, modified.PatientID) == ("Wrong^Name", "123456")
    assert modified.StudyDescription == "CT of the wrong person"
    assert "PatientAddress" not in modified
    # Put back what the sequence says and the data set is the one before, byte for byte.
    for element in modified:
        after[element.tag] = element
    del after.OriginalAttributesSequence, after.PatientAddress
    assert encoded(after, syntax) == encoded(before, syntax)


def test_without_a_correction_the_bytes_are_not_even_looked_at() -> None:
    assert b"".join(correct_bytes([b"not a ", b"data set"], ExplicitVRLittleEndian, [])) == b"not a data set"


def test_the_bytes_behind_the_head_pass_untouched() -> None:
    head = encoded(a_data_set())
    pixels = b"\xe0\x7f\x10\x00OW\x00\x00\xff\xff\xff\xff" + b"whatever stands here"

    raw = b"".join(correct_bytes([head + pixels], ExplicitVRLittleEndian, [NAMED]))

    assert raw.endswith(pixels)


def test_corrections_follow_one_another_and_those_that_were_there() -> None:
    first = Correction({"00100020": {"vr": "LO", "Value": ["A"]}}, "COERCE", NAMED.made_at)
    second = Correction({"00100020": {"vr": "LO", "Value": ["B"]}}, "CORRECT", NAMED.made_at)
    sent = a_data_set()
    earlier = Dataset()
    earlier.ReasonForTheAttributeModification = "COERCE"
    earlier.ModifiedAttributesSequence = Sequence([Dataset()])
    sent.OriginalAttributesSequence = Sequence([earlier])
    for undefined in (False, True):
        sent["OriginalAttributesSequence"].is_undefined_length = undefined

        after = decoded(b"".join(correct_bytes([encoded(sent)], ExplicitVRLittleEndian, [first, second])))

        assert after.PatientID == "B"
        found = after.OriginalAttributesSequence
        assert [item.ReasonForTheAttributeModification for item in found] == ["COERCE", "COERCE", "CORRECT"]
        before = [item.ModifiedAttributesSequence[0].get("PatientID") for item in found]
        assert before == [None, "123456", "A"]


def test_group_lengths_that_no_longer_hold_are_left_out() -> None:
    raw = encoded(a_data_set())
    at = raw.index(b"\x10\x00\x10\x00PN")
    with_length = raw[:at] + b"\x10\x00\x00\x00UL\x04\x00\x63\x00\x00\x00" + raw[at:]

    after = decoded(b"".join(correct_bytes([with_length], ExplicitVRLittleEndian, [NAMED])))

    assert 0x00100000 not in after
    assert after.PatientAge == "040Y"


def test_a_value_beyond_ascii_is_written_in_the_declared_character_set() -> None:
    named = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Zoë"}]}}
    accented = Correction(named, "CORRECT", NAMED.made_at)
    latin = encoded(a_data_set(SpecificCharacterSet="ISO_IR 100"))
    undeclared = encoded(a_data_set())
    greek = encoded(a_data_set(SpecificCharacterSet="ISO_IR 126"))

    assert "Zoë".encode("latin-1") in b"".join(correct_bytes([latin], ExplicitVRLittleEndian, [accented]))
    after = decoded(b"".join(correct_bytes([undeclared], ExplicitVRLittleEndian, [accented])))
    assert after.SpecificCharacterSet == "ISO_IR 192"
    assert after.PatientName == "Zoë"
    with pytest.raises(CannotCorrect, match="00100010"):
        list(correct_bytes([greek], ExplicitVRLittleEndian, [accented]))


@pytest.mark.parametrize(("vr", "declared"), [("CS", "ISO_IR 100"), ("LO", "KLINGON")])
def test_what_no_character_set_of_the_data_set_governs_is_not_written(vr: str, declared: str) -> None:
    accented = Correction({"00081030": {"vr": vr, "Value": ["ZOË"]}}, "CORRECT", NAMED.made_at)
    plain = Correction({"00081030": {"vr": vr, "Value": ["ZOE"]}}, "CORRECT", NAMED.made_at)
    character_set = declared.ljust(10).encode()
    raw = b"\x08\x00\x05\x00CS\x0a\x00" + character_set + encoded(a_data_set())

    assert b"ZOE" in b"".join(correct_bytes([raw], ExplicitVRLittleEndian, [plain]))
    with pytest.raises(CannotCorrect, match="00081030") as refused:
        list(correct_bytes([raw], ExplicitVRLittleEndian, [accented]))
    assert "ZO" not in str(refused.value)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_items_of_a_new_sequence_are_written_in_order(syntax: str) -> None:
    item = {
        "00080104": {"vr": "LO", "Value": ["Chest"]},
        "00080100": {"vr": "SH", "Value": ["CHEST"]},
    }
    codes = Correction({"00081032": {"vr": "SQ", "Value": [item, {}]}}, "CORRECT", NAMED.made_at)

    after = decoded(b"".join(correct_bytes([encoded(a_data_set(), syntax)], syntax, [codes])), syntax)

    first, empty = after.ProcedureCodeSequence
    assert [str(element.value) for element in first] == ["CHEST", "Chest"]
    assert len(empty) == 0


def test_a_deep_sequence_of_undefined_length_passes_whole() -> None:
    inner = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + b"\x08\x00\x99\x00SQ\x00\x00\xff\xff\xff\xff"
    ends = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00" + b"\xfe\xff\x0d\xe0\x00\x00\x00\x00"
    deep = b"\x09\x00\x01\x10SQ\x00\x00\xff\xff\xff\xff" + inner * 5000 + ends * 5000 + ends[:8]
    raw = encoded(a_data_set())
    at = raw.index(b"\x10\x00\x10\x00PN")

    after = b"".join(correct_bytes(pieces(raw[:at] + deep + raw[at:], 4096), ExplicitVRLittleEndian, [NAMED]))

    assert deep in after
    assert b"Corrected^Name" in after


def test_json_is_corrected_alike() -> None:
    members = a_data_set().to_json_dict()

    after = correct_json(members, [NAMED])

    assert list(after) == sorted(after)
    assert after["00100020"] == {"vr": "LO", "Value": ["9990000018"]}
    (original,) = after["04000561"]["Value"]
    assert original["04000550"]["Value"][0]["00100020"] == {"vr": "LO", "Value": ["123456"]}
    assert "04000561" not in correct_json(members, [NAMED], with_originals=False)
    raw = b"".join(correct_bytes([encoded(a_data_set())], ExplicitVRLittleEndian, [NAMED]))
    assert decoded(raw).to_json_dict() == after


def test_a_correction_of_one_identity_leaves_the_other_alone() -> None:
    of_one = Correction(NAMED.attributes, "CORRECT", NAMED.made_at, identity_id=1)

    assert those_of([NAMED, of_one], 1) == (NAMED, of_one)
    assert those_of([NAMED, of_one], 2) == (NAMED,)
