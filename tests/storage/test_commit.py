"""What becomes of an answer when the commit itself fails: never a wrong success."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool

from storage.errors import IndexUnavailable, ObjectsUnavailable, Unavailable
from storage.files import FileObjects
from storage.objects import Bytes
from storage.receipt import Outcome
from tests.storage.material import instance
from tests.storage.shelf import Shelf

SIZES = pytest.mark.parametrize("pixels", [b"\1\2" * 64, b"\1\2" * 100_000], ids=["staged", "streamed"])

#: Fails when the transaction commits, not when the row is written.
REFUSING = """
    create function refuse() returns trigger language plpgsql as $$
    begin
        raise exception 'the commit fails' using errcode = 'integrity_constraint_violation';
    end $$;
    create constraint trigger refusing after insert on instance
        deferrable initially deferred for each row execute function refuse();
"""


def rows_left(shelf: Shelf) -> int:
    return sum(
        shelf.one(f"select count(*) from {table}")
        for table in ("study", "series", "instance", "object", "staged", "change")
    )


@SIZES
def test_a_commit_that_fails_is_no_success_and_leaves_no_row(shelf: Shelf, pixels: bytes) -> None:
    dataset = instance(PixelData=pixels)
    with shelf.pool.connection() as connection:
        connection.execute(REFUSING)

    with pytest.raises(IndexUnavailable):
        shelf.send(dataset)
    assert rows_left(shelf) == 0

    with shelf.pool.connection() as connection:
        connection.execute("drop trigger refusing on instance")
    assert shelf.send(dataset).outcome is Outcome.KEPT


class Cutting(FileObjects):
    """Files whose writing takes so long that the database has ended all connections meanwhile."""

    pool: ConnectionPool

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        size = super().put(key, chunks)
        with self.pool.connection() as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        return size


class Failing(FileObjects):
    """Files that cannot be flushed."""

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        for _ in chunks:
            pass
        raise ObjectsUnavailable("the flush failed")


def test_a_database_that_goes_before_the_commit_is_no_success(shelf: Shelf, tmp_path: Path) -> None:
    cutting = Cutting(tmp_path / "cutting", watermark_bytes=0)
    cutting.pool = shelf.pool
    dataset = instance(PixelData=b"\1\2" * 100_000)

    with pytest.raises(Unavailable):
        Shelf(shelf.pool, cutting).send(dataset)
    assert rows_left(shelf) == 0

    assert shelf.send(dataset).outcome is Outcome.KEPT


def test_a_flush_that_fails_rolls_back_what_was_sent(shelf: Shelf, tmp_path: Path) -> None:
    dataset = instance(PixelData=b"\1\2" * 100_000)

    for _ in range(3):
        with pytest.raises(ObjectsUnavailable):
            Shelf(shelf.pool, Failing(tmp_path / "failing", watermark_bytes=0)).send(dataset)
    assert rows_left(shelf) == 0

    assert shelf.send(dataset).outcome is Outcome.KEPT


@SIZES
def test_a_statement_that_the_server_has_forgotten_is_no_failure(shelf: Shelf, pixels: bytes) -> None:
    assert shelf.send(instance(PixelData=pixels)).outcome is Outcome.KEPT
    with ExitStack() as held:
        for _ in range(shelf.pool.max_size):
            held.enter_context(shelf.pool.connection()).execute("deallocate all")

    assert shelf.send(instance(PixelData=pixels)).outcome is Outcome.KEPT
