"""The custody ledger: every instance of a day stands in it, and nowhere twice."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.ledger import BadList, Ledger, Line, uids_of
from storage.files import FileObjects
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    with ConnectionPool(database, min_size=1, max_size=8, timeout=60) as pool:
        yield Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def today(shelf: Shelf) -> date:
    found: date = shelf.one("select now()::date")
    return found


def forward(shelf: Shelf, study_uid: str, destination: str, *uids: str) -> None:
    """Ordered, and taken as far as said."""
    number = PostgresDeliveries(shelf.pool).order(study_uid, destination, because="test")
    with shelf.pool.connection() as connection:
        connection.execute(
            "insert into forwarded (delivery_id, instance_id, object_id)"
            " select %s, id, object_id from instance where uid = any(%s)",
            (number, list(uids)),
        )


def test_a_day_of_a_peer(shelf: Shelf) -> None:
    both, waiting, alone = instance(), instance(), instance()
    for each in (both, waiting, alone, alone):
        shelf.send(each)
    shelf.send(instance(), origin=origin(peer="MR1"))
    other = instance(SOPInstanceUID=alone.SOPInstanceUID, PatientName="Someone^Else")
    shelf.send(other)
    forward(shelf, both.StudyInstanceUID, "A", both.SOPInstanceUID)
    forward(shelf, both.StudyInstanceUID, "B", both.SOPInstanceUID)
    forward(shelf, waiting.StudyInstanceUID, "A", waiting.SOPInstanceUID)
    forward(shelf, waiting.StudyInstanceUID, "B")

    found = {line.peer: line for line in Ledger(shelf.pool).lines(today(shelf))}

    assert set(found) == {"CT1", "MR1"}
    assert found["CT1"] == Line(
        day=today(shelf), trust="RBN", peer="CT1", attempts=5, refused=0, kept=3, already_kept=1,
        quarantined=1, committed=0, forwarded=1, under_way=1, dead=0,
    )  # fmt: skip
    assert Ledger(shelf.pool).lines(today(shelf), "NOBODY") == []
    assert Ledger(shelf.pool).lines(date(2020, 1, 1)) == []


def test_what_a_modality_sent_and_where_it_is(shelf: Shelf) -> None:
    kept, aside = instance(), instance()
    shelf.send(kept)
    shelf.send(aside, chunks=[b"not a data set"])
    forward(shelf, kept.StudyInstanceUID, "A", kept.SOPInstanceUID)
    forward(shelf, kept.StudyInstanceUID, "B")

    found = list(Ledger(shelf.pool).against([kept.SOPInstanceUID, "1.2.3", aside.SOPInstanceUID]))

    assert [each.state for each in found] == ["kept", "missing", "quarantined"]
    assert [each.is_safe for each in found] == [True, False, False]
    assert (found[0].taken_by, found[0].awaited_by) == (("A",), ("B",))
    assert found[1].because == "it never reached us"
    assert found[2].because.startswith("unreadable")
    assert found[2].last_sent_at is not None
    assert found[2].last_sent_at <= datetime.now(UTC)


def test_committed_is_what_we_answered_for(shelf: Shelf) -> None:
    kept = instance()
    shelf.send(kept)
    with shelf.pool.connection() as connection:
        connection.execute(
            "with asked as (insert into commitment (transaction_uid, peer_id, peer, trust, called,"
            " on_association, waits_until) values ('1.2', 0, 'CT1', 'RBN', 'IMX', false, now()) returning id)"
            " insert into commitment_instance (commitment_id, place, sop_class, uid, reason)"
            " select id, 0, '1.2', %s, 0 from asked",
            (str(kept.SOPInstanceUID),),
        )

    [line] = Ledger(shelf.pool).lines(today(shelf))
    [where] = Ledger(shelf.pool).against([str(kept.SOPInstanceUID)])

    assert line.committed == 1
    assert where.is_committed


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3\n1.2.4\n",
        "\n 1.2.3 \n1.2.4\n1.2.3\n",
        "Patient,SOP Instance UID\nx,1.2.3\ny,1.2.4\n",
        '"SOPInstanceUID";x\n'.replace(";", ",") + "1.2.3,a\n1.2.4,b\n",
        "file,what\na.dcm,1.2.3\nb.dcm,1.2.4\n",
    ],
)
def test_a_list_is_read_as_people_write_it(text: str) -> None:
    assert uids_of(text.splitlines()) == ["1.2.3", "1.2.4"]


@pytest.mark.parametrize("text", ["", "\n\n", "a\nb\nc\n", "1.2.3\nnot one\n"])
def test_a_list_without_uids_is_refused(text: str) -> None:
    with pytest.raises(BadList):
        uids_of(text.splitlines())


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        found = uids_of(text.splitlines())
    except BadList:
        return
    assert found
