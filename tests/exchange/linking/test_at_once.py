"""Linkers, feeds and people at one study at one moment: one of them is first, and nothing is torn."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Thread
from uuid import UUID

import pytest
from psycopg_pool import ConnectionPool

from exchange.linking.desk import LinkDesk
from exchange.linking.link import LinkState
from exchange.linking.linker import link_studies
from exchange.linking.links import link_of
from exchange.linking.reconsidering import reconsider
from exchange.linking.reviewing import DecidedMeanwhile
from exchange.linking.reviews import Decider, NoSuchReview
from exchange.people.directory import person_known_as
from exchange.people.person import Identifier, NumberStatus, Record
from exchange.people.statements import BadStatement, Merged, Statement
from exchange.people.telling import tell
from storage.changes import ChangeFeed, follow
from storage.errors import Contended
from storage.files import FileObjects
from tests.exchange.invariants import broken
from tests.exchange.linking.test_linker import JANE, traced
from tests.exchange.people.test_directory import said
from tests.exchange.people.test_telling import at_once, everything
from tests.exchange.record.test_reading import send
from tests.storage.shelf import Shelf

RUTH, TWIN = Identifier.nhs("9990000018"), Identifier.nhs("9990000026")
LOCALS = [Identifier(str(number), "RBL") for number in range(51)]


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def told(pool: ConnectionPool, *statements: Statement) -> None:
    for each in statements:
        with pool.connection() as connection:
            tell(connection, each, said())


def together(*acts: Callable[[], object]) -> list[BaseException]:
    """All begin at one moment; what they raised. Whom a deadlock chose tries again, as the worker does."""
    start, raised = Barrier(len(acts)), list[BaseException]()

    def run(act: Callable[[], object]) -> None:
        start.wait(60)
        while True:
            try:
                act()
            except Contended:
                continue
            except BaseException as error:
                raised.append(error)
            return

    threads = [Thread(target=run, args=(each,)) for each in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return raised


def settle(pool: ConnectionPool) -> None:
    follow(ChangeFeed(pool), "linking", partial(link_studies, pool))
    reconsider(pool)


def uid_of(pool: ConnectionPool, number: Identifier) -> UUID:
    with pool.connection() as connection:
        found = person_known_as(connection, number)
    assert found is not None
    return found.uid


def check(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        assert broken(connection) == []
        rows, _ = everything(connection)
        assert {(row[0], row[1]): (row[7], row[8]) for row in rows} == at_once(connection)


def people(pool: ConnectionPool) -> Sequence[UUID]:
    """Two who may be meant."""
    told(pool, *(Record(each, JANE, each.value, NumberStatus.VERIFIED) for each in (RUTH, TWIN)))
    return [uid_of(pool, each) for each in (RUTH, TWIN)]


def test_of_two_people_who_decide_one_case_one_is_told_to_look_again(shelf: Shelf) -> None:
    send(shelf)
    ruth, twin = people(shelf.pool)
    settle(shelf.pool)
    desk = LinkDesk(shelf.pool)
    seen = desk.case("1.2.1", None).seen

    raised = together(
        *(partial(desk.link, "1.2.1", who, seen, Decider(name, "", "by telephone"))
          for name in ("mary", "john") for who in (ruth, twin))
    )  # fmt: skip

    assert [type(each) for each in raised] == [DecidedMeanwhile] * 3
    [only] = desk.case("1.2.1", None).reviews
    check(shelf.pool)
    raised = together(*(partial(desk.undo, "1.2.1", only.id, Decider("ann", "", "wrong")) for _ in range(3)))
    assert [type(each) for each in raised] == [NoSuchReview] * 2
    check(shelf.pool)


def test_linkers_a_feed_and_a_person_at_once_leave_what_follows_from_all(shelf: Shelf) -> None:
    for number in range(6):
        send(shelf, f"1.2.{number + 1}")
    _, twin = people(shelf.pool)
    settle(shelf.pool)
    desk = LinkDesk(shelf.pool)

    def decide() -> None:
        for number in range(6):
            study = f"1.2.{number + 1}"
            try:
                made = desk.link(
                    study, twin, desk.case(study, None).seen, Decider("mary", "", "by telephone")
                )
                if number % 2:
                    desk.undo(study, made, Decider("mary", "", "it was not"))
            except DecidedMeanwhile:
                pass  # she looks again

    def feed() -> None:
        for number in LOCALS[:6]:
            told(
                shelf.pool, traced(number), Merged(number, LOCALS[7]), Merged(TWIN, RUTH), Merged(RUTH, TWIN)
            )

    linkers = [partial(settle, shelf.pool)] * 2
    assert together(decide, feed, *linkers) == []

    settle(shelf.pool)
    check(shelf.pool)
    with shelf.pool.connection() as connection:
        for number in range(6):
            link = link_of(connection, f"1.2.{number + 1}")
            assert link is not None
            assert link.is_by_hand == (link.decided.state is LinkState.LINKED and link.by == "mary")


def test_a_chain_of_fifty_merges_is_one_person_whoever_says_it_and_turned_round_it_is_no_ring(
    pool: ConnectionPool,
) -> None:
    chain = [Merged(one, into) for one, into in pairwise(LOCALS)]
    told(pool, traced(LOCALS[-1]))
    assert together(partial(told, pool, *chain[::2]), partial(told, pool, *chain[1::2])) == []
    check(pool)
    assert len({uid_of(pool, each) for each in (*LOCALS, RUTH)}) == 1

    back = [Merged(into, one) for one, into in pairwise(LOCALS)]
    assert together(partial(told, pool, *back), partial(told, pool, *chain)) == []
    check(pool)
    with pytest.raises(BadStatement):
        Merged(LOCALS[0], LOCALS[0])
