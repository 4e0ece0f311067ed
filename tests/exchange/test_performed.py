"""Performed steps: to which order each belongs, and where that order then stands."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.order import Order, Patient, Status, Step
from exchange.orders import Placed
from exchange.performed import Said, State, judged, standing

ORDER = Order(
    trust="RBL", number="F1", accession="A1", study_uid="1.2",
    patient=Patient(identifier="123", issuer="RBL", birth_date="19500102"),
    steps=(Step(id="S1", modality="CT", date="20260303", time="10"),),
)  # fmt: skip
PLACED = Placed(7, ORDER, Status.SCHEDULED, True, "x", datetime.now(UTC))
SAID = Said(frozenset({"1.2"}), frozenset(), frozenset({"S1"}), "123", "RBL", "19500102")


@pytest.mark.parametrize(
    ("said", "order_id"),
    [
        (SAID, 7),
        (replace(SAID, study_uids=frozenset({"1.3"}), accessions=frozenset({"A1"})), 7),
        (replace(SAID, birth_date=""), 7),
        (replace(SAID, study_uids=frozenset({"1.3"})), None),
        (replace(SAID, study_uids=frozenset()), None),
        (replace(SAID, issuer="REM"), None),
        (replace(SAID, identifier="124"), None),
        (replace(SAID, birth_date="19510102"), None),
    ],
)
def test_a_step_belongs_to_the_order_of_the_same_person(said: Said, order_id: int | None) -> None:
    assert judged(said, [PLACED]).order_id == order_id


def test_of_several_orders_the_scheduled_step_tells() -> None:
    other = replace(PLACED, id=8, order=replace(ORDER, steps=(replace(ORDER.steps[0], id="S2"),)))

    assert judged(SAID, [PLACED, other]).order_id == 7
    assert judged(replace(SAID, steps=frozenset()), [PLACED, other]).order_id is None


@pytest.mark.parametrize(
    ("performed", "status", "done"),
    [
        ([], None, ""),
        ([(State.IN_PROGRESS, "a")], Status.IN_PROGRESS, ""),
        ([(State.COMPLETED, "a")], Status.IN_PROGRESS, "a"),
        ([(State.COMPLETED, "a"), (State.IN_PROGRESS, "b")], Status.IN_PROGRESS, "a"),
        ([(State.COMPLETED, "a"), (State.DISCONTINUED, "b")], Status.COMPLETED, "ab"),
        ([(State.DISCONTINUED, "ab")], Status.DISCONTINUED, "ab"),
        ([(State.COMPLETED, "")], Status.COMPLETED, "ab"),
    ],
)
def test_an_order_stands_where_its_steps_do(
    performed: list[tuple[State, str]], status: Status | None, done: str
) -> None:
    found = standing(frozenset("ab"), [(state, frozenset(steps)) for state, steps in performed])
    assert found == (status, frozenset(done))


@given(
    st.frozensets(st.sampled_from("abc"), min_size=1),
    st.lists(st.tuples(st.sampled_from(State), st.frozensets(st.sampled_from("abcd")))),
)
def test_an_order_is_done_only_once_all_its_steps_are(
    scheduled: frozenset[str], performed: list[tuple[State, frozenset[str]]]
) -> None:
    status, done = standing(scheduled, performed)
    assert done <= scheduled
    if status in (Status.COMPLETED, Status.DISCONTINUED):
        assert done == scheduled
        assert all(state.is_final for state, _ in performed)
