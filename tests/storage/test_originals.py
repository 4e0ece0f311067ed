"""Originals: kept whole beside what was made of them, had back by few, gone with what they are beside."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset

from storage.changes import BEGINNING, ChangeFeed
from storage.errors import BadInput, NotHeld, ObjectsUnavailable, Unreadable
from storage.files import FileObjects
from storage.objects import ObjectStore
from storage.original import Named, Original, read_original, storable_name, write_original_meta
from storage.originals import ChangedMeanwhile, HeldOriginal, Originals, bytes_of
from storage.part10 import read_meta
from storage.purging import purge
from storage.rebuild import Rebuilt, rebuild
from storage.receipt import Outcome
from storage.s3 import connect
from storage.stored import Resource
from storage.sweep import sweep
from storage.verify import Condition, verify
from storage.withdrawals import Withdrawals
from tests.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import Shelf, origin
from tests.storage.test_rejections import study_of

#: The last is several parts in S3.
SIZES = (0, 200_000, 20_000_000)


@pytest.fixture
def originals(shelf: Shelf) -> Originals:
    return Originals(shelf.objects, shelf.pool)


def a_file(folder: Path, size: int = 100, name: str = "J SMITH 1950.svs") -> Path:
    file = folder / name
    file.write_bytes(os.urandom(size))
    return file


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def beside(*made: Dataset, **more: str) -> Original:
    return Original(
        kind="slide",
        name="J SMITH 1950.svs",
        kept_by="ann",
        study_uid=made[0].StudyInstanceUID,
        series_uids=tuple(dict.fromkeys(each.SeriesInstanceUID for each in made)),
        instance_uids=tuple(each.SOPInstanceUID for each in made),
        named=Named(**more),
    )


def keep(originals: Originals, file: Path, *made: Dataset, trust: str = "RBN", **more: str) -> HeldOriginal:
    """The original of these, kept for the first time."""
    kept = originals.keep(beside(*made, **more), bytes_of(file), digest_of(file), origin(trust))
    assert kept is Outcome.KEPT
    return originals.of_study(made[0].StudyInstanceUID)[-1]


@pytest.fixture(params=["files", "S3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "files":
        return FileObjects(tmp_path / "objects", watermark_bytes=0)
    seaweed: Seaweed = request.getfixturevalue("seaweed")
    return connect(seaweed.url(seaweed.new_bucket()), ACCESS_KEY, SECRET_KEY)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_kept_once_and_had_back_whole(
    database: str, store: ObjectStore, tmp_path: Path, size: int
) -> None:
    with ConnectionPool(database, min_size=1, max_size=4, timeout=60) as pool:
        shelf = Shelf(pool, store)
        originals = Originals(shelf.objects, pool)
        file = a_file(tmp_path, size)
        made = study_of(3)
        held = keep(originals, file, *made, accession="A1", encounter_issuer="RBN")

        assert (
            originals.keep(beside(*made), bytes_of(file), digest_of(file), origin()) is Outcome.ALREADY_KEPT
        )
        shelf.move()
        content = file.read_bytes()
        assert b"".join(originals.read(held)) == content
        assert b"".join(originals.read(held, 10, 60)) == content[10:60]
        assert (held.size, held.digest) == (size, hashlib.sha256(content).digest())
        assert held.instance_uids == [each.SOPInstanceUID for each in made]
        assert [each.condition for each in verify(shelf.objects, pool)] == [Condition.SOUND]
        assert sweep(shelf.objects, pool, timedelta(0)).objects == 0
        assert len(shelf.keys()) == 1


def test_no_search_and_no_follower_ever_sees_one(shelf: Shelf, originals: Originals, tmp_path: Path) -> None:
    held = keep(originals, a_file(tmp_path), instance())

    assert shelf.one("select count(*) from study") + shelf.one("select count(*) from instance") == 0
    assert list(ChangeFeed(shelf.pool).after(BEGINNING)) == []
    assert shelf.one("select count(*) from arrival") == 0
    assert [each.id for each in originals.listed()] == [held.id]


def test_a_file_that_changed_since_is_refused_and_leaves_nothing(
    shelf: Shelf, originals: Originals, tmp_path: Path
) -> None:
    made = instance()
    for size in SIZES[:2]:
        file = a_file(tmp_path, size)
        was = digest_of(file)
        file.write_bytes(file.read_bytes() + b"and more")
        with pytest.raises(ChangedMeanwhile):
            originals.keep(beside(made), bytes_of(file), was, origin())
    with pytest.raises(BadInput, match="No such file"):
        originals.keep(beside(made), bytes_of(tmp_path / "gone"), "00" * 32, origin())

    assert shelf.keys() == set()
    assert not originals.listed()


def test_many_at_once_keep_one(shelf: Shelf, originals: Originals, tmp_path: Path) -> None:
    file, made = a_file(tmp_path, 200_000), instance()
    digest = digest_of(file)
    with ThreadPoolExecutor(8) as threads:
        done = [
            threads.submit(originals.keep, beside(made), bytes_of(file), digest, origin()) for _ in range(8)
        ]
        outcomes = [each.result() for each in done]

    assert sorted(outcomes, key=lambda each: each.value) == [Outcome.ALREADY_KEPT] * 7 + [Outcome.KEPT]
    assert len(shelf.keys()) == 1


def test_one_whose_bytes_are_gone_is_not_kept_already(
    shelf: Shelf, originals: Originals, tmp_path: Path
) -> None:
    file, made = a_file(tmp_path, 200_000), instance()
    held = keep(originals, file, made)
    shelf.store.delete(held.key)

    assert [each.condition for each in verify(shelf.objects, shelf.pool)] == [Condition.MISSING]
    with pytest.raises(ObjectsUnavailable):
        originals.keep(beside(made), bytes_of(file), digest_of(file), origin())
    with pytest.raises(ObjectsUnavailable):
        originals.read(held)


def test_another_trusts_is_not_there(shelf: Shelf, originals: Originals, tmp_path: Path) -> None:
    held = keep(originals, a_file(tmp_path), instance(), trust="RBN")

    assert originals.original(held.id, "RBN") == originals.original(held.id) == held
    for number, trust in ((held.id, "REM"), (held.id + 1, "")):
        with pytest.raises(NotHeld):
            originals.original(number, trust)
    assert originals.of_study(held.study_uid, "REM") == originals.listed("REM") == []


@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_is_withdrawn_brought_back_and_purged_with_any_of_its_instances(
    shelf: Shelf, originals: Originals, tmp_path: Path, level: int
) -> None:
    made = study_of(2)
    for each in made:
        shelf.send(each)
    held = keep(originals, a_file(tmp_path, 200_000), *made)
    another = keep(originals, a_file(tmp_path), instance(StudyInstanceUID=made[0].StudyInstanceUID))
    withdrawals = Withdrawals(shelf.pool, shelf.objects)
    uids = made[1].StudyInstanceUID, made[1].SeriesInstanceUID, made[1].SOPInstanceUID
    asked = withdrawals.ask(Resource(*uids[: level + 1]), "the label shows a name", "ann")
    left = [] if level == 0 else [another.id]

    withdrawals.approve(asked.id, "bob")
    assert [each.id for each in originals.of_study(uids[0])] == left
    with pytest.raises(NotHeld):
        originals.original(held.id)
    withdrawals.approve(withdrawals.ask_undo(asked.id, "it was covered", "ann").id, "bob")
    assert originals.original(held.id) == held

    asked = withdrawals.ask(Resource(*uids[: level + 1]), "the label shows a name", "ann")
    withdrawals.approve(asked.id, "bob")
    assert purge(shelf.objects, shelf.pool).objects == 0, "it can still be brought back"
    shelf.rows("update withdrawal set keep_until = now() where decision = 'approve' returning 1")
    shelf.rows("update withdrawal set decided_at = now() where decision = 'approve' returning 1")
    shelf.move()
    purge(shelf.objects, shelf.pool)
    left_over = shelf.keys()
    assert held.key not in left_over
    assert (another.key in left_over) is (level != 0)
    assert shelf.one("select count(*) from original") == len(left)


def test_one_of_which_nothing_else_came_goes_with_its_study_too(
    shelf: Shelf, originals: Originals, tmp_path: Path
) -> None:
    """The machine stopped between the original and its first object; the study was withdrawn later."""
    made = instance()
    shelf.send(made)
    withdrawals = Withdrawals(shelf.pool, shelf.objects)
    asked = withdrawals.ask(Resource(made.StudyInstanceUID), "the wrong patient", "ann")
    withdrawals.approve(asked.id, "bob")
    shelf.rows("update withdrawal set keep_until = now(), decided_at = now() returning 1")
    purge(shelf.objects, shelf.pool)

    other = instance(StudyInstanceUID=made.StudyInstanceUID)
    file = a_file(tmp_path, 200_000)
    assert originals.keep(beside(other), bytes_of(file), digest_of(file), origin()) is Outcome.KEPT
    assert originals.of_study(made.StudyInstanceUID) == []
    assert purge(shelf.objects, shelf.pool).objects == 1


def test_it_is_hidden_with_what_a_note_rejects(shelf: Shelf, originals: Originals, tmp_path: Path) -> None:
    made = study_of(2)
    for each in made:
        shelf.send(each)
    held = keep(originals, a_file(tmp_path), *made)
    shelf.send(note("113037", made[1:]))

    with pytest.raises(NotHeld):
        originals.original(held.id)


@pytest.fixture
def emptied(shelf: Shelf, database_url: str, template_database: str) -> Iterator[Shelf]:
    """The same objects before an empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database without_originals template {template_database}")
    conninfo = make_conninfo(database_url, dbname="without_originals")
    with ConnectionPool(conninfo, min_size=1, max_size=4) as pool:
        yield Shelf(pool, shelf.store)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database without_originals with (force)")


