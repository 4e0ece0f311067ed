import threading
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

from storage.errors import ObjectMissing, ObjectsUnavailable
from storage.files import FileObjects
from storage.objects import Bytes
from storage.receipt import Outcome
from storage.staging import STAGED_BYTES, move_staged, waiting
from storage.sweep import sweep
from tests.contracts.object_store import new_key
from tests.storage.material import instance
from tests.storage.shelf import Shelf


@pytest.fixture
def key(shelf: Shelf) -> str:
    """Of an object that waits."""
    shelf.send(instance())
    key: str = shelf.one("select key from staged")
    return key


def test_a_small_object_waits_with_its_rows_and_a_larger_one_does_not(shelf: Shelf, key: str) -> None:
    assert list(shelf.store.list()) == []
    shelf.send(instance(Rows=256, Columns=256, PixelData=bytes(2 * 256 * 256)))

    assert len(list(shelf.store.list())) == 1
    assert waiting(shelf.pool)[0] == 1
    assert waiting(shelf.pool)[1] > timedelta(0)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, None), (0, 10), (100, 500), (300, None), (5, 5), (10**6, None)]
)
def test_it_is_read_the_same_before_and_after_it_is_moved(
    shelf: Shelf, key: str, start: int, stop: int | None
) -> None:
    before = b"".join(shelf.objects.read(key, start, stop)), shelf.objects.size(key)
    shelf.move()

    assert (b"".join(shelf.objects.read(key, start, stop)), shelf.objects.size(key)) == before
    assert before[0] == shelf.read(key)[start:stop]
    assert waiting(shelf.pool) == (0, timedelta(0))


def test_what_is_nowhere_is_missing(shelf: Shelf, key: str) -> None:
    shelf.objects.delete(key)

    with pytest.raises(ObjectMissing):
        shelf.objects.size(key)
    with pytest.raises(ObjectMissing):
        shelf.read(key)


def test_what_is_young_waits_on(shelf: Shelf, key: str) -> None:
    assert move_staged(shelf.objects, timedelta(hours=1)) == 0
    assert waiting(shelf.pool)[0] == 1


def test_many_are_moved_in_batches(shelf: Shelf) -> None:
    for _ in range(130):
        shelf.send(instance())

    assert move_staged(shelf.objects, timedelta(0)) == 130
    assert {listed.key for listed in shelf.store.list()} == shelf.keys_of_rows()


def test_a_store_that_is_away_loses_nothing(shelf: Shelf, key: str, tmp_path: Path) -> None:
    class Away(FileObjects):
        def put(self, key: str, chunks: Iterable[Bytes]) -> int:
            raise ObjectsUnavailable("away")

    before = shelf.read(key)
    with pytest.raises(ObjectsUnavailable):
        Shelf(shelf.pool, Away(tmp_path / "away", watermark_bytes=0)).move()

    assert shelf.read(key) == before
    shelf.move()
    assert shelf.read(key) == before


def test_one_that_died_between_the_store_and_the_database_is_finished(shelf: Shelf, key: str) -> None:
    before = shelf.read(key)
    shelf.store.put(key, [before])
    shelf.move()

    assert shelf.read(key) == before
    assert shelf.keys() == {key}


def test_neither_a_sweep_nor_a_second_arrival_takes_what_waits(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    before = shelf.keys()
    shelf.send(made)
    sweep(shelf.objects, shelf.pool, timedelta(0))
    shelf.move()
    sweep(shelf.objects, shelf.pool, timedelta(0))

    assert shelf.keys() == before == shelf.keys_of_rows()


def test_an_object_of_the_largest_size_is_read_whole(shelf: Shelf) -> None:
    made = instance(Rows=1, Columns=1, PixelData=bytes(STAGED_BYTES - 1200))
    shelf.send(made)

    ((key, size),) = shelf.rows("select key, size from object")
    assert waiting(shelf.pool)[0] == 1
    assert len(shelf.read(key)) == size


def test_a_lost_object_is_missing_wherever_it_is_read(shelf: Shelf, key: str) -> None:
    for start, stop in ((3 * 2**30, 3 * 2**30 + 100), (0, 2**40), (2**40, None)):
        with pytest.raises(ObjectMissing):
            shelf.objects.read(new_key(), start, stop)
        assert b"".join(shelf.objects.read(key, start, stop)) == shelf.read(key)[start:stop]


def test_one_that_the_store_does_not_take_holds_up_no_other(shelf: Shelf, tmp_path: Path) -> None:
    class Picky(FileObjects):
        def put(self, key: str, chunks: Iterable[Bytes]) -> int:
            if key == oldest:
                raise ObjectsUnavailable("not this one")
            return super().put(key, chunks)

    for _ in range(60):
        shelf.send(instance())
    oldest = shelf.one("select key from staged order by staged_at limit 1")
    picky = Shelf(shelf.pool, Picky(tmp_path / "picky", watermark_bytes=0))

    for _ in range(2):
        with pytest.raises(ObjectsUnavailable, match="not this one"):
            picky.move()
        assert picky.rows("select key from staged") == [(oldest,)]
    assert len(list(picky.store.list())) == 59


def test_one_at_a_time_moves(shelf: Shelf, key: str, tmp_path: Path) -> None:
    """The second comes while the first is in the middle of a put."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(FileObjects):
        def put(self, key: str, chunks: Iterable[Bytes]) -> int:
            begun.set()
            assert go_on.wait(30)
            return super().put(key, chunks)

    slow = Shelf(shelf.pool, Slow(tmp_path / "objects", watermark_bytes=0))
    first = threading.Thread(target=slow.move)
    first.start()
    assert begun.wait(30)
    try:
        assert move_staged(shelf.objects, timedelta(0)) == 0
        assert waiting(shelf.pool)[0] == 1
    finally:
        go_on.set()
        first.join()
    assert waiting(shelf.pool)[0] == 0
    shelf.send(instance())
    assert move_staged(shelf.objects, timedelta(0)) == 1


def test_age_is_told_by_the_clock_that_staged_it(
    shelf: Shelf, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's; ours may be minutes away."""

    class Slow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) - timedelta(minutes=10)

    monkeypatch.setattr("storage.staging.datetime", Slow)
    assert move_staged(shelf.objects, timedelta(minutes=1)) == 0
    assert move_staged(shelf.objects, timedelta(0)) == 1


@pytest.mark.parametrize("why", ["many", "old"])
def test_no_more_is_staged_than_can_be_moved(
    shelf: Shelf, key: str, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr("storage.staging._LOOK_S", 0.0)
    if why == "many":
        monkeypatch.setattr("storage.staging.WAITING_LIMIT", 0)
    else:
        shelf.rows("update staged set staged_at = staged_at - interval '16 minutes' returning key")
    made = instance()

    assert shelf.send(made).outcome is Outcome.KEPT
    assert shelf.send(made).outcome is Outcome.ALREADY_KEPT
    assert shelf.rows("select key from staged") == [(key,)]
    assert {key, *(listed.key for listed in shelf.store.list())} == shelf.keys_of_rows()
    shelf.move()
    shelf.send(instance())
    assert waiting(shelf.pool)[0] == 1


def test_what_waits_is_not_counted_for_every_object(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shelf.objects.may_stage()
    monkeypatch.setattr("storage.staging.WAITING_LIMIT", -1)
    assert shelf.objects.may_stage()
    monkeypatch.setattr("storage.staging._LOOK_S", 0.0)
    assert not shelf.objects.may_stage()
