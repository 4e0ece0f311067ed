"""For whom a number stands, by everything that was said."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from exchange.people.person import Identifier, Said
from exchange.people.standing import Facts, standing
from exchange.people.statements import Apart, Linked, Merged, Relation, Unlinked
from tests.exchange.people import strategies

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B, C = (Identifier(value, "RBL") for value in "ABC")
RUTH, OWEN = Identifier.nhs("9990000018"), Identifier.nhs("9990000026")


def stands(*relations: Relation, **claims: Identifier) -> dict[Identifier, Identifier]:
    """Ties that were said one after another; `A=RUTH`: its source holds that number as verified."""
    known = {"A": A, "B": B, "C": C}
    said = [(relation, Said(NOON + timedelta(minutes=at), "x")) for at, relation in enumerate(relations)]
    facts = Facts({each: claims[name].value for name, each in known.items() if name in claims}, said)
    return dict(standing(facts))


def test_a_merged_number_stands_for_the_one_that_survives_and_for_its_nhs_number() -> None:
    assert stands(Merged(A, B))[A] == B
    assert stands(Merged(A, B), Merged(B, C))[A] == C
    assert stands(Merged(A, B), A=RUTH, B=OWEN)[A] == OWEN


def test_a_number_that_is_new_stands_for_what_its_source_held_for_the_old_one() -> None:
    assert stands(Merged(A, B), A=RUTH)[B] == RUTH
    assert stands(Merged(A, B), Merged(C, B), A=RUTH, C=RUTH)[B] == RUTH
    assert stands(Merged(A, B), Merged(C, B), A=RUTH, C=OWEN)[B] == B
    not_verified = Facts({A: RUTH.value, B: ""}, [(Merged(A, B), Said(NOON, "x"))])
    assert standing(not_verified)[B] == B


def test_a_merge_that_is_turned_round_is_no_ring() -> None:
    turned = stands(Merged(A, B), Merged(B, A))
    assert (turned[A], turned[B]) == (A, A)


def test_a_merge_is_undone_by_what_is_said_later() -> None:
    assert stands(Merged(A, B), Apart(A))[A] == A
    assert stands(Apart(A), Merged(A, B))[A] == B


def test_a_ring_said_in_one_breath_ends_at_its_least() -> None:
    at_once = Said(NOON, "x")
    facts = Facts({}, [(Merged(A, B), at_once), (Merged(B, C), at_once), (Merged(C, A), at_once)])
    assert set(standing(facts).values()) == {A}


def test_a_verified_number_that_was_superseded_is_the_one_that_took_its_place() -> None:
    assert stands(Merged(RUTH, OWEN), A=RUTH)[A] == OWEN


def test_linked_numbers_stand_for_the_one_nhs_number_among_them() -> None:
    found = stands(Linked(B, A), Linked(C, B), C=RUTH)
    assert {found[A], found[B], found[C]} == {RUTH}
    assert stands(Linked(C, B))[C] == B
    assert stands(Linked(A, B), Unlinked(B, A), A=RUTH)[B] == B


def test_a_link_never_unites_two_verified_numbers() -> None:
    found = stands(Linked(A, B), Linked(B, C), A=RUTH, B=OWEN)
    assert (found[A], found[B], found[C]) == (RUTH, OWEN, C)


@given(st.lists(st.tuples(strategies.relations, strategies.said), max_size=12), st.randoms())
def test_any_order_comes_to_the_same_end_and_that_end_stands_for_itself(
    said: list[tuple[Relation, Said]], chance: Random
) -> None:
    claims = {number: chance.choice((None, "", *strategies.NHS_NUMBERS)) for number in strategies.NUMBERS}
    found = standing(Facts(claims, said))
    again = [*said, *chance.choices(said, k=3)] if said else []
    chance.shuffle(again)
    assert standing(Facts(claims, again)) == found
    assert all(found[one] == one for one in found.values())


@given(st.lists(st.tuples(strategies.relations, strategies.said), max_size=12))
def test_two_verified_numbers_are_one_only_by_a_merge(said: list[tuple[Relation, Said]]) -> None:
    claims = {Identifier("1", "RBL"): RUTH.value, Identifier("1", "REM"): OWEN.value}
    links = [(relation, at) for relation, at in said if isinstance(relation, Linked | Unlinked)]
    found = standing(Facts(claims, links))
    assert found[Identifier("1", "RBL")] == RUTH
    assert found[Identifier("1", "REM")] == OWEN
