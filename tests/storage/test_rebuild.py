import copy
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool
from pydicom.uid import generate_uid

from storage.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.ingest import Incoming
from storage.keys import fresh_key
from storage.rebuild import Rebuilt, rebuild
from storage.receipt import Outcome
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import Shelf, origin
from tests.storage.strategies import explicit, write

#: What must be the same again, whatever numbers rows have.
_ROWS = {
    "patients": "select identifier, issuer, only_study from patient order by 1, 2, 3",
    "studies": "select uid, study_date, accession, accession_issuer, modalities, series_count, inconsistent,"
    " contested, json from study order by uid",
    "identities": "select s.uid, d.trust, d.patient_name, d.birth_date, d.sex, d.digest, d.json,"
    " p.identifier, p.issuer from identity d join study s on s.id = d.study_id"
    " join patient p on p.id = d.patient_id"
    " order by s.uid, d.digest",
    "series": "select uid, modality, series_number, json, instances_in(id) from series order by uid",
    "instances": "select i.uid, r.uid, o.key, i.sop_class, i.frame_count, i.frame_form, i.frames, i.problems,"
    " i.json_before, i.json_patient, i.json_after, i.json_whole from instance i"
    " join series r on r.id = i.series_id join object o on o.id = i.object_id order by i.uid",
    "objects": "select key, size, data_offset, digest, transfer_syntax, peer, trust, received_at from object"
    " where swept_at is null order by key",
    "quarantine": "select o.key, q.sop_instance_uid, q.outcome, q.diff from quarantine q"
    " join object o on o.id = q.object_id order by o.key",
    "versions": "select o.key from version v join object o on o.id = v.object_id order by o.key",
    "changes": "select kind, study_uid, series_uid, instance_uid from change order by epoch, tx, number",
}


