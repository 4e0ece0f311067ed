"""Body sites."""

import pytest

from exchange.fhir.body_sites import BODY_SITES, body_parts, body_site, side


@pytest.mark.parametrize("term", sorted(BODY_SITES))
def test_a_term_is_found_by_its_code(term: str) -> None:
    site = body_site(term.lower())
    assert site is not None
    assert term in body_parts(site["code"])


def test_what_is_no_term_has_words_and_no_code() -> None:
    assert body_site("left little finger") == {"display": "left little finger"}
    assert body_site("") is None


def test_a_term_may_be_searched_for_itself() -> None:
    assert body_parts("chest") == ["CHEST"]


def test_only_left_and_right_are_sides() -> None:
    assert [side(each) is not None for each in ("L", "R", "B", "")] == [True, True, False, False]
