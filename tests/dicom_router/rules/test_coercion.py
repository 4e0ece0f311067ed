"""Coercions: what each operation makes, that it is the same each time, and that it can be taken back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from dicom_router.rules.coercing import made
from dicom_router.rules.coercion import Coercion, Copy, Map, Operation, Pad, Reread, Set, Strip, coerced
from dicom_router.rules.criteria import Condition, Criteria, Of
from storage.corrections import Correction, Member, correct_bytes, correct_json
from storage.elements import EXPLICIT_LITTLE
from storage.query import Exactly
from storage.sent import Sent, read_sent
from storage.source import Whole
from tests.storage.material import instance
from tests.storage.strategies import write

ACCESSION, STUDY_ID, PART, NAME, ISSUER = (
    (0x00080050,),
    (0x00200010,),
    (0x00180015,),
    (0x00100010,),
    (0x00100021,),
)
ACCESSION_ISSUER = (0x00080051, 0x00400031)
AT = datetime(2026, 1, 2, tzinfo=UTC)


def text(vr: str, *values: str) -> Member:
    return {"vr": vr, "Value": list(values)}


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        (Set(ISSUER, ("RBL",)), {}, {"00100021": text("LO", "RBL")}),
        (Set(ISSUER, ("RBL",)), {"00100021": text("LO", "X")}, {"00100021": text("LO", "RBL")}),
        (Set(ISSUER, ("RBL",), True), {"00100021": text("LO", "X")}, {}),
        (Set(ISSUER, ("RBL",), True), {"00100021": {"vr": "LO"}}, {"00100021": text("LO", "RBL")}),
        (
            Set(NAME, ("A^B=C",)),
            {},
            {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "C"}]}},
        ),
        (
            Set(ACCESSION_ISSUER, ("RBL",)),
            {},
            {"00080051": {"vr": "SQ", "Value": [{"00400031": text("UT", "RBL")}]}},
        ),
        (
            Set(ACCESSION_ISSUER, ("RBL",)),
            {"00080051": {"vr": "SQ", "Value": [{"00400032": text("UT", "1.2")}]}},
            {
                "00080051": {
                    "vr": "SQ",
                    "Value": [{"00400031": text("UT", "RBL"), "00400032": text("UT", "1.2")}],
                }
            },
        ),
        (Copy(STUDY_ID, ACCESSION), {"00200010": text("SH", "7")}, {"00080050": text("SH", "7")}),
        (Copy(STUDY_ID, ACCESSION), {"00080050": text("SH", "7")}, {}),
        (Copy(ISSUER, ACCESSION), {"00100021": text("LO", "more than sixteen characters")}, {}),
        (Strip(ACCESSION, leading="0"), {"00080050": text("SH", "0070")}, {"00080050": text("SH", "70")}),
        (Strip(ACCESSION, leading="0"), {"00080050": text("SH", "000")}, {}),
        (Strip(ACCESSION, "R-", "", "#"), {"00080050": text("SH", "R-7##")}, {"00080050": text("SH", "7")}),
        (Pad(ACCESSION, 3), {"00080050": text("SH", "7", "1234")}, {"00080050": text("SH", "007", "1234")}),
        (Pad(ACCESSION, 4), {}, {}),
        (Map(PART, {"KOPF": "HEAD"}), {"00180015": text("CS", "KOPF")}, {"00180015": text("CS", "HEAD")}),
        (Map(PART, {"KOPF": "HEAD"}), {"00180015": text("CS", "HAND")}, {}),
    ],
)  # fmt: skip
def test_what_becomes_of_it(
    operation: Operation, before: Mapping[str, Member], after: Mapping[str, Member]
) -> None:
    assert coerced(before, Coercion("one", Criteria(), (operation,))) == after


def test_operations_follow_one_another() -> None:
    coercion = Coercion("one", Criteria(), (Strip(ACCESSION, leading="0"), Pad(ACCESSION, 3, "A")))

    assert coerced({"00080050": text("SH", "007")}, coercion) == {"00080050": text("SH", "AA7")}


_VALUES = st.sampled_from(["", "7", "0007", "R 7", "KOPF", "HEAD", "R_7"])
_OPERATIONS = st.lists(
    st.one_of(
        st.builds(Set, st.just(ISSUER), st.tuples(_VALUES.filter(bool)), st.booleans()),
        st.builds(Copy, st.just(STUDY_ID), st.just(ACCESSION), st.booleans()),
        st.builds(Strip, st.just(ACCESSION), st.sampled_from(["", "R_"]), st.sampled_from(["", "0"])),
        st.builds(Pad, st.just(ACCESSION), st.integers(1, 16)),
        st.builds(Map, st.just(PART), st.just({"KOPF": "HEAD", "HAND": "ARM"})),
    ),
    max_size=5,
)
_SENT = st.fixed_dictionaries(
    {},
    optional={
        "AccessionNumber": _VALUES,
        "StudyID": _VALUES,
        "BodyPartExamined": _VALUES,
        "IssuerOfPatientID": _VALUES,
    },
)


@given(_SENT, _OPERATIONS)
def test_what_was_sent_comes_back_byte_for_byte(sent: dict[str, str], operations: list[Operation]) -> None:
    raw = write(instance(**sent), EXPLICIT_LITTLE).data
    coercions = [Coercion("one", Criteria(), tuple(operations))]

    once, again = (made(_reader(raw), "CT7", "RBL", AT, coercions) for _ in range(2))
    corrections = [Correction(each.attributes, "COERCE", AT) for each in once]

    assert once == again
    after = b"".join(correct_bytes([raw], EXPLICIT_LITTLE, corrections))
    assert after == b"".join(correct_bytes([raw], EXPLICIT_LITTLE, corrections))
    found = _decoded(after)
    for original in found.get("OriginalAttributesSequence", []):
        before = original.ModifiedAttributesSequence[0]
        for correction in corrections:
            for tag in correction.attributes:
                if int(tag, 16) in before:
                    found[int(tag, 16)] = before[int(tag, 16)]
                else:
                    del found[int(tag, 16)]
    if "OriginalAttributesSequence" in found:
        del found.OriginalAttributesSequence
    assert write(found, EXPLICIT_LITTLE).data == raw


@given(_SENT, _OPERATIONS)
def test_json_and_bytes_say_the_same(sent: dict[str, str], operations: list[Operation]) -> None:
    raw = write(instance(**sent), EXPLICIT_LITTLE).data
    coercion = Coercion("one", Criteria(), tuple(operations))
    corrections = [
        Correction(each.attributes, "COERCE", AT) for each in made(_reader(raw), "CT7", "RBL", AT, [coercion])
    ]

    after = b"".join(correct_bytes([raw], EXPLICIT_LITTLE, corrections))
    members = _reader(raw)(None).members

    corrected = correct_json(members, corrections, with_originals=False)
    assert {tag: each.get("Value") for tag, each in _reader(after)(None).members.items()} == {
        tag: each.get("Value") for tag, each in corrected.items()
    }


def test_a_coercion_sees_what_an_earlier_one_made() -> None:
    raw = write(instance(BodyPartExamined="KOPF"), EXPLICIT_LITTLE).data
    heads = Criteria((Condition("body_part", Of.ATTRIBUTE, PART, (Exactly("HEAD"),)),))
    coercions = [
        Coercion("code", Criteria(), (Map(PART, {"KOPF": "HEAD"}),)),
        Coercion("issuer", heads, (Set(ISSUER, ("RBL",)),)),
    ]

    assert [each.rule for each in made(_reader(raw), "CT7", "RBL", AT, coercions)] == ["code", "issuer"]


def test_a_value_that_its_vr_forbids_is_written_without_a_word() -> None:
    """A local code may be in lower case; a warning would tell it to the log."""
    raw = write(instance(), EXPLICIT_LITTLE).data
    attributes = {"00180015": text("CS", "local code of this site"), "00080050": text("SH", "1" * 40)}

    after = b"".join(correct_bytes([raw], EXPLICIT_LITTLE, [Correction(attributes, "COERCE", AT)]))

    assert _reader(after)(None).members["00080050"]["Value"] == ["1" * 40]


class TestCharacterSets:
    UTF8 = Reread("ISO_IR 192", "ISO_IR 100")

    def made_of(self, raw: bytes, reread: Reread) -> list[dict[str, Member]]:
        found = made(_reader(raw), "CT7", "RBL", AT, [Coercion("one", Criteria(), (), reread)])
        return [each.attributes for each in found]

    def raw(self, name: str, really: str, declared: str) -> bytes:
        sent = instance(PatientName=name, ReferringPhysicianName="A", SpecificCharacterSet=really)
        return write(sent, EXPLICIT_LITTLE).data.replace(really.encode(), declared.encode())

    def test_it_is_declared_where_that_is_wrong(self) -> None:
        wrong = self.raw("Zoë", "ISO_IR 192", "ISO_IR 100")

        assert self.made_of(wrong, self.UTF8) == [{"00080005": text("CS", "ISO_IR 192")}]

    def test_where_it_makes_no_difference_it_stays(self) -> None:
        assert self.made_of(self.raw("Zoe", "ISO_IR 192", "ISO_IR 100"), self.UTF8) == []

    def test_where_another_is_declared_it_stays(self) -> None:
        assert self.made_of(self.raw("Zoë", "ISO_IR 192", "ISO_IR 101"), self.UTF8) == []

    def test_text_that_is_not_in_it_stays_as_it_was_declared(self) -> None:
        assert self.made_of(self.raw("Zoë", "ISO_IR 100", "ISO_IR 100"), self.UTF8) == []


def _reader(raw: bytes) -> Any:
    def read(character_set: str | None) -> Sent:
        return read_sent(lambda: Whole(raw), EXPLICIT_LITTLE, character_set)

    return read


def _decoded(raw: bytes) -> Dataset:
    return read_dataset(BytesIO(raw), False, True)
