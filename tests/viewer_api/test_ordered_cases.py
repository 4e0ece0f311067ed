"""The case that an order makes, by whatever number a barcode holds."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from exchange.order import Code, Order, Patient, Said, Status, Step, uid_for
from exchange.orders import PostgresOrders, Told
from exchange.registry import PostgresRegistry, Trust
from ologies.case import Sex
from ologies.errors import BadCase
from viewer_api.ordered_cases import case_of_order, ordered_case

PATIENT = Patient(
    identifier="123", name="CLARK^ADA^M=x", birth_date="19530508", sex="F", nhs_number="9990000018"
)
NOW = datetime(2026, 3, 3, 10, tzinfo=UTC)


@pytest.fixture
def orders(database: str) -> Iterator[PostgresOrders]:
    """The register of two trusts."""
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        for code in ("RBT", "REM"):
            PostgresRegistry(pool).add_trust(Trust(ods_code=code, name=code, issuer=code))
        yield PostgresOrders(pool)


def place(orders: PostgresOrders, status: Status = Status.SCHEDULED, **more: Any) -> Order:
    said: dict[str, Any] = {
        "trust": "RBT", "number": "F1", "filler": "F1", "placer": "P1", "accession": "A1", "patient": PATIENT,
        "admission": "V1", "description": "Skin biopsy", "reason": "Changing mole", "requesting": "GREY^MEG",
        "department": "Dermatology", "specimens": ("S26-1 A1", "S26-1"),
        "body_site": Code("40983000", "SCT", "Upper arm"),
        "steps": (Step(modality="SM", date="20260303", time="0900"),),
    }  # fmt: skip
    return orders.tell(Told(Order(**(said | more)), status, Said(NOW, "x")), "a test").order


@pytest.mark.parametrize("barcode", ["A1", "F1", "P1", "S26-1 A1"])
@pytest.mark.parametrize("issuer", ["", "RBT"])
def test_any_of_its_numbers_finds_an_order(orders: PostgresOrders, barcode: str, issuer: str) -> None:
    place(orders)
    case = ordered_case(orders, barcode, issuer)

    person, encounter = case.person, case.encounter
    assert person.identifiers() == (("123", "RBT"), ("9990000018", "NHS"))
    assert person.name is not None
    assert (person.name.as_pn(), person.birth_date, person.sex) == ("CLARK^ADA", date(1953, 5, 8), Sex.FEMALE)
    assert (encounter.accession, encounter.number, encounter.issuer) == ("A1", "V1", "RBT")
    assert encounter.study_uid == uid_for("RBT", "F1")
    assert encounter.requested_by is not None
    assert encounter.requested_by.as_pn() == "GREY^MEG"
    assert (encounter.requesting_department, encounter.reason) == ("Dermatology", "Changing mole")
    assert encounter.at is None, "when it is scheduled is not when it was made"
    assert case.body_site is not None
    assert case.body_site.value == "40983000"
    assert case.specimen.container == (barcode if barcode.startswith("S26") else None)


def test_what_is_not_one_order_is_one_sentence(orders: PostgresOrders) -> None:
    place(orders)
    place(orders, trust="REM")
    with pytest.raises(BadCase, match="several orders"):
        ordered_case(orders, "A1")
    assert ordered_case(orders, "A1", "REM").encounter.issuer == "REM"
    with pytest.raises(BadCase, match="no order is known"):
        ordered_case(orders, "A1", "RBN")
    place(orders, Status.CANCELLED, trust="REM", number="F2", filler="F2", placer="", accession="A2")
    with pytest.raises(BadCase, match="the order is cancelled"):
        ordered_case(orders, "A2")


def test_an_order_that_a_study_answers_leads_to_that_study(orders: PostgresOrders) -> None:
    place(orders)
    with orders.pool.connection() as connection:
        connection.execute(
            "insert into order_tie (order_id, study_uid, state, because)"
            " select id, '1.2.3', 'tied', 'a test' from imaging_order"
        )
    assert ordered_case(orders, "A1").encounter.study_uid == "1.2.3"


def test_another_trusts_accession_number_says_nothing_of_the_visit(orders: PostgresOrders) -> None:
    encounter = case_of_order(place(orders, accession_issuer="REM")).encounter
    assert (encounter.accession, encounter.number, encounter.issuer) == ("A1", None, "REM")


def test_a_patient_by_nhs_number_alone_and_an_order_that_says_little(orders: PostgresOrders) -> None:
    patient = Patient(identifier="9990000018", issuer="NHS")
    bare = place(
        orders, patient=patient, accession="", admission="", requesting="", body_site=None, reason=""
    )
    case = case_of_order(bare)
    assert case.person.identifiers() == (("9990000018", "NHS"),)
    assert case.person.name is None
