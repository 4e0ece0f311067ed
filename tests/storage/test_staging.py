from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from storage.errors import ObjectMissing, ObjectsUnavailable
from storage.files import FileObjects
from storage.objects import Bytes
from storage.staging import STAGED_BYTES, move_staged, waiting
from storage.sweep import sweep
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
