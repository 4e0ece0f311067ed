"""What a person sees of deliveries, and may do."""

from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.decisions import NotTheirs
from exchange.deliveries import CANCEL, REPLAY, DeliveryDesk, Priority, State
from storage.errors import NotHeld


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database, min_size=1, max_size=8, timeout=60) as pool:
        yield pool


def make(pool: ConnectionPool, state: State, study: str = "1.2.3") -> int:
    number = PostgresDeliveries(pool).order(study, "PACS", because="rule all")
    with pool.connection() as connection:
        connection.execute(
            "update delivery set state = %s, tries = 7, last_error = 'it failed' where id = %s",
            (state.value, number),
        )
    return number


def test_dead_letters_come_first(pool: ConnectionPool) -> None:
    make(pool, State.WAITING, "1.1")
    dead = make(pool, State.DEAD, "1.2")
    make(pool, State.DELIVERED, "1.3")

    found = DeliveryDesk(pool).deliveries()

    assert [each.state for each in found] == [State.DEAD, State.WAITING]
    assert found[0].id == dead
    assert found[0].last_error == "it failed"
    assert found[0].priority is Priority.MEDIUM


@pytest.mark.parametrize("state", State)
def test_replayed_it_is_tried_anew_and_who_did_so_is_kept(pool: ConnectionPool, state: State) -> None:
    number = make(pool, state)
    desk = DeliveryDesk(pool)

    if state not in REPLAY.states:
        with pytest.raises(NotTheirs, match=state.value):
            desk.replay(number, "ann")
        return
    assert desk.replay(number, "ann") == "PACS"
    found, decided = desk.delivery(number)
    assert (found.state, found.tries) == (State.WAITING, 0)
    assert [(each.decided_by, each.decision) for each in decided] == [("ann", "replay")]


@pytest.mark.parametrize("state", State)
def test_cancelled_it_is_tried_no_more(pool: ConnectionPool, state: State) -> None:
    number = make(pool, state)
    desk = DeliveryDesk(pool)

    if state not in CANCEL.states:
        with pytest.raises(NotTheirs):
            desk.cancel(number, "ann")
        return
    desk.cancel(number, "ann")
    assert desk.delivery(number)[0].state is State.CANCELLED


def test_one_that_is_not_there(pool: ConnectionPool) -> None:
    with pytest.raises(NotHeld):
        DeliveryDesk(pool).replay(1, "ann")
