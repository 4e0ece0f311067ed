"""Whom somebody looks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.people.finding import Day, Text, Token
from exchange.people.person import NHS
from viewer_api.timeline.finding import Typed, mean


@pytest.mark.parametrize("typed", ["9990000018", "999 000 0018", "999-000-0018", "  999 0000018 "])
def test_an_nhs_number_is_taken_as_people_write_it(typed: str) -> None:
    meant = mean(Typed.of({"nhs_number": typed}))
    assert meant.criteria.identifiers == ((Token("9990000018", NHS),),)


def test_a_name_goes_with_a_birth_date() -> None:
    meant = mean(Typed("", "O'Neill", "Ruth", "4/3/1971"))
    assert not meant.errors
    assert meant.criteria.families == ((Text("O'Neill"),),)
    assert meant.criteria.births == ((Day("19710304"),),)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (Typed(), "nhs_number"),
        (Typed("9990000019"), "nhs_number"),
        (Typed("12345"), "nhs_number"),
        (Typed(family="O'Neill"), "birth_date"),
        (Typed(birth_date="4/3/1971"), "family"),
        (Typed(family="O'Neill", birth_date="yesterday"), "birth_date"),
        (Typed(family="x" * 65, birth_date="4/3/1971"), "family"),
    ],
)
def test_what_is_too_little_or_wrong_is_said_at_its_field(typed: Typed, field: str) -> None:
    assert list(mean(typed).errors) == [field]


@given(st.dictionaries(st.sampled_from(["nhs_number", "family", "given", "birth_date", "x"]), st.text()))
def test_whatever_is_typed_means_something_or_is_wrong(form: dict[str, str]) -> None:
    meant = mean(Typed.of(form))
    assert bool(meant.errors) != meant.criteria.says_whom
    assert mean(Typed.of(Typed.of(form).as_json())) == meant
