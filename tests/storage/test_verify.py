from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import ObjectsUnavailable
from storage.files import FileObjects
from storage.part10 import read_meta
from storage.verify import Condition, verify
from tests.storage.material import instance
from tests.storage.shelf import Shelf


def found(shelf: Shelf) -> dict[str, Condition]:
    return {each.key: each.condition for each in verify(shelf.objects, shelf.pool)}


@pytest.fixture
def keys(shelf: Shelf) -> list[str]:
    """Of three objects, one of them large."""
    for made in (instance(), instance(), instance(Rows=1200, Columns=1200, PixelData=bytes(2 * 1200 * 1200))):
        shelf.send(made)
    shelf.move()
    return [key for (key,) in shelf.rows("select key from object order by id")]


def test_what_is_sound_is_said_to_be(shelf: Shelf, keys: list[str]) -> None:
    assert found(shelf) == dict.fromkeys(keys, Condition.SOUND)
    assert shelf.one("select count(*) from object where verified_at is not null and damaged_at is null") == 3


@pytest.mark.parametrize("place", [-1, -20, "origin"])
def test_a_changed_byte_is_found_wherever_it_lies(
    shelf: Shelf, keys: list[str], tmp_path: Path, place: int | str
) -> None:
    path = tmp_path / "objects" / keys[1]
    whole = bytearray(path.read_bytes())
    at = whole.index(b'"trust":"R') + 9 if isinstance(place, str) else place
    whole[at] ^= 1
    path.write_bytes(whole)

    assert found(shelf)[keys[1]] is Condition.DIFFERENT
    assert shelf.one("select key from object where damaged_at is not null") == keys[1]


def test_one_that_is_shorter_longer_or_gone_is_found(shelf: Shelf, keys: list[str], tmp_path: Path) -> None:
    first, second, third = (tmp_path / "objects" / key for key in keys)
    first.write_bytes(first.read_bytes()[:-1])
    second.write_bytes(second.read_bytes() + b"\0")
    third.unlink()

    assert list(found(shelf).values()) == [Condition.DIFFERENT, Condition.DIFFERENT, Condition.MISSING]
    assert shelf.one("select count(*) from object where damaged_at is not null") == 3


def test_what_was_mended_is_sound_again(shelf: Shelf, keys: list[str], tmp_path: Path) -> None:
    path = tmp_path / "objects" / keys[0]
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert found(shelf)[keys[0]] is Condition.DIFFERENT
    path.write_bytes(whole)

    assert found(shelf)[keys[0]] is Condition.SOUND
    assert shelf.one("select count(*) from object where damaged_at is not null") == 0


def test_one_that_was_stopped_goes_on_with_those_it_did_not_see(shelf: Shelf, keys: list[str]) -> None:
    run = verify(shelf.objects, shelf.pool)
    seen = next(run).key
    assert isinstance(run, Iterator)
    rest = [each.key for each in verify(shelf.objects, shelf.pool)]

    assert rest[:2] == [key for key in keys if key != seen]


class Failing(FileObjects):
    """A disk with bad sectors, or one that is away."""

    def __init__(self, root: Path, bad: set[str]) -> None:
        super().__init__(root, watermark_bytes=0)
        self.bad = bad

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if key in self.bad:
            raise ObjectsUnavailable("the files do not answer: EIO")
        return super().read(key, start, stop)


def test_one_that_cannot_be_read_holds_up_no_other(shelf: Shelf, keys: list[str], tmp_path: Path) -> None:
    objects = Failing(tmp_path / "objects", {keys[0]})
    conditions = {each.key: each.condition for each in verify(objects, shelf.pool)}

    assert conditions == {keys[0]: Condition.UNREAD, keys[1]: Condition.SOUND, keys[2]: Condition.SOUND}
    assert shelf.one("select count(*) from object where verified_at is null") == 1


def test_a_store_that_is_away_is_not_taken_for_damage(shelf: Shelf, tmp_path: Path) -> None:
    for _ in range(25):
        shelf.send(instance())
    shelf.move()
    objects = Failing(tmp_path / "objects", shelf.keys())
    with pytest.raises(ObjectsUnavailable):
        list(verify(objects, shelf.pool))
    assert shelf.one("select count(*) from object where verified_at is not null") == 0


def test_what_is_staged_is_verified_where_it_waits(shelf: Shelf) -> None:
    shelf.send(instance())

    assert set(found(shelf).values()) == {Condition.SOUND}


def test_every_object_says_where_it_came_from(shelf: Shelf, keys: list[str]) -> None:
    for key in keys:
        meta = read_meta(shelf.read(key))
        assert meta.origin is not None
        assert meta.origin.trust == "RBN"
