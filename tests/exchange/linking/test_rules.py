"""Whose study it is: the decision table, and what no study may ever do."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.linking.link import LinkState, StudyIdentity, Verdict
from exchange.linking.rules import decide
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Sensitivity,
    Sex,
)
from tests.exchange.linking.decisions import CASES, STUDY, Case, table
from tests.exchange.linking.directory import JANE, held, person, unverified

PAGE = Path(__file__).parents[3] / "docs" / "linking.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_decision_table(case: Case) -> None:
    decided = decide(case.identities, case.known, case.alike)

    assert (decided.state, decided.person_id) == (case.state, case.person_id)
    assert decided.evidence
    assert decided.state is not LinkState.LINKED or decided.proposed == ()
    assert decided.state is not LinkState.AMBIGUOUS or decided.proposed


def test_the_page_shows_the_table() -> None:
    assert table() in PAGE.read_text()


def test_the_evidence_says_that_day_and_month_are_swapped() -> None:
    decided = decide((replace(STUDY, birth_date="19800503"),), held(person()), ())

    against = [each for each in decided.evidence if each.verdict is Verdict.DISAGREES]
    assert [each.fact for each in against] == ["birth date"]
    assert "swapped" in against[0].words


def test_where_a_restricted_person_lives_is_neither_said_nor_confirmed() -> None:
    hidden = person(sensitivity=Sensitivity.RESTRICTED)
    here = replace(STUDY, identifiers=(), postcode="L1 8JQ")

    asked = decide((here,), held(), (hidden,))
    assert "L1 8JQ" not in " ".join(each.words for each in asked.evidence)
    assert asked.proposed == decide((replace(here, postcode="M1 1AA"),), held(), (hidden,)).proposed

    very = person(sensitivity=Sensitivity.VERY_RESTRICTED)
    assert decide((here,), held(), (very,)).proposed == ()


def test_whom_a_record_claims_to_be_is_proposed_first() -> None:
    claimed, like = person(), person(JANE, "9990000026", local=())
    mine = unverified()
    known = held(claimed, mine, claims="9990000018")

    decided = decide((replace(STUDY, identifiers=(mine.identifier,)),), known, (like, claimed))
    assert decided.state is LinkState.AMBIGUOUS
    assert decided.proposed == (mine.id, claimed.id, like.id)


# What no study may ever do ----------------------------------------------------------------------

_GIVEN = (
    "Jane",
    "Janet",
    "Jean",
    "Judith",
    "John",
    "Jon",
    "Muhammad",
    "Paul",
    "Paula",
    "Elizabeth",
    "Liz",
    "Zoë",
)
_FAMILY = ("Smith", "Jones", "Smith-Jones", "Khan", "O'Neill", "James", "Paul")
_DATES = ("19800305", "19800503", "19550101", "20260220", "20260228")


@st.composite
def people_of_a_region(draw: st.DrawFn) -> tuple[Person, Person]:
    """Two people, often alike: the one whose study it is, and another whose numbers may stand in it."""
    first = draw(demographics())
    second = draw(st.one_of(demographics(), siblings(first)))
    numbers = ("9990000018", "9990000026")
    return (
        person(first, numbers[0], local=(Identifier("1", "RBL"),), superseded=("9990000034",)),
        person(second, numbers[1], local=(Identifier("2", "RBL"),), superseded=("9990000042",)),
    )


@st.composite
def demographics(draw: st.DrawFn) -> Demographics:
    given = draw(st.lists(st.sampled_from(_GIVEN), min_size=1, max_size=2, unique=True))
    name = PersonName(draw(st.sampled_from(_FAMILY)), tuple(given))
    return Demographics((name,), draw(st.sampled_from(_DATES)), draw(st.sampled_from((Sex.FEMALE, Sex.MALE))))


@st.composite
def siblings(draw: st.DrawFn, of: Demographics) -> Demographics:
    """Born on the same day, another given name."""
    mine = of.name.given[0]
    given = draw(st.sampled_from([each for each in _GIVEN if each != mine]))
    return replace(of, names=(PersonName(of.name.family, (given,)),), sex=draw(st.sampled_from((*Sex,))))


@st.composite
def told(draw: st.DrawFn, of: Person) -> StudyIdentity:
    """What a study says of somebody: some of it left out, shortened or changed, nothing of anybody else."""
    said = of.demographics
    given = draw(st.sampled_from((*said.name.given[:1], said.name.given[0][:1], "", "Baby", "Twin 1")))
    family = draw(st.sampled_from((said.name.family, said.name.family.upper(), "Brown", "")))
    return StudyIdentity(
        (), f"{family}^{given}", draw(st.sampled_from((said.birth_date, ""))),
        draw(st.sampled_from((said.sex.value, "", "O"))), "RBL",
        study_date=draw(st.sampled_from(("20260301", "20260801", ""))),
    )  # fmt: skip


@given(people_of_a_region(), st.data())
def test_numbers_of_somebody_else_never_link_to_them(
    both: tuple[Person, Person], data: st.DataObject
) -> None:
    """A reused number, a wrong wristband, a twin's number: only a namesake born that day could be meant."""
    whose, other = both
    study = data.draw(told(whose))
    numbers = [other.identifier, *(each.identifier for each in other.others)]
    wrong = tuple(data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=3)))
    mine, theirs = whose.demographics, other.demographics
    decided = decide((replace(study, identifiers=wrong),), held(whose, other), both)

    if decided.state is LinkState.LINKED:
        assert mine.birth_date == theirs.birth_date
        assert mine.name.given[0] == theirs.name.given[0]


