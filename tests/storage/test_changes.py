import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import Postgres, start
from storage.changes import BEGINNING, Change, ChangeFeed, ChangeKind, Place, follow
from storage.errors import IndexUnavailable
from storage.migrations import migrate
from tests.storage.material import instance
from tests.storage.shelf import Shelf

_INSERT = "insert into change (epoch, kind, study_uid) select epoch, 'kept', %s from feed"


@pytest.fixture
def feed(database: str) -> Iterator[ChangeFeed]:
    with ConnectionPool(database, min_size=1, max_size=12) as pool:
        yield ChangeFeed(pool)


def write(connection: psycopg.Connection, study_uid: str) -> None:
    connection.execute(_INSERT, (study_uid,))


def seen(feed: ChangeFeed, place: Place = BEGINNING) -> list[str]:
    return [change.study_uid for change in feed.after(place)]


def test_what_is_kept_is_told_in_order(shelf: Shelf) -> None:
    made = [instance() for _ in range(3)]
    for each in made:
        shelf.send(each)
    changes = list(ChangeFeed(shelf.pool).after(BEGINNING))

    assert [change.instance_uid for change in changes] == [each.SOPInstanceUID for each in made]
    assert {change.kind for change in changes} == {ChangeKind.KEPT}
    assert [change.place for change in changes] == sorted(change.place for change in changes)


def test_every_kind_is_one_that_the_table_takes(feed: ChangeFeed) -> None:
    with feed.pool.connection() as connection:
        for kind in ChangeKind:
            connection.execute(
                "insert into change (epoch, kind, study_uid) select epoch, %s, '1' from feed", (kind.value,)
            )

    assert {change.kind for change in feed.after(BEGINNING)} == set(ChangeKind)


def test_more_than_a_page_is_told_in_full(feed: ChangeFeed) -> None:
    with feed.pool.connection() as connection:
        for number in range(1203):
            write(connection, str(number))

    assert seen(feed) == [str(number) for number in range(1203)]


def test_a_change_waits_for_an_older_transaction(feed: ChangeFeed, database: str) -> None:
    with psycopg.connect(database) as older, psycopg.connect(database) as younger:
        write(older, "older, first")
        write(younger, "younger")
        younger.commit()
        assert seen(feed) == []
        assert feed.held_up_for() > timedelta(0)
        write(older, "older, second")
        older.commit()

        assert seen(feed) == ["older, first", "older, second", "younger"]
        assert feed.held_up_for() == timedelta(0)


def test_a_transaction_that_never_commits_holds_up_and_then_leaves_nothing(
    feed: ChangeFeed, database: str
) -> None:
    with psycopg.connect(database) as stuck, psycopg.connect(database, autocommit=True) as other:
        write(stuck, "never")
        write(other, "told")
        time.sleep(0.3)
        assert feed.held_up_for() > timedelta(seconds=0.2)
        stuck.rollback()

        assert seen(feed) == ["told"]


def test_eight_writers_that_hold_transactions_open_hide_nothing(feed: ChangeFeed, database: str) -> None:
    """A follower that looks all the time sees every change once, in one order, whoever dawdles."""
    each_writes = 40

    def writer(number: int) -> None:
        chance = random.Random(number)
        with psycopg.connect(database) as connection:
            for round_ in range(each_writes):
                write(connection, f"{number}.{round_}")
                time.sleep(chance.random() * 0.02)
                if chance.random() < 0.3:
                    write(connection, f"{number}.{round_}.again")
                if chance.random() < 0.1:
                    connection.rollback()
                connection.commit()

    told: list[Change] = []
    with ThreadPoolExecutor(9) as threads:
        writers = [threads.submit(writer, number) for number in range(8)]
        while not all(each.done() for each in writers):
            told += feed.after(told[-1].place if told else BEGINNING)
        for each in writers:
            each.result()
    told += feed.after(told[-1].place if told else BEGINNING)

    with feed.pool.connection() as connection:
        rows = connection.execute("select study_uid from change order by epoch, tx, number").fetchall()
    assert [change.study_uid for change in told] == [uid for (uid,) in rows]
    assert len(told) == len({change.place for change in told}) > 8 * each_writes * 0.7


