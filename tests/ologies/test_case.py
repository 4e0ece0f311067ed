"""A case is JSON that can be trusted, or says which field cannot."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ologies.case import moment_text, parse_case
from ologies.errors import BadCase
from ologies.nhs_number import is_nhs_number
from tests.ologies.material import a_case


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"person": {"nhs_number": "9990000019"}}, "nhs_number"),
        ({"person": {"identifier": "1"}}, "person"),
        ({"person": {"identifier": "a\\b", "issuer": "RBT"}}, "person.identifier"),
        ({"person": {"name": {"family": "A^B"}}}, "person.name.family"),
        ({"person": {"sex": "X"}}, "person.sex"),
        ({"person": {"birth_date": "yesterday"}}, "person.birth_date"),
        ({"encounter": {"accession": "1"}}, "encounter"),
        ({"encounter": {"study_uid": "1.2\\3"}}, "encounter.study_uid"),
        ({"colour": "red"}, "colour"),
        ({"body_site": {"value": "1"}}, "body_site.meaning"),
    ],
)
def test_what_cannot_be_is_named(said: dict[str, Any], field: str) -> None:
    with pytest.raises(BadCase) as refused:
        parse_case(json.dumps(said).encode())
    assert field in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_case_is_refused(text: bytes) -> None:
    with pytest.raises(BadCase):
        parse_case(text)


def test_values_are_not_told() -> None:
    with pytest.raises(BadCase) as refused:
        parse_case(b'{"person": {"birth_date": "Smith"}}')
    assert "Smith" not in str(refused.value)


def test_whose_it_is() -> None:
    assert a_case().person.patient_id() == ("123", "RBT")
    assert a_case(person__identifier=None, person__issuer=None).person.patient_id() == ("9990000018", "NHS")
    assert a_case(person={}).person.patient_id() is None


@given(st.integers(0, 10**9 - 1))
def test_at_most_one_last_digit_checks_the_others(number: int) -> None:
    found = [digit for digit in range(10) if is_nhs_number(f"{number:09}{digit}")]
    assert len(found) <= 1


@pytest.mark.parametrize("text", ["", "999000001", "99900000188", "९९९००००१८८", "999000001X"])
def test_what_is_no_nhs_number(text: str) -> None:
    assert not is_nhs_number(text)


def test_a_time_says_its_zone_where_it_has_one() -> None:
    at = datetime(2026, 7, 3, 21, 5, 9, tzinfo=timezone(timedelta(hours=1)))
    assert moment_text(at) == ("20260703", "210509", "+0100")
    assert moment_text(at.astimezone(UTC)) == ("20260703", "200509", "+0000")
    assert moment_text(datetime(2026, 7, 3, 21, 5, 9, 5)) == ("20260703", "210509.000005", None)  # noqa: DTZ001