def test_a_rebuild_finds_it_again(shelf: Shelf, emptied: Shelf, originals: Originals, tmp_path: Path) -> None:
    made = study_of(2)
    held = keep(originals, a_file(tmp_path), *made, identifier="123", issuer="RBN", visit="V1")

    assert [line.result for line in rebuild(emptied.ingest, emptied.pool)] == [Rebuilt.ORIGINAL]
    again = Originals(emptied.objects, emptied.pool)
    assert again.listed() == originals.listed() == [held]
    columns = "study_uid, identifier, issuer, nhs_number, birth_date, accession, visit, encounter_issuer"
    named = emptied.rows(f"select {columns} from encounter")
    assert named == shelf.rows(f"select {columns} from encounter") != []
    assert [line.result for line in rebuild(emptied.ingest, emptied.pool)] == [Rebuilt.KNOWN]


def test_what_was_withdrawn_stays_hidden_after_a_rebuild(
    shelf: Shelf, emptied: Shelf, originals: Originals, tmp_path: Path
) -> None:
    made = study_of(2)
    for each in made:
        shelf.send(each)
    held = keep(originals, a_file(tmp_path), *made)
    withdrawals = Withdrawals(shelf.pool, shelf.objects)
    resource = Resource(held.study_uid, made[0].SeriesInstanceUID)
    withdrawals.approve(withdrawals.ask(resource, "the wrong patient", "ann").id, "bob")
    shelf.move()
    list(rebuild(emptied.ingest, emptied.pool))

    assert emptied.one("select count(*) from original") == 1
    assert Originals(emptied.objects, emptied.pool).listed() == []


def test_what_stands_before_the_bytes_says_it_all() -> None:
    original = beside(*study_of(3), nhs_number="9990000018")
    meta = write_original_meta(original, origin())

    assert read_original(read_meta(meta + b"the file").beside) == original
    assert read_meta(meta + b"\2\0\1\0").data_offset == len(meta), "the file is not taken for file meta"
    with pytest.raises(Unreadable):
        read_original({"kind": "slide"})
    with pytest.raises(ValueError, match="nothing"):
        Original(kind="k", name="n", kept_by="b", study_uid="1", series_uids=(), instance_uids=())


def test_a_name_in_any_bytes_can_be_kept() -> None:
    name = storable_name("M\udcfcller\0.svs" + "x" * 300)
    assert name.encode().startswith(b"M?ller.svs")
    assert len(name) <= 256