def test_a_follower_goes_on_where_it_stood(feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.changes._PAGE", 2)
    with feed.pool.connection() as connection:
        for number in range(5):
            write(connection, str(number))
    acted: list[str] = []

    def act(page: Sequence[Change]) -> None:
        for change in page:
            if change.study_uid == "3" and "3 failed" not in acted:
                acted.append("3 failed")
                raise RuntimeError
            acted.append(change.study_uid)

    with pytest.raises(RuntimeError):
        follow(feed, "linker", act)
    assert follow(feed, "linker", act) == 3
    assert follow(feed, "linker", act) == 0
    assert acted == ["0", "1", "2", "3 failed", "2", "3", "4"], "a page is acted on again, from its start"
    assert feed.place_of("linker") > BEGINNING
    assert feed.place_of("another") == BEGINNING


def test_places_sort_as_the_feed_does() -> None:
    assert sorted([Place(2, 1, 1), Place(1, 9, 9), Place(1, 2, 10), Place(1, 2, 9)]) == [
        Place(1, 2, 9), Place(1, 2, 10), Place(1, 9, 9), Place(2, 1, 1),
    ]  # fmt: skip


def test_a_database_that_is_away_is_unavailable() -> None:
    nobody = "host=127.0.0.1 port=1 connect_timeout=1"
    with ConnectionPool(nobody, min_size=0, max_size=1, timeout=0.2) as pool:
        feed = ChangeFeed(pool)
        for ask in (lambda: seen(feed), feed.held_up_for, lambda: feed.place_of("x")):
            with pytest.raises(IndexUnavailable):
                ask()


# Dump and restore -------------------------------------------------------------------------------


@pytest.fixture
def other_postgres(postgres_folder: Path) -> Iterator[Postgres]:
    """Another cluster, whose transaction numbers begin anew."""
    folder = postgres_folder / "other"
    folder.mkdir(mode=0o711)
    running = start(cluster_in(folder, find_binaries(), None), overrides={"fsync": "off"})
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop(patience_s=5)


def test_after_a_restore_into_another_cluster_a_follower_misses_nothing(
    shelf: Shelf, database: str, other_postgres: Postgres, tmp_path: Path
) -> None:
    before = [instance() for _ in range(3)]
    feed = ChangeFeed(shelf.pool)
    for each in before:
        shelf.send(each)
    first = next(iter(feed.after(BEGINNING)))
    feed.move("linker", first.place)

    restored = move(database, other_postgres, tmp_path / "dump")
    migrate(restored)
    with ConnectionPool(restored, min_size=1, max_size=4) as pool:
        there = Shelf(pool, shelf.store)
        feed = ChangeFeed(pool)
        fresh = instance()
        there.send(fresh)
        told = list(feed.after(feed.place_of("linker")))

        assert [change.instance_uid for change in told] == [
            before[1].SOPInstanceUID, before[2].SOPInstanceUID, fresh.SOPInstanceUID,
        ]  # fmt: skip
        assert told[-1].place.epoch == first.place.epoch + 1
        assert migrate(restored) == []
        assert there.one("select epoch from feed") == first.place.epoch + 1


def test_a_second_start_on_the_same_cluster_opens_no_epoch(shelf: Shelf, database: str) -> None:
    before = shelf.one("select epoch from feed")
    migrate(database)

    assert shelf.one("select epoch from feed") == before


def move(database: str, to: Postgres, dump: Path) -> str:
    """By pg_dump and pg_restore, as an operator does it; the conninfo of the new place."""
    target = to.cluster.conninfo("postgres")
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("create database restored")
    target = make_conninfo(target, dbname="restored")
    run("pg_dump", "--format=custom", f"--file={dump}", database)
    run("pg_restore", "--exit-on-error", f"--dbname={target}", str(dump))
    return target


def run(program: str, *arguments: str) -> None:
    subprocess.run(
        [str(find_binaries().program(program)), *arguments], check=True, capture_output=True, timeout=60
    )
