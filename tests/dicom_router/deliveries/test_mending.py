"""Copies that bear wrong names: listed, sent again where that is wanted, right once they are taken."""

from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.mending import Mending
from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.linking.copies import (
    NoSuchCopy,
    naming_of,
    note_renaming,
    settle,
    still_wrong,
    want_again,
)
from exchange.linking.renaming import rename, take_back
from storage.correcting import NewCorrection, Reason
from tests.dicom_router.region import Region

STUDY = "1.2.7"


@pytest.fixture
def held(region: Region) -> Region:
    """A study that WS1 takes again, and WS2 does not, and that both have."""
    region.send(STUDY)
    with region.shelf.pool.connection() as connection:
        for name, on_correction in (("WS1", "resend"), ("WS2", "list")):
            connection.execute(
                "insert into destination (name, kind, address, trust, is_asked, on_correction)"
                " values (%s, 'dimse', %s, 'RBL', false, %s)",
                (name, name, on_correction),
            )
    for name in ("WS1", "WS2"):
        PostgresDeliveries(region.shelf.pool).order(STUDY, name, because="a rule")
        deliver(region, name)
    return region


def deliver(region: Region, destination: str) -> None:
    """As the worker does: all of it is taken."""
    with region.shelf.pool.connection() as connection:
        connection.execute(
            "insert into forwarded (delivery_id, instance_id, object_id) select d.id, n.id, n.object_id"
            " from delivery d, instance n where d.destination = %s and d.state = 'waiting'",
            (destination,),
        )
        connection.execute(
            "update delivery set state = 'delivered', ended_at = now()"
            " where destination = %s and state = 'waiting'",
            (destination,),
        )


def correct(pool: ConnectionPool, name: str) -> int:
    with pool.connection() as connection:
        was = naming_of(connection, STUDY)
        attributes: dict[str, Any] = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]}}
        number = rename(connection, NewCorrection(STUDY, attributes, Reason.CORRECT, "mary"), None)
        note_renaming(connection, STUDY, was)
    return number


def undo(pool: ConnectionPool, number: int) -> None:
    with pool.connection() as connection:
        was = naming_of(connection, STUDY)
        take_back(connection, number, "mary")
        note_renaming(connection, STUDY, was)


def wrong(region: Region) -> list[tuple[str, str | None]]:
    with region.shelf.pool.connection() as connection:
        return [(each.destination, each.delivery_state) for each in still_wrong(connection)]


def test_who_takes_it_again_is_sent_it_and_the_others_are_listed(held: Region) -> None:
    pool = held.shelf.pool
    mending = Mending(pool, PostgresDeliveries(pool))
    assert mending.run() == 0

    correct(pool, "Right^Name")
    assert mending.run() == 1
    assert mending.run() == 0

    assert wrong(held) == [("WS1", "waiting"), ("WS2", None)]
    sent = held.deliveries()[-1]
    assert (sent["destination"], sent["round"], sent["priority"]) == ("WS1", 2, "high")
    assert "corrected" in sent["because"]
    deliver(held, "WS1")
    mending.run()
    assert wrong(held) == [("WS2", None)]
    with pool.connection() as connection:
        want_again(connection, STUDY, "WS2", "mary")
        with pytest.raises(NoSuchCopy):
            want_again(connection, STUDY, "WS1", "mary")
    assert mending.run() == 1
    deliver(held, "WS2")
    mending.run()
    assert wrong(held) == []


def test_undone_a_copy_that_was_never_sent_again_is_right(held: Region) -> None:
    pool = held.shelf.pool
    mending = Mending(pool, PostgresDeliveries(pool))
    number = correct(pool, "Right^Name")
    mending.run()
    deliver(held, "WS1")
    mending.run()

    undo(pool, number)
    mending.run()

    assert wrong(held) == [("WS1", "waiting")]  # it took what was wrong then; WS2 has what was sent first
    deliver(held, "WS1")
    mending.run()
    assert wrong(held) == []


def test_a_step_that_is_cut_orders_the_same_round_again(held: Region) -> None:
    pool = held.shelf.pool
    mending = Mending(pool, PostgresDeliveries(pool))
    correct(pool, "Right^Name")
    mending.run()
    with pool.connection() as connection:
        connection.execute("update renamed_copy set delivery_id = null where destination = 'WS1'")

    assert mending.run() == 1

    assert [each["round"] for each in held.deliveries() if each["destination"] == "WS1"] == [1, 2]


def test_somebody_sees_to_it_there(held: Region) -> None:
    pool = held.shelf.pool
    correct(pool, "Right^Name")
    Mending(pool, PostgresDeliveries(pool)).run()

    with pool.connection() as connection:
        settle(connection, STUDY, "WS2", "mary", "deleted by hand")

    assert wrong(held) == [("WS1", "waiting")]
    assert held.shelf.rows("select settled_by, because from renamed_copy where destination = 'WS2'") == [
        ("mary", "deleted by hand")
    ]


def test_what_was_on_its_way_when_the_names_changed_back_is_sent_again(held: Region) -> None:
    pool = held.shelf.pool
    mending = Mending(pool, PostgresDeliveries(pool))
    number = correct(pool, "Right^Name")
    mending.run()
    with pool.connection() as connection:
        connection.execute("update delivery set state = 'sending' where round = 2")

    undo(pool, number)
    mending.run()

    assert wrong(held) == [("WS1", "waiting")]  # in a third round: the second may bear either
    assert [each["round"] for each in held.deliveries() if each["destination"] == "WS1"] == [1, 2, 3]
    with pool.connection() as connection:
        connection.execute("update delivery set state = 'delivered' where round = 2")
    mending.run()
    assert wrong(held) == [("WS1", "waiting")]
    deliver(held, "WS1")
    mending.run()
    assert wrong(held) == []


def test_a_part_that_bears_other_names_is_wrong_though_all_was_right_before(held: Region) -> None:
    pool = held.shelf.pool
    mending = Mending(pool, PostgresDeliveries(pool))
    held.send(STUDY)
    PostgresDeliveries(pool).order(STUDY, "WS1", because="a rule")
    deliver_part(held)
    number = correct(pool, "Right^Name")
    mending.run()
    deliver_part(held, round=2)
    undo(pool, number)

    mending.run()

    assert ("WS1", "waiting") in wrong(held)


def deliver_part(region: Region, round: int = 1) -> None:
    """One instance of the study is taken, and the delivery waits for its next try."""
    with region.shelf.pool.connection() as connection:
        connection.execute(
            "insert into forwarded (delivery_id, instance_id, object_id) select d.id, n.id, n.object_id"
            " from delivery d, (select * from instance order by id limit 1) n where d.destination = 'WS1'"
            " and d.round = %s on conflict do nothing",
            (round,),
        )
