from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from exchange.outgoing import (
    LO_LIMIT,
    SH_LIMIT,
    Journey,
    Number,
    foreign_identity,
    foreign_number,
)
from exchange.trusts import Trust
from storage.corrections import correct_bytes, correct_json
from storage.elements import EXPLICIT_LITTLE

WIRRAL = Trust("RBL", "Wirral", "RBL")
AINTREE = Trust("REM", "Liverpool", "REM")
MERGED = Trust("RXX", "Wirral and Liverpool", "RXX")
TRUSTS = (replace(WIRRAL, successor="RXX"), AINTREE, MERGED)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ABROAD = Journey(WIRRAL, AINTREE, TRUSTS)

Members = Mapping[str, Any]

characters = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\")
numbers = st.text(characters, min_size=1, max_size=LO_LIMIT)
accessions = st.text(characters, min_size=1, max_size=SH_LIMIT)
issuers = st.sampled_from(["RBL", "RXX", "HOSPITAL1", "HOSPITAL2", "A" * 64])


def members(patient: str = "123456", issuer: str = "RBL", accession: str = "A1") -> dict[str, Any]:
    return {
        "00080050": {"vr": "SH", "Value": [accession]} if accession else {"vr": "SH"},
        "00100020": {"vr": "LO", "Value": [patient]} if patient else {"vr": "LO"},
        "00100021": {"vr": "LO", "Value": [issuer]},
    }


def sent(before: Members, journey: Journey = ABROAD, linked: str | None = None) -> Dataset:
    """As the receiver reads it."""
    correction = foreign_identity(before, journey, AT, linked)
    return Dataset.from_json(correct_json(before, [correction]) if correction else dict(before))


def test_a_study_goes_to_another_trust_under_a_prefixed_number() -> None:
    there = sent(members())

    assert (there.PatientID, there.IssuerOfPatientID) == ("RBL-123456", "RBL")
    (qualifiers,) = there.IssuerOfPatientIDQualifiersSequence
    assert qualifiers.AssigningFacilitySequence[0].LocalNamespaceEntityID == "RBL"
    (original,) = there.OtherPatientIDsSequence
    assert (original.PatientID, original.IssuerOfPatientID, original.TypeOfPatientID) == (
        "123456",
        "RBL",
        "TEXT",
    )
    assert there.AccessionNumber == "RBL-A1"
    assert there.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RBL"
    (record,) = there.OriginalAttributesSequence
    assert record.ReasonForTheAttributeModification == "COERCE"
    assert record.ModifiedAttributesSequence[0].PatientID == "123456"
    assert record.ModifiedAttributesSequence[0].AccessionNumber == "A1"


def test_where_the_person_is_linked_it_goes_under_the_receivers_own_number() -> None:
    there = sent(members(), linked="987")

    assert (there.PatientID, there.IssuerOfPatientID) == ("987", "REM")
    facility = there.IssuerOfPatientIDQualifiersSequence[0].AssigningFacilitySequence[0]
    assert facility.LocalNamespaceEntityID == "REM"
    assert [(each.PatientID, each.IssuerOfPatientID) for each in there.OtherPatientIDsSequence] == [
        ("123456", "RBL")
    ]
    assert there.AccessionNumber == "RBL-A1"


@pytest.mark.parametrize("receiver", TRUSTS[:1])
def test_to_the_trust_itself_it_goes_as_it_is(receiver: Trust) -> None:
    assert foreign_identity(members(), Journey(receiver, receiver, TRUSTS), AT) is None


def test_to_a_successor_it_keeps_its_number_and_says_whose_it_is() -> None:
    there = sent(members(), Journey(WIRRAL, MERGED, TRUSTS))

    assert (there.PatientID, there.IssuerOfPatientID, there.AccessionNumber) == ("123456", "RBL", "A1")
    assert there.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RBL"


def test_to_a_predecessor_it_is_foreign() -> None:
    """Two trusts that were merged had a "123456" each."""
    there = sent(members(issuer="RXX"), Journey(MERGED, TRUSTS[0], TRUSTS))

    assert there.PatientID == "RXX-123456"


def test_the_receivers_own_number_comes_home_as_it_left() -> None:
    there = sent(members(patient="77", issuer="REM", accession=""))

    assert (there.PatientID, there.IssuerOfPatientID) == ("77", "REM")
    assert "OtherPatientIDsSequence" not in there