@given(people_of_a_region(), st.data())
def test_one_number_of_each_never_links(both: tuple[Person, Person], data: st.DataObject) -> None:
    study = data.draw(told(both[0]))
    mine, other = (data.draw(st.sampled_from([each.identifier, each.others[0].identifier])) for each in both)
    decided = decide((replace(study, identifiers=(mine, other)),), held(*both), both)

    assert decided.state is LinkState.CONFLICTING
    assert set(decided.proposed) >= {each.id for each in both}


@given(
    people_of_a_region(), st.data(), st.sampled_from([each for each in NumberStatus if each.value != "01"])
)
def test_what_is_not_verified_never_links(
    both: tuple[Person, Person], data: st.DataObject, status: NumberStatus
) -> None:
    whose = replace(both[0], status=status)
    study = replace(data.draw(told(whose)), identifiers=(whose.identifier, whose.others[0].identifier))

    assert decide((study,), held(whose), both).state is not LinkState.LINKED


@given(people_of_a_region(), st.data())
def test_without_a_number_nothing_links(both: tuple[Person, Person], data: st.DataObject) -> None:
    study = data.draw(told(both[0]))
    wrong = replace(study, identifiers=(Identifier.nhs("9990000019"), Identifier("1", "REM")))

    assert decide((study,), held(*both), both).person_id is None
    assert decide((wrong,), held(*both), both).person_id is None


@given(people_of_a_region(), st.data())
def test_a_superseded_number_links_to_nobody_but_its_successor(
    both: tuple[Person, Person], data: st.DataObject
) -> None:
    whose, other = both
    study = replace(data.draw(told(whose)), identifiers=(Identifier.nhs("9990000034"),))

    assert decide((study,), held(whose, other), both).person_id in (whose.id, None)


@given(people_of_a_region(), st.data())
def test_knowing_more_people_never_makes_a_link(both: tuple[Person, Person], data: st.DataObject) -> None:
    whose, other = both
    study = replace(data.draw(told(whose)), identifiers=(whose.identifier,))
    alone = decide((study,), held(whose, other), ())
    among = decide((study,), held(whose, other), both)

    assert among.person_id in (alone.person_id, None)


@given(people_of_a_region(), st.sampled_from(_DATES), st.sampled_from(_GIVEN))
def test_names_that_are_swapped_never_link(both: tuple[Person, Person], date: str, given_name: str) -> None:
    name = both[0].demographics.name
    if name.family == name.given[0] or name.family in name.given:
        return
    study = StudyIdentity((both[0].identifier,), f"{name.given[0]}^{name.family}", date, "", "RBL")

    assert decide((study,), held(*both), both).state is not LinkState.LINKED


@given(st.text(), st.text(), st.text(), st.lists(st.builds(Identifier, st.text(), st.text(min_size=1))))
def test_whatever_a_study_says_something_is_decided(
    name: str, birth_date: str, sex: str, identifiers: list[Identifier]
) -> None:
    study = StudyIdentity(tuple(identifiers), name, birth_date, sex, "RBL")

    assert decide((study,), held(person()), (person(),)).person_id is None or identifiers
