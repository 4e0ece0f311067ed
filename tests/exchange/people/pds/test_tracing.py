"""What an answer of the PDS says of a record, case by case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.fhir.patient_in import PatientSaid
from exchange.people.pds.client import Held, NoMatch, Unknown
from exchange.people.pds.tracing import (
    Outcome,
    Traced,
    Wanted,
    agree,
    let_go,
    trace_of,
    trace_of_local_number,
    trace_of_nhs_number,
)
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Sensitivity,
    Sex,
)
from exchange.people.statements import Linked, Merged, Unlinked

JANE = Demographics((PersonName("Smith", ("Jane", "Marie")),), "20101022", Sex.FEMALE)
ONE, OTHER = "9990000018", "9990000026"
LOCAL = Identifier("J1", "RBL")
WANTED = Wanted(LOCAL, ONE, NumberStatus.NOT_TRACED, JANE)


def held(number: str = ONE, said: Demographics = JANE) -> Held:
    verified = NumberStatus.VERIFIED
    return Held(PatientSaid(number, (), number, verified, Sensitivity.NORMAL, said), "3")


def record(number: str = ONE, said: Demographics = JANE) -> Record:
    return Record(Identifier.nhs(number), said, number, NumberStatus.VERIFIED, Sensitivity.NORMAL)


def borne_out(number: str = ONE) -> Record:
    trace = trace_of(Identifier.nhs(number))
    return Record(trace, Demographics(), number, NumberStatus.VERIFIED, None)


def apart_from(number: str) -> Unlinked:
    return Unlinked(LOCAL, trace_of(Identifier.nhs(number)))


def test_a_trusts_record_that_agrees_is_linked_to_the_number() -> None:
    traced = trace_of_local_number(WANTED, held())
    assert (traced.outcome, traced.linked_to) == (Outcome.VERIFIED, ONE)
    assert traced.statements == [record(), borne_out(), Linked(LOCAL, trace_of(Identifier.nhs(ONE)))]


def test_a_claim_that_is_superseded_leads_to_the_number_that_stands() -> None:
    traced = trace_of_local_number(WANTED, held(OTHER))
    merged = Merged(Identifier.nhs(ONE), Identifier.nhs(OTHER))
    assert traced.statements == [
        record(OTHER),
        merged,
        borne_out(OTHER),
        Linked(LOCAL, trace_of(Identifier.nhs(OTHER))),
    ]


def test_a_claim_that_is_no_number_gives_way_to_none() -> None:
    traced = trace_of_local_number(replace(WANTED, claims="9990000019"), held())
    assert traced.linked_to == ONE
    assert not any(isinstance(each, Merged) for each in traced.statements)


@pytest.mark.parametrize(
    "said",
    [
        replace(JANE, birth_date="20101023"), replace(JANE, birth_date="2010"), replace(JANE, birth_date=""),
        replace(JANE, names=(PersonName("Smith", ("Janet",)),)),
        replace(JANE, names=(PersonName("Smith", ("J",)),)), replace(JANE, names=(PersonName("Smith"),)),
        replace(JANE, names=(PersonName("Jones", ("Jane",)),)), replace(JANE, names=()),
        replace(JANE, sex=Sex.MALE),
    ],
)  # fmt: skip
def test_one_with_other_details_is_not_and_an_earlier_link_is_taken_back(said: Demographics) -> None:
    wanted = replace(WANTED, demographics=said)
    assert trace_of_local_number(wanted, held()).statements == ()
    assert trace_of_local_number(wanted, held()).outcome is Outcome.DIFFERS
    linked = replace(wanted, linked_to=ONE)
    traced = trace_of_local_number(linked, held())
    assert (traced.statements, traced.linked_to) == ((apart_from(ONE),), "")


def test_a_name_of_before_and_a_middle_name_agree() -> None:
    known = replace(JANE, names=(PersonName("Brown", ("Jane",)), PersonName("Smith", ("Jane",), use="old")))
    assert agree(JANE, known)
    assert agree(replace(JANE, sex=Sex.UNKNOWN), JANE)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Unknown(), Outcome.NOBODY), (Unknown(is_invalidated=True), Outcome.INVALIDATED),
        (NoMatch(), Outcome.NOBODY), (NoMatch(is_several=True), Outcome.SEVERAL),
    ],
)  # fmt: skip
def test_where_nobody_is_found_nothing_is_said(answer: Unknown | NoMatch, outcome: Outcome) -> None:
    traced = trace_of_local_number(WANTED, answer)
    assert (traced.outcome, traced.statements) == (outcome, ())


def test_a_link_to_another_number_gives_way() -> None:
    traced = trace_of_local_number(replace(WANTED, linked_to=OTHER), held())
    assert apart_from(OTHER) in traced.statements
    assert traced.statements[-1] == Linked(LOCAL, trace_of(Identifier.nhs(ONE)))


def test_a_source_that_verified_it_itself_is_believed() -> None:
    assert let_go(replace(WANTED, linked_to=ONE)).statements == ()
    assert let_go(WANTED).statements == ()
    apart = let_go(replace(WANTED, linked_to=OTHER))
    assert (apart.statements, apart.linked_to) == ((apart_from(OTHER),), "")


def test_the_nhs_says_what_becomes_of_its_own_numbers() -> None:
    wanted = Wanted(Identifier.nhs(ONE), ONE, NumberStatus.VERIFIED, JANE)
    assert trace_of_nhs_number(wanted, held()).statements == [record()]
    gone = trace_of_nhs_number(wanted, held(OTHER))
    assert gone.outcome is Outcome.SUPERSEDED
    assert gone.statements == [record(OTHER), Merged(Identifier.nhs(ONE), Identifier.nhs(OTHER))]
    assert gone.number == Identifier.nhs(OTHER)
    other = held(OTHER, replace(JANE, birth_date="19990101"))
    assert trace_of_nhs_number(wanted, other) == Traced(Outcome.DIFFERS)
    [invalid] = trace_of_nhs_number(wanted, Unknown(is_invalidated=True)).statements
    [unknown] = trace_of_nhs_number(wanted, Unknown()).statements
    assert isinstance(invalid, Record)
    assert isinstance(unknown, Record)
    assert (invalid.status, unknown.status) == (NumberStatus.TO_BE_RESOLVED, NumberStatus.NO_MATCH)
    assert (invalid.demographics, invalid.sensitivity) == (JANE, None)
    assert trace_of_nhs_number(replace(wanted, is_known=False), Unknown()).statements == []


_dates = st.sampled_from(["20101022", "20101023", "2010", ""])
_given = st.sampled_from([(), ("Jane",), ("J",), ("Janet",), ("Jane", "Marie")])
_said = st.builds(
    Demographics,
    names=st.tuples(st.builds(PersonName, st.sampled_from(["Smith", "Jones", ""]), _given)),
    birth_date=_dates,
    sex=st.sampled_from(Sex),
)


@given(_said, _said, st.sampled_from(["", ONE, OTHER]))
def test_nobody_is_linked_who_does_not_agree(said: Demographics, known: Demographics, before: str) -> None:
    traced = trace_of_local_number(replace(WANTED, demographics=said, linked_to=before), held(said=known))
    is_linked = any(isinstance(each, Linked) for each in traced.statements)
    assert is_linked is agree(said, known) is bool(traced.linked_to)
    if is_linked:
        assert said.birth_date == known.birth_date
        assert len(said.birth_date) == 8
        assert {said.sex, known.sex} != {Sex.FEMALE, Sex.MALE}
    elif before:
        assert traced.statements == (apart_from(before),)
