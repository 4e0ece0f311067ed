"""Studies tied to orders in the archive: what they take, what is in doubt, what is given back."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from exchange.order import Order, Patient, Said, Status, Step
from exchange.orders import PostgresOrders, Told
from exchange.performed import PostgresPerformed, State
from exchange.performed import Said as SaidOfStep
from exchange.ties import NoSuchTie, PostgresTies, TieState, consider, consider_new_orders
from storage.changes import ChangeFeed, follow
from storage.files import FileObjects
from tests.storage.shelf import Shelf, origin


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def send(shelf: Shelf, study: str, trust: str = "RBL", number: int = 1, **others: Any) -> None:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"{study}.1.{number}"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = study, f"{study}.1", "CT"
    made.PatientID, made.PatientName, made.PatientBirthDate = "123", "Smith^Jo", "19500102"
    made.AccessionNumber = "A1"
    for keyword, value in others.items():
        setattr(made, keyword, value)
    shelf.send(made, origin=origin(trust))


def place(shelf: Shelf, trust: str = "RBL", number: str = "F1", **others: Any) -> None:
    values: dict[str, Any] = {
        "trust": trust, "number": number, "accession": "A1", "study_uid": "1.2.1", "description": "CT Head",
        "patient": Patient(identifier="123", birth_date="19500102"), "referring": "Grey^Meg",
        "steps": (Step(modality="CT", date="20260303", time="10"),), **others,
    }  # fmt: skip
    told = Told(Order(**values), Status.SCHEDULED, Said(datetime.now(UTC), "x"))
    PostgresOrders(shelf.pool).tell(told, "x")


def settle(shelf: Shelf) -> None:
    """As the worker does."""
    follow(ChangeFeed(shelf.pool), "orders", partial(consider, shelf.pool))
    while consider_new_orders(shelf.pool):
        pass
    follow(ChangeFeed(shelf.pool), "orders", partial(consider, shelf.pool))


def states(shelf: Shelf) -> list[tuple[Any, ...]]:
    return shelf.rows(
        "select o.trust, t.study_uid, t.state from order_tie t join imaging_order o on o.id = t.order_id"
        " order by t.id"
    )


def columns(shelf: Shelf) -> list[tuple[Any, ...]]:
    return shelf.rows(
        "select uid, accession, accession_issuer, description, referring from study order by uid"
    )


@pytest.mark.parametrize("order_first", [True, False])
def test_a_study_takes_what_its_order_knows_and_gives_it_back(shelf: Shelf, order_first: bool) -> None:
    if order_first:
        place(shelf)
        send(shelf, "1.2.1", AccessionNumber="")
    else:
        send(shelf, "1.2.1", AccessionNumber="")
        place(shelf)
    before = columns(shelf)

    settle(shelf)
    settle(shelf)

    assert states(shelf) == [("RBL", "1.2.1", "tied")]
    assert columns(shelf) == [("1.2.1", "A1", "RBL", "CT Head", "grey^meg")]
    assert shelf.rows("select reason, made_by from correction") == [("COERCE", "imx orders")]
    [tie] = PostgresTies(shelf.pool).of_study("1.2.1")
    PostgresTies(shelf.pool).untie(tie.id, "somebody")
    settle(shelf)
    assert columns(shelf) == before
    assert states(shelf) == [("RBL", "1.2.1", "untied")]
    heard = shelf.rows("select study_uid, because from outbox order by id")
    assert heard == [("1.2.1", "order")] * 2, "the record hears of both: its manifest names the order"


def test_the_same_accession_of_another_trust_is_never_tied(shelf: Shelf) -> None:
    place(shelf, "RBL", study_uid="1.2.8")
    send(shelf, "1.2.1", "RBL")
    send(shelf, "1.2.2", "REM")

    settle(shelf)

    assert states(shelf) == [("RBL", "1.2.1", "tied")]


def test_what_is_in_doubt_waits_for_a_person(shelf: Shelf) -> None:
    place(shelf)
    send(shelf, "1.2.1", PatientBirthDate="19500201")
    send(shelf, "1.2.2", PatientID="999")
    settle(shelf)
    settle(shelf)

    ties = PostgresTies(shelf.pool)
    first, second = ties.in_doubt()
    assert (first.state, first.study_uid, "birth date" in first.because) == (TieState.DOUBT, "1.2.1", True)
    ties.tie(first.id, "somebody")
    ties.dismiss(second.id, "somebody")
    settle(shelf)
    assert states(shelf) == [("RBL", "1.2.1", "tied"), ("RBL", "1.2.2", "dismissed")]
    assert shelf.rows("select made_by from correction") == [("somebody",)]
    for act in (ties.tie, ties.dismiss):
        with pytest.raises(NoSuchTie):
            act(first.id, "somebody")
    with pytest.raises(NoSuchTie):
        ties.untie(second.id, "somebody")


def test_a_doubt_that_a_later_message_resolves_is_gone(shelf: Shelf) -> None:
    place(shelf, patient=Patient(identifier="123"))
    send(shelf, "1.2.1")
    settle(shelf)
    assert states(shelf) == [("RBL", "1.2.1", "doubt")]

    place(shelf)
    settle(shelf)

    assert states(shelf) == [("RBL", "1.2.1", "tied")]


def test_an_incorrect_worklist_entry_unties_the_study_too(shelf: Shelf) -> None:
    place(shelf)
    performed = PostgresPerformed(shelf.pool)
    said = SaidOfStep(frozenset({"1.2.1"}), frozenset(), frozenset(), "123", "RBL", "19500102")
    assert performed.create("1.7", "RBL", "CT1", {}, said).order_id is not None
    send(shelf, "1.2.1", AccessionNumber="")
    before = columns(shelf)
    settle(shelf)

    performed.change("1.7", "RBL", {}, State.DISCONTINUED, "110514")
    settle(shelf)

    assert states(shelf) == [("RBL", "1.2.1", "untied")]
    assert columns(shelf) == before
    assert PostgresOrders(shelf.pool).order("RBL", "F1").status is Status.SCHEDULED