def test_an_nhs_number_means_the_same_person_everywhere() -> None:
    there = sent(members(patient="9434765919", issuer="NHS", accession=""))
    assert there.PatientID == "9434765919"

    wrong = sent(members(patient="9434765918", issuer="NHS", accession=""))
    assert wrong.PatientID == "RBL-NHS-9434765918"


def test_other_identifiers_stay_and_bare_ones_of_nobody_go() -> None:
    other = {"00100020": {"vr": "LO", "Value": ["9434765919"]}, "00100021": {"vr": "LO", "Value": ["NHS"]}}
    there = sent(
        members()
        | {"00101000": {"vr": "LO", "Value": ["1", "2"]}, "00101002": {"vr": "SQ", "Value": [other]}}
    )

    assert [each.PatientID for each in there.OtherPatientIDsSequence] == ["9434765919", "123456"]
    assert not there.OtherPatientIDs
    assert list(there.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].OtherPatientIDs) == [
        "1",
        "2",
    ]


def test_whoever_has_no_number_gets_none() -> None:
    there = sent(members(patient="", accession=""))

    assert foreign_identity(members(patient="", accession=""), ABROAD, AT) is None
    assert not there.PatientID


@given(numbers, issuers, accessions)
def test_never_a_bare_foreign_number(patient: str, issuer: str, accession: str) -> None:
    there = sent(members(patient, issuer, accession))

    home = issuer if issuer in ("RBL", "RXX") else "RBL"
    assert there.PatientID.startswith(f"{home}-")
    assert there.AccessionNumber.startswith("RBL-")
    assert there.IssuerOfPatientID == issuer
    assert there.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RBL"
    assert len(there.PatientID) <= LO_LIMIT
    assert len(there.AccessionNumber) <= SH_LIMIT


@given(numbers, issuers, accessions, st.none() | st.just("55"))
def test_the_original_can_be_had_again(patient: str, issuer: str, accession: str, linked: str | None) -> None:
    before = members(patient, issuer, accession)
    there = sent(before, linked=linked)
    originals = Dataset()
    for record in there.get("OriginalAttributesSequence", ()):
        originals.update(record.ModifiedAttributesSequence[0])

    assert originals.get("PatientID", there.PatientID) == patient
    assert originals.get("IssuerOfPatientID", there.IssuerOfPatientID) == issuer
    assert originals.get("AccessionNumber", there.AccessionNumber) == accession
    if there.PatientID != patient:
        assert (patient, issuer) in {
            (each.PatientID, each.IssuerOfPatientID) for each in there.OtherPatientIDsSequence
        }


@given(numbers, issuers, accessions, st.none() | st.just("55"))
def test_twice_is_once(patient: str, issuer: str, accession: str, linked: str | None) -> None:
    before = members(patient, issuer, accession)
    once = foreign_identity(before, ABROAD, AT, linked)
    after = correct_json(before, [once]) if once else before

    assert foreign_identity(after, ABROAD, AT, linked) is None


@given(st.lists(st.tuples(numbers, issuers), min_size=2, max_size=2, unique=True))
def test_two_people_stay_two(both: list[tuple[str, str]]) -> None:
    assume(not any(text.startswith(("RBL-", "RXX-")) for text, _ in both))
    one, other = (foreign_number(Number(*each), ABROAD, LO_LIMIT) for each in both)

    # Of unknown namespaces the issuer's own hyphens could be the number's: then the issuers tell them apart.
    assert one != other or both[0][1] != both[1][1]


def test_the_bytes_say_the_same() -> None:
    kept = Dataset.from_json(members())
    kept.PatientName = "TEST^PERSON"
    buffer = BytesIO()
    dcmwrite(buffer, kept, implicit_vr=False, little_endian=True)
    correction = foreign_identity(members(), ABROAD, AT)
    assert correction is not None

    wire = b"".join(correct_bytes([buffer.getvalue()], EXPLICIT_LITTLE, [correction]))

    there = dcmread(BytesIO(wire), force=True)
    assert there.PatientID == "RBL-123456"
    assert there.OtherPatientIDsSequence[0].PatientID == "123456"
    assert there.AccessionNumber == "RBL-A1"
    assert there.PatientName == "TEST^PERSON"
