"""Studies that bear a number which gave way to another: renamed by the merge, and back by its undoing."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.linking.corrected import apply, preview, undo
from exchange.linking.linker import look_again
from exchange.linking.merge_preview import preview_of
from exchange.linking.merging import FOLLOWER, apply_merges, follow_merges, keep_merges
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sex,
)
from exchange.people.statements import Apart, Merged, Statement
from exchange.people.telling import tell
from storage.changes import ChangeFeed, follow
from storage.files import FileObjects
from storage.purging import purge
from storage.stored import Resource
from storage.withdrawals import Withdrawals
from tests.exchange.linking.test_reviewing import MARY, RUTH, TWIN
from tests.exchange.record.test_reading import send
from tests.storage.shelf import Shelf
from tests.storage.test_withdrawals import expire

OLD, NEW, NEWEST = (Identifier(value, "RBL") for value in ("123456", "200000", "300000"))
_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def say(shelf: Shelf, *statements: Statement, minute: int) -> None:
    with shelf.pool.connection() as connection:
        for number, each in enumerate(statements):
            tell(connection, each, Said(_NOON + timedelta(minutes=minute), f"message {minute}.{number}"))


def record(number: Identifier, nhs: str = RUTH, born: str = "19710304", given: str = "Ruth") -> Record:
    of = Demographics((PersonName("O'Neill", (given,)),), born, Sex.FEMALE)
    return Record(number, of, nhs, NumberStatus.VERIFIED)


def settle(shelf: Shelf) -> None:
    """As the worker does."""
    follow_merges(shelf.pool)
    follow(ChangeFeed(shelf.pool), "merges", partial(keep_merges, shelf.pool))


def numbers(shelf: Shelf) -> list[tuple[str, str]]:
    return shelf.rows(
        "select p.issuer, p.identifier from identity d join patient p on p.id = d.patient_id"
        " join study s on s.id = d.study_id order by s.uid"
    )


def corrections(shelf: Shelf) -> int:
    count: int = shelf.one("select count(*) from correction where undone_at is null")
    return count


@pytest.mark.parametrize("merge_first", [True, False])
def test_a_study_answers_with_the_number_that_survived_and_its_own_after_the_unmerge(
    shelf: Shelf, merge_first: bool
) -> None:
    say(shelf, record(OLD), record(NEW), minute=0)
    if merge_first:
        say(shelf, Merged(OLD, NEW), minute=1)
        settle(shelf)
        send(shelf)
    else:
        send(shelf)
        settle(shelf)
        say(shelf, Merged(OLD, NEW), minute=1)

    settle(shelf)
    settle(shelf)

    assert numbers(shelf) == [("RBL", "200000")]
    assert shelf.rows("select reason, made_by from correction") == [("COERCE", FOLLOWER)]
    assert shelf.rows("select because from outbox") == [("corrected",)]
    assert shelf.rows("select study_uid, was from renaming") == [("1.2.1", "")]

    say(shelf, Merged(NEW, NEWEST), minute=2)
    settle(shelf)
    assert numbers(shelf) == [("RBL", "300000")]
    assert corrections(shelf) == 1
    say(shelf, Apart(OLD), minute=3)
    settle(shelf)
    assert numbers(shelf) == [("RBL", "123456")]
    assert corrections(shelf) == 0


def test_a_survivor_born_another_day_renames_nothing_until_that_is_mended(
    shelf: Shelf,
) -> None:
    send(shelf)
    say(shelf, record(OLD), record(NEW, born="19880101"), Merged(OLD, NEW), minute=0)
    settle(shelf)
    assert numbers(shelf) == [("RBL", "123456")]
    assert corrections(shelf) == 0

    say(shelf, record(NEW), minute=1)
    settle(shelf)

    assert numbers(shelf) == [("RBL", "200000")]


def test_the_same_number_of_another_trust_is_left_alone(shelf: Shelf) -> None:
    send(shelf)
    say(shelf, record(Identifier("123456", "REM")), record(Identifier("9", "REM")), minute=0)
    say(shelf, Merged(Identifier("123456", "REM"), Identifier("9", "REM")), minute=1)

    settle(shelf)

    assert numbers(shelf) == [("RBL", "123456")]


def test_a_correction_and_a_merge_are_undone_in_either_order(shelf: Shelf) -> None:
    """The study is corrected to Rose, whose number then gives way to another."""
    send(shelf)
    rose = [Identifier(value, "RBL") for value in ("500", "600")]
    say(shelf, record(OLD), *(record(each, TWIN, given="Rose") for each in rose), minute=0)
    with shelf.pool.connection() as connection:
        number = corrected(connection, rose[0])
    say(shelf, Merged(*rose), minute=1)
    settle(shelf)
    assert numbers(shelf) == [("RBL", "600")]

    with shelf.pool.connection() as connection:
        undo(connection, "1.2.1", number, MARY)
    assert numbers(shelf) == [("RBL", "123456")]
    assert corrections(shelf) == 0
    settle(shelf)
    assert numbers(shelf) == [("RBL", "123456")]

    with shelf.pool.connection() as connection:
        number = corrected(connection, rose[0])
        assert not apply_merges(connection, "1.2.1")
    assert numbers(shelf) == [("RBL", "600")]  # by the number that she has now
    say(shelf, Apart(rose[0]), minute=2)
    with shelf.pool.connection() as connection:
        undo(connection, "1.2.1", number, MARY)
    settle(shelf)
    assert numbers(shelf) == [("RBL", "123456")]
    assert corrections(shelf) == 0


def corrected(connection: Connection[object], number: Identifier) -> int:
    person = person_known_as(connection, number)
    assert person is not None
    return apply(connection, "1.2.1", person.id, preview(connection, "1.2.1", person.id).token, MARY)


def test_a_preview_says_what_moves_and_changes_nothing(shelf: Shelf) -> None:
    send(shelf)
    say(shelf, record(OLD), record(NEW, TWIN), minute=0)
    with shelf.pool.connection() as connection:
        look_again(connection, ["1.2.1"])
        assert preview_of(connection, Apart(OLD)) == []

        (moved,) = preview_of(connection, Merged(OLD, NEW))

        assert (moved.before.numbers, moved.after.numbers) == ((OLD,), (NEW,))
        assert (moved.before.person, moved.after.person) == (Identifier.nhs(RUTH), Identifier.nhs(TWIN))
    assert numbers(shelf) == [("RBL", "123456")]
    assert shelf.rows("select from person_statement") == []
    assert corrections(shelf) == 0


def test_a_purge_takes_what_was_corrected_along(shelf: Shelf) -> None:
    send(shelf)
    say(shelf, record(OLD), record(NEW), Merged(OLD, NEW), minute=0)
    settle(shelf)
    with shelf.pool.connection() as connection:
        corrected(connection, NEW)
    withdrawals = Withdrawals(shelf.pool, shelf.objects)
    withdrawals.approve(withdrawals.ask(Resource("1.2.1"), "the wrong patient", "ann").id, "bob")
    expire(shelf)

    assert purge(shelf.objects, shelf.pool).objects == 1

    assert shelf.rows("select from study") == []
    assert shelf.rows("select from identity_correction") == []
