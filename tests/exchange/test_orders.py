"""Orders come to the same end in whatever order they are told, and keep apart what is apart."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from exchange.order import ORDERS, BadOrder, Code, Order, Patient, Priority, Said, Status, Step, uid_for
from exchange.orders import Kept, NoSuchOrder, PostgresOrders, Told, Which, completed, merged

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_step(date: str = "20260303", **others: str) -> Step:
    return Step(**{"modality": "CT", "date": date, "time": "1030", **others})  # type: ignore[arg-type]


def an_order(number: str = "F1", trust: str = "RBL", **others: object) -> Order:
    values: dict[str, object] = {
        "trust": trust, "number": number, "filler": number, "accession": "A1",
        "patient": Patient(identifier="123456", birth_date="19500102", name="Smith^Jo"), "steps": (a_step(),),
        **others,
    }  # fmt: skip
    return Order(**values)  # type: ignore[arg-type]


def said(minutes: float, by: str = "m") -> Said:
    return Said(BEGAN + timedelta(minutes=minutes), by)


def placed(order: Order, minutes: float = 0) -> Told:
    return Told(order, Status.SCHEDULED, said(minutes))


TOLD = st.builds(
    Told,
    order=st.builds(an_order, description=st.sampled_from("ABC")),
    status=st.none() | st.sampled_from(Status),
    said=st.builds(said, st.integers(0, 3), st.sampled_from("xyz")),
    is_content=st.booleans(),
)


@given(told=st.lists(TOLD, min_size=1, max_size=4, unique_by=lambda each: each.said))
def test_whatever_order_messages_come_in_they_come_to_the_same_end(told: list[Told]) -> None:
    ends = set()
    for turn in itertools.permutations(told):
        kept: Kept | None = None
        for each in [*turn, turn[0]]:  # and one of them twice
            kept = merged(kept, each)
        ends.add(kept)
    assert len(ends) == 1


def test_an_order_comes_back_as_it_went_in(pool: ConnectionPool) -> None:
    order = an_order(
        codes=(Code("CHEAD", "NICIP", "CT Head"),), priority=Priority.STAT, shared_with=frozenset({"REM"}),
        study_uid="1.2.3", requested_id="RP1", accession_issuer="RBL",
        patient=Patient(identifier="1", issuer="RBL", nhs_number="9990000018"), steps=(a_step(id="S1"),),
    )  # fmt: skip

    PostgresOrders(pool).tell(placed(order), "somebody")

    found = PostgresOrders(pool).order("RBL", "F1")
    assert (found.order, found.status, found.placed_by) == (order, Status.SCHEDULED, "somebody")
    assert ORDERS.validate_json(ORDERS.dump_json(order)) == order


def test_what_is_missing_is_made_and_is_always_the_same(pool: ConnectionPool) -> None:
    orders = PostgresOrders(pool)

    order = orders.tell(placed(an_order(steps=(a_step(), a_step()))), "x").order

    assert (order.patient.issuer, order.accession_issuer, order.study_uid) == (
        "RBL",
        "RBL",
        uid_for("RBL", "F1"),
    )
    assert [step.id for step in order.steps] == ["A1.1", "A1.2"]
    assert completed(order, "RBL") == order
    assert orders.tell(placed(an_order(steps=(a_step(), a_step())), 1), "x").order == order


def test_the_same_number_of_two_trusts_is_two_orders(pool: ConnectionPool) -> None:
    orders = PostgresOrders(pool)
    for trust in ("RBL", "REM"):
        orders.tell(placed(an_order(trust=trust)), "x")
    orders.cancel("REM", "F1", said(1))

    assert orders.order("RBL", "F1").status is Status.SCHEDULED
    assert orders.order("REM", "F1").status is Status.CANCELLED
    assert [each.order.trust for each in orders.scheduled("RBL", None, None)] == ["RBL"]
    assert list(orders.scheduled("REM", None, None)) == []


def test_a_cancellation_that_overtakes_its_order_stands(pool: ConnectionPool) -> None:
    orders = PostgresOrders(pool)
    orders.tell(Told(an_order(steps=()), Status.CANCELLED, said(5), is_content=False), "x")
    orders.tell(placed(an_order(description="CT Head")), "x")

    found = orders.order("RBL", "F1")
    assert (found.status, found.order.description) == (Status.CANCELLED, "CT Head")
    assert [each.order.number for each in orders.orders("RBL", Which.ALL)] == ["F1"]
    assert orders.orders("RBL") == []


def test_the_placers_number_means_what_fills_it(pool: ConnectionPool) -> None:
    orders = PostgresOrders(pool)
    orders.tell(placed(an_order("P1", filler="", placer="P1")), "x")
    orders.tell(placed(an_order("F1", placer="P1"), 1), "x")
    orders.tell(placed(an_order("F2", placer="P1"), 1), "x")
    assert [each.order.number for each in orders.orders("RBL")] == ["F1", "F2"]

    orders.tell(
        Told(an_order("P1", filler="", placer="P1", steps=()), Status.CANCELLED, said(2), is_content=False),
        "x",
    )

    assert {each.order.number: each.status for each in orders.orders(None, Which.ALL)} == {
        "F1": Status.CANCELLED, "F2": Status.CANCELLED
    }  # fmt: skip


def test_a_worklist_shows_the_days_that_are_asked_for_and_what_is_shared(pool: ConnectionPool) -> None:
    orders = PostgresOrders(pool)
    for day in ("20260303", "20260304", "20260306"):
        shared = frozenset({"REM"}) if day == "20260304" else frozenset[str]()
        orders.tell(placed(an_order(day, steps=(a_step(day),), shared_with=shared)), "x")

    def days(trust: str, first: str | None, last: str | None) -> list[str]:
        return [each.order.number for each in orders.scheduled(trust, first, last)]

    assert days("RBL", "20260304", None) == ["20260304", "20260306"]
    assert days("RBL", "20260303", "20260304") == ["20260303", "20260304"]
    assert days("REM", None, None) == ["20260304"]


def test_what_no_worklist_could_show_is_refused() -> None:
    for wrong in ({"accession": "9" * 17}, {"study_uid": "x"}, {"number": ""}, {"description": "a\nb"}):
        with pytest.raises(BadOrder, match=next(iter(wrong))):
            an_order(**wrong)
    with pytest.raises(BadOrder, match="modality"):
        a_step(modality="")


def test_there_is_no_order_by_that_number(pool: ConnectionPool) -> None:
    with pytest.raises(NoSuchOrder):
        PostgresOrders(pool).order("RBL", "F1")
