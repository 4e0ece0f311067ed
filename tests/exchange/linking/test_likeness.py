"""How like somebody a description is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.linking.likeness import likeness
from exchange.people.person import Demographics, PersonName, Sex
from tests.exchange.linking.directory import JANE


def test_who_is_described_in_full_is_wholly_alike() -> None:
    found = likeness(JANE, JANE)
    assert found.score == 1.0
    assert "birth date: same" in found.reasons


def test_names_and_birth_date_are_enough_to_be_wholly_alike() -> None:
    assert likeness(replace(JANE, sex=Sex.UNKNOWN, postcode=""), JANE).score == 1.0


@pytest.mark.parametrize(
    "said",
    [
        replace(JANE, birth_date="19800503"),
        replace(JANE, birth_date="19810305"),
        replace(JANE, names=(PersonName("Brown", ("Jane",)),)),
        replace(JANE, names=(PersonName("Jane", ("Smith",)),)),
        replace(JANE, names=(PersonName("Smith", ("J",)),)),
        replace(JANE, postcode="L1 9XX"),
        replace(JANE, sex=Sex.MALE),
    ],
    ids=["swapped date", "one digit", "family", "swapped names", "initial", "postcode", "sex"],
)
def test_who_differs_in_one_thing_is_less_alike_and_still_found(said: Demographics) -> None:
    assert 0.6 <= likeness(said, JANE).score < 1.0


def test_who_shares_only_a_family_name_is_hardly_alike() -> None:
    other = Demographics((PersonName("Smith", ("Peter",)),), "19551201", Sex.MALE)
    assert likeness(other, JANE).score < 0.4


def test_nothing_said_is_like_nobody() -> None:
    assert likeness(Demographics(), JANE).score == 0.0


def test_a_postcode_may_be_left_out() -> None:
    here, there = (replace(JANE, postcode=each) for each in ("L1 8JQ", "M1 1AA"))
    assert likeness(here, JANE, with_postcode=False) == likeness(there, JANE, with_postcode=False)


@given(st.text(), st.text(), st.text(), st.text())
def test_a_score_is_a_share(family: str, given_name: str, birth_date: str, postcode: str) -> None:
    said = Demographics((PersonName(family, (given_name,)),), birth_date, Sex.OTHER, postcode=postcode)
    assert 0.0 <= likeness(said, JANE).score <= 1.0