@pytest.fixture
def emptied(shelf: Shelf, database_url: str, template_database: str) -> Iterator[Shelf]:
    """The same objects before an empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database rebuilt template {template_database}")
    with ConnectionPool(make_conninfo(database_url, dbname="rebuilt"), min_size=1, max_size=4) as pool:
        yield Shelf(pool, shelf.store)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database rebuilt with (force)")


def fill(shelf: Shelf) -> None:
    """Something of every outcome that leaves an object, an hour apart now and then."""
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def next_origin(trust: str = "RBN") -> object:
        nonlocal at
        at += timedelta(minutes=7)
        return origin(trust, at=at)

    def send(dataset: object, syntax: str = EXPLICIT_LITTLE, trust: str = "RBN", **more: bool) -> Outcome:
        return shelf.send(dataset, syntax, next_origin(trust), **more).outcome  # type: ignore[arg-type]

    made = instance()
    second = copy.deepcopy(made)
    second.SOPInstanceUID = generate_uid()
    other = copy.deepcopy(made)
    other.StudyDescription = "other"
    placed = copy.deepcopy(made)
    placed.SeriesInstanceUID = generate_uid()
    newer = instance()
    newest = copy.deepcopy(newer)
    newest.StudyDescription = "newest"
    assert [
        send(made),
        send(second, IMPLICIT_LITTLE, trust="REM"),
        send(other),
        send(made, DEFLATED),
        send(placed),
        send(newer, EXPLICIT_BIG, may_replace=True),
        send(newest, DEFLATED, may_replace=True),
        send(instance(PatientID="unknown", Rows=900, Columns=900, PixelData=bytes(2 * 900 * 900))),
        send(instance(StudyInstanceUID=None)),
    ] == [
        Outcome.KEPT,
        Outcome.KEPT,
        Outcome.DIFFERENT,
        Outcome.ALREADY_KEPT,
        Outcome.MISPLACED,
        Outcome.KEPT,
        Outcome.REPLACED,
        Outcome.KEPT,
        Outcome.WITHOUT_UIDS,
    ]
    meta = explicit(0x00020010, "UI", b"1.2.840.10008.1.2\0")
    for data in (b"\1\2\3", b"\2\0", meta + write(made, EXPLICIT_LITTLE).data):
        incoming = Incoming("1.2", generate_uid(), EXPLICIT_LITTLE)
        shelf.send_bytes(incoming, [data], next_origin())  # type: ignore[arg-type]
    shelf.move()


def rows(shelf: Shelf) -> dict[str, list[tuple[object, ...]]]:
    return {name: shelf.rows(query) for name, query in _ROWS.items()}


def test_from_objects_alone_the_index_is_the_same(shelf: Shelf, emptied: Shelf) -> None:
    fill(shelf)
    results = Counter(line.result for line in rebuild(emptied.ingest, emptied.pool))

    assert rows(emptied) == rows(shelf)
    assert results == {Rebuilt.INDEXED: 5, Rebuilt.ASIDE: 6}


def test_stopped_and_started_again_it_ends_the_same(shelf: Shelf, emptied: Shelf) -> None:
    fill(shelf)
    for line in rebuild(emptied.ingest, emptied.pool):
        if line.result is Rebuilt.ASIDE:
            break
    results = Counter(line.result for line in rebuild(emptied.ingest, emptied.pool))
    again = {line.result for line in rebuild(emptied.ingest, emptied.pool)}

    assert rows(emptied) == rows(shelf)
    assert results[Rebuilt.KNOWN]
    assert again == {Rebuilt.KNOWN}


def test_missing_trusts_are_named_by_their_code(shelf: Shelf, emptied: Shelf) -> None:
    fill(shelf)
    list(rebuild(emptied.ingest, emptied.pool))

    assert emptied.rows("select ods_code, name, issuer from trust order by 1") == [
        ("RBN", "RBN", "RBN"),
        ("REM", "REM", "REM"),
    ]


def test_what_we_did_not_write_is_left_alone(shelf: Shelf) -> None:
    keys = [fresh_key(datetime.now(UTC)) for _ in range(3)]
    for key, content in zip(keys, (b"", b"a text", bytes(128) + b"DICM" + bytes(400)), strict=True):
        shelf.objects.put(key, [content])
    lines = {line.key: line.result for line in rebuild(shelf.ingest, shelf.pool)}

    assert lines == dict.fromkeys(keys, Rebuilt.FOREIGN)
    assert shelf.keys() == set(keys)
    assert shelf.one("select count(*) from object") == 0


def test_a_copy_left_over_is_told_from_what_is_kept(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    shelf.move()
    (key,) = shelf.keys()
    copied = fresh_key(datetime.now(UTC))
    shelf.objects.put(copied, [shelf.read(key)])

    lines = {line.key: line.result for line in rebuild(shelf.ingest, shelf.pool)}
    assert lines == {key: Rebuilt.KNOWN, copied: Rebuilt.DUPLICATE}
    assert shelf.keys() == {key}


@pytest.mark.parametrize("size", [8, 600])
def test_what_gets_its_row_while_a_rebuild_looks_is_left_alone(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A sender commits between the rebuild's look at the rows and its own."""
    made = instance(Rows=size, Columns=size, PixelData=bytes(2 * size * size))
    other = copy.deepcopy(made)
    other.StudyDescription = "other"
    assert [shelf.send(made).outcome, shelf.send(other).outcome] == [Outcome.KEPT, Outcome.DIFFERENT]
    shelf.move()
    before = shelf.keys(), shelf.outcomes(), rows(shelf)
    monkeypatch.setattr("storage.rebuild._known", lambda pool, keys: set())

    assert {line.result for line in rebuild(shelf.ingest, shelf.pool)} == {Rebuilt.DUPLICATE, Rebuilt.ASIDE}
    assert (shelf.keys(), shelf.outcomes(), rows(shelf)) == before
    assert len(shelf.keys()) == 2


def test_what_was_rejected_is_hidden_again(shelf: Shelf, emptied: Shelf) -> None:
    made = [instance(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4") for _ in range(3)]
    for each in (*made, note("113037", made[:2])):
        shelf.send(each)
    shelf.move()

    assert [line.result for line in rebuild(emptied.ingest, emptied.pool)] == [Rebuilt.INDEXED] * 4
    hidden = {uid for (uid,) in emptied.rows("select uid from instance where hidden")}
    assert hidden == {each.SOPInstanceUID for each in made[:2]}
