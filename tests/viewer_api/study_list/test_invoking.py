"""IHE Invoke Image Display: what a URL asks for, and when a study may open by itself."""

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.answers import Found
from storage.corrections import Member
from storage.errors import BadQuery
from viewer_api.study_list.criteria import Criteria
from viewer_api.study_list.invoking import Invocation, invoked
from viewer_api.study_list.rows import row_of


def asked(query: str) -> Invocation:
    return invoked(parse_qsl(query, keep_blank_values=True))


def test_a_patient_is_named_by_number_and_assigning_authority() -> None:
    assert asked("requestType=PATIENT&patientID=123456^^^RBL").criteria == Criteria(
        patient_id="123456", issuer="RBL"
    )
    named = asked("requestType=PATIENT&patientID=123456^^^RBL%261.2.3%26ISO")
    assert named.criteria.issuer == "RBL"
    assert asked("requestType=PATIENT&patientID=1^^^%261.2.3%26ISO").criteria.issuer == "1.2.3"


@pytest.mark.parametrize(
    ("patient", "number"),
    [
        ("9990000018^^^NHS", "9990000018"),
        ("999 000 0018^^^NHS", "9990000018"),
        ("9990000018^^^NHS%262.16.840.1.113883.2.1.4.1%26ISO", "9990000018"),
        ("9990000018^^^%262.16.840.1.113883.2.1.4.1%26ISO", "9990000018"),
        ("9990000018", ""),
        ("9990000018^^^RBL", ""),
    ],
)
def test_an_nhs_number_is_known_by_its_issuer_alone(patient: str, number: str) -> None:
    assert asked(f"requestType=PATIENT&patientID={patient}").nhs_number == number


def test_a_patient_may_be_narrowed_by_time_kind_and_count() -> None:
    query = (
        "requestType=PATIENT&patientID=1^^^RBL&lowerDateTime=2026-01-31T10:15:00&upperDateTime=2026-02-01"
        "&mostRecentResults=2&modalitiesInStudy=CT,MR&viewerType=IHE_BIR&diagnosticQuality=true"
    )

    assert asked(query).criteria == Criteria(
        patient_id="1",
        issuer="RBL",
        first_day="2026-01-31",
        last_day="2026-02-01",
        modality="CT\\MR",
        most="2",
    )


def test_studies_are_named_by_uid_or_by_accession_number() -> None:
    assert asked("requestType=STUDY&studyUID=1.2,1.3").criteria == Criteria(study_uid="1.2\\1.3")
    assert asked("requestType=STUDY&accessionNumber=A1^^^RBL,A2^^^RBL").criteria == Criteria(
        accession="A1\\A2", accession_issuer="RBL"
    )


@pytest.mark.parametrize(
    "query",
    [
        "",
        "requestType=SERIES&studyUID=1.2",
        "requestType=PATIENT",
        "requestType=PATIENT&patientID=^^^RBL",
        "requestType=PATIENT&patientID=1&patientID=2",
        "requestType=PATIENT&patientID=1&mostRecentResults=0",
        "requestType=PATIENT&patientID=1&lowerDateTime=yesterday",
        "requestType=STUDY",
        "requestType=STUDY&studyUID=1.2&accessionNumber=A1",
        "requestType=STUDY&accessionNumber=A1^^^RBL,A2^^^REM",
    ],
)
def test_what_the_profile_does_not_know_is_refused(query: str) -> None:
    with pytest.raises(BadQuery):
        asked(query)


def test_a_bare_number_opens_nothing_for_whoever_belongs_to_no_trust() -> None:
    bare = asked("requestType=PATIENT&patientID=123456")

    assert not bare.opens_for("")
    assert bare.opens_for("RBL")
    assert asked("requestType=PATIENT&patientID=123456^^^RBL").opens_for("")
    assert asked("requestType=STUDY&studyUID=1.2").opens_for("")
    assert not asked("requestType=STUDY&accessionNumber=A1").opens_for("")


@pytest.mark.parametrize(
    ("said", "differs"),
    [
        ("", False),
        ("&patientName=M%C3%BCller^Zo%C3%AB&patientBirthDate=19570301", False),
        ("&patientName=Muller,+Zoe", False),
        ("&patientName=Smith^Zo%C3%AB", False),  # married meanwhile: one word is the same
        ("&patientName=Smith^Anna", True),
        ("&patientBirthDate=1957-03-02", True),
    ],
)
def test_another_name_or_birth_date_is_noticed(said: str, differs: bool) -> None:
    members: dict[str, Member] = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "MÜLLER^Zoë"}]},
        "00100030": {"vr": "DA", "Value": ["19570301"]},
    }

    found = asked(f"requestType=PATIENT&patientID=1^^^RBL{said}")

    assert found.differs_from(row_of(Found(members, "1.2"))) is differs


@given(st.lists(st.tuples(st.sampled_from(["requestType", "patientID", "studyUID", "x"]), st.text())))
def test_whatever_is_asked_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    with suppress(BadQuery):
        assert invoked([("requestType", "PATIENT"), *pairs]).criteria.patient_id
