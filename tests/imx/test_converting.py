"""Uploads become DICOM: once, whatever ends in between, and with words for the person who sent them."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from imx.converting import Converting, gather
from imx.scratch import scratch_folder
from storage.conversions import ENDED, TRIES, Conversions, Lane
from storage.errors import NotHeld, ObjectsUnavailable, Unavailable
from storage.files import FileObjects
from storage.originals import Originals
from storage.receiving import Receiving
from storage.upload import Named, State, Upload, Uploader, UploadSettings
from storage.upload_pieces import pieces_of
from storage.upload_writing import write
from storage.uploads import Uploads
from tests.ologies.ecg.test_wfdb import a_record
from tests.ologies.material import PDF, a_case
from tests.storage.shelf import Shelf
from viewer_api.keeping import Keeping

ROBIN = Uploader("account", "robin", "RBS", "RBS", "RBS", "10.0.0.1")
KEEP_S = 3600.0


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    with ConnectionPool(database, min_size=1, max_size=6, timeout=60) as pool:
        yield Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


@pytest.fixture
def uploads(shelf: Shelf) -> Uploads:
    return Uploads(shelf.pool, shelf.objects, UploadSettings())


@pytest.fixture
def converting(shelf: Shelf, tmp_path: Path) -> Converting:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Converting(
        lane=Lane("all", most=50),
        conversions=Conversions(shelf.pool, KEEP_S),
        keeping=Keeping(shelf.ingest, Originals(shelf.objects, shelf.pool)),
        pool=shelf.pool,
        objects=shelf.objects,
        scratch=scratch,
        watermark_bytes=0,
        stop=threading.Event(),
    )


CASE = a_case(title="Clinic letter").model_dump(mode="json", exclude_unset=True)


ALONE = Named("letter.pdf")


def uploaded(
    uploads: Uploads, content: bytes = PDF, case: dict[str, Any] | None = CASE, named: Named = ALONE
) -> Upload:
    begun = uploads.begin(ROBIN, len(content), named)
    if content:
        Receiving(write(uploads, begun.id, 0), len(content), ()).take(iter([content]))
    return uploads.again(begun.id) if case is None else uploads.say_case(begun.id, case)


def count(shelf: Shelf, table: str) -> int:
    with shelf.pool.connection() as connection:
        row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_whole_file_with_a_case_is_kept_beside_its_original_and_its_bytes_go(
    shelf: Shelf, uploads: Uploads, converting: Converting
) -> None:
    upload = uploaded(uploads)
    waits = uploaded(uploads, case=None)

    converting.run()

    found = uploads.again(upload.id)
    assert found.state is State.KEPT
    assert found.made is not None
    assert len(found.made["instances"]) == count(shelf, "instance") == count(shelf, "original") == 1
    assert found.made["kind"] == "document in PDF"
    assert uploads.again(waits.id).state is State.WHOLE
    assert list(converting.scratch.iterdir()) == []
    uploads.tidy()
    assert pieces_of(shelf.pool, upload.id) == []
    assert len(pieces_of(shelf.pool, waits.id)) == 1
    with shelf.pool.connection() as connection:
        rows = connection.execute("select peer, trust, called, outcome from arrival").fetchall()
    assert rows == [("robin", "RBS", "/uploads", "kept")]


def test_what_is_missing_is_asked_for_and_mended_without_sending_it_again(
    shelf: Shelf, uploads: Uploads, converting: Converting
) -> None:
    without = {**CASE, "person": {key: value for key, value in CASE["person"].items() if key != "sex"}}
    upload = uploaded(uploads, case=without)

    converting.run()
    asked = uploads.again(upload.id)
    assert asked.state is State.ASKED
    assert asked.made is not None
    assert asked.made["missing"] == ["person.sex"]
    assert count(shelf, "instance") == count(shelf, "original") == 0
    uploads.say_case(upload.id, CASE)
    converting.run()

    assert uploads.again(upload.id).state is State.KEPT


def test_two_files_of_one_encounter_that_call_it_otherwise_are_one_study(
    shelf: Shelf, uploads: Uploads, converting: Converting
) -> None:
    by_both = {**CASE, "encounter": {**CASE["encounter"], "accession": "A1"}}
    of_another = {**CASE, "person": {**CASE["person"], "identifier": "124"}}
    two = [uploaded(uploads, PDF + str(number).encode() + b"%%EOF", case) for number, case in
           enumerate((CASE, by_both))]  # fmt: skip
    refused = uploaded(uploads, case=of_another)

    converting.run()

    made = [uploads.again(each.id).made or {} for each in two]
    assert made[0]["study"] == made[1]["study"]
    assert count(shelf, "study") == 1
    asked = uploads.again(refused.id)
    assert asked.state is State.REFUSED
    assert "another person's" in str(asked.made)


def in_batch(path: str, batch: str = "b1") -> Named:
    return Named(path.rpartition("/")[2], batch=batch, path=path)


def test_files_that_belong_together_are_converted_together(
    shelf: Shelf, uploads: Uploads, converting: Converting, tmp_path: Path
) -> None:
    header = a_record(tmp_path, 16, {"I": [1, 2, 3], "II": [4, 5, 6]})
    content = header.with_name("r1.dat").read_bytes()
    signals = uploads.begin(ROBIN, len(content), in_batch("r1.dat"))
    other = uploaded(uploads, content, None, in_batch("r1.dat", "another"))
    lead = uploaded(uploads, header.read_bytes(), CASE, in_batch("header"))

    with pytest.raises(Unavailable):  # the signals are still on their way
        converting.run()
    assert uploads.again(lead.id).state is State.WAITING
    Receiving(write(uploads, signals.id, 0), len(content), ()).take(iter([content]))
    with shelf.pool.connection() as connection:
        connection.execute("update upload set next_try = now()")
    converting.run()

    kept = uploads.again(lead.id)
    assert kept.made is not None
    assert (kept.state, kept.made["kind"][:11]) == (State.KEPT, "ECG in WFDB")
    assert uploads.again(signals.id).state is State.KEPT
    assert uploads.again(other.id).state is State.WHOLE
    assert count(shelf, "original") == 2
    uploads.tidy()
    assert pieces_of(shelf.pool, lead.id) == pieces_of(shelf.pool, signals.id) == []

    uploaded(uploads, content, None, in_batch("r1.dat"))  # the same once more, in another month
    again = uploaded(uploads, header.read_bytes(), CASE, in_batch("header"))
    converting.run()
    assert uploads.again(again.id).state is State.KEPT
    assert count(shelf, "original") == 2


def test_what_lacks_the_files_that_belong_to_it_says_so(
    uploads: Uploads, converting: Converting, tmp_path: Path
) -> None:
    header = a_record(tmp_path, 16, {"I": [1, 2, 3]}).read_bytes()
    alone = uploaded(uploads, header)
    of_two = uploaded(uploads, header, CASE, in_batch("same"))
    uploaded(uploads, header, None, in_batch("same"))

    converting.run()

    assert uploads.again(alone.id).state is State.REFUSED
    refused = uploads.again(of_two.id)
    assert refused.made is not None
    assert "have one name" in refused.made["because"]


def test_one_bad_file_of_a_batch_leaves_the_others_alone(uploads: Uploads, converting: Converting) -> None:
    good = [uploaded(uploads, PDF + b"%" * number) for number in range(3)]
    bad = uploaded(uploads, b"no such kind")
    empty = uploaded(uploads, b"")

    converting.run()

    assert {uploads.again(each.id).state for each in good} == {State.KEPT}
    refused = uploads.again(bad.id)
    assert refused.state is uploads.again(empty.id).state is State.REFUSED
    assert refused.made is not None
    assert "none of what is understood here" in refused.made["because"]


def test_a_worker_that_dies_is_followed_by_another_and_nothing_is_made_twice(
    shelf: Shelf, uploads: Uploads, converting: Converting
) -> None:
    upload = uploaded(uploads)
    dead = converting.conversions.claim(converting.lane)
    assert [each.id for each in dead.uploads] == [upload.id]
    converting.run()
    assert uploads.again(upload.id).state is State.CONVERTING  # its claim has not run out yet

    with shelf.pool.connection() as connection:
        connection.execute("update upload set until = now() - interval '1 s'")
    converting.run()
    converting.conversions.wait(dead, dead.uploads)  # it lives after all: too late

    assert uploads.again(upload.id).state is State.KEPT
    assert count(shelf, "instance") == count(shelf, "original") == 1


def test_a_file_that_ends_worker_after_worker_is_refused(
    shelf: Shelf, uploads: Uploads, converting: Converting
) -> None:
    upload, other = uploaded(uploads), uploaded(uploads, PDF + b"%")
    for _ in range(TRIES):
        converting.conversions.claim(Lane("dies at once"))
        with shelf.pool.connection() as connection:
            connection.execute("update upload set until = now() - interval '1 s' where claim is not null")
        converting.conversions.recover()
        with shelf.pool.connection() as connection:
            connection.execute("update upload set next_try = created_at")

    found = uploads.again(upload.id)
    assert found.state is State.REFUSED
    assert found.made is not None
    assert found.made["because"] == ENDED
    converting.run()
    assert uploads.again(other.id).state is State.KEPT


def test_what_was_tried_before_is_converted_alone(shelf: Shelf, uploads: Uploads) -> None:
    first = uploaded(uploads)
    for number in range(3):
        uploaded(uploads, case={**CASE, "title": f"Letter {number}"})
    conversions = Conversions(shelf.pool, KEEP_S)
    with shelf.pool.connection() as connection:
        connection.execute("update upload set tries = 1 where id = %s", (first.id,))

    taken = [conversions.claim(Lane("all", most=50)) for _ in range(3)]
    assert [len(claim.uploads) for claim in taken] == [1, 3, 0]
    assert taken[0].uploads[0].id == first.id


def test_lanes_take_what_is_theirs_and_no_more_than_they_can_hold(shelf: Shelf, uploads: Uploads) -> None:
    conversions = Conversions(shelf.pool, KEEP_S)
    for size in (10, 10, 10, 1000):
        uploaded(uploads, b"x" * size)

    small = Lane("small", largest=100, most=50, together=20)
    assert [len(conversions.claim(small).uploads) for _ in range(3)] == [2, 1, 0]
    assert [len(conversions.claim(Lane("large", least=101)).uploads) for _ in range(2)] == [1, 0]


def test_while_the_store_is_away_uploads_wait_and_it_counts_as_no_try(
    shelf: Shelf, uploads: Uploads, converting: Converting, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploaded(uploads)

    def away(*_: object) -> None:
        raise ObjectsUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(shelf.objects), "read", away)
        with pytest.raises(Unavailable):
            converting.run()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
        with shelf.pool.connection() as connection:
            connection.execute("update upload set next_try = now()")
        with pytest.raises(Unavailable):
            converting.run()

    with shelf.pool.connection() as connection:
        row = connection.execute("select state, tries, claim from upload").fetchone()
        connection.execute("update upload set next_try = now()")
    assert row == ("waiting", 0, None)
    converting.run()
    assert uploads.again(upload.id).state is State.KEPT


def test_a_file_whose_bytes_were_lost_is_to_be_sent_again(
    shelf: Shelf, uploads: Uploads, converting: Converting
) -> None:
    upload = uploaded(uploads)
    shelf.objects.delete(pieces_of(shelf.pool, upload.id)[0].key)

    converting.run()

    found = uploads.again(upload.id)
    assert found.made is not None
    assert (found.state, found.made["because"][:26]) == (State.REFUSED, "some of its bytes are lost")


def test_once_it_is_to_stop_what_is_left_waits_again(uploads: Uploads, converting: Converting) -> None:
    upload = uploaded(uploads)
    stopped = replace(converting, conversions=Stopping(converting.conversions.pool, KEEP_S, converting.stop))

    stopped.run()

    assert uploads.again(upload.id).state is State.WAITING
    assert list(converting.scratch.iterdir()) == []


class Stopping(Conversions):
    """The worker is told to stop just after something was claimed."""

    def __init__(self, pool: ConnectionPool, keep_s: float, stop: threading.Event) -> None:
        super().__init__(pool, keep_s)
        object.__setattr__(self, "stop", stop)

    def claim(self, lane: Lane) -> Any:
        claimed = super().claim(lane)
        getattr(self, "stop").set()  # noqa: B009
        return claimed


def test_scratch_folders_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    left = tmp_path / "imx-converting-dead"
    left.mkdir()
    (left / "file").write_bytes(b"x")
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        assert first.is_dir()
        assert second.is_dir()
        assert not left.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_is_gathered_is_the_file(shelf: Shelf, uploads: Uploads, tmp_path: Path) -> None:
    content = bytes(range(256)) * 50
    begun = uploads.begin(ROBIN, len(content), Named("x"))
    for start in range(0, len(content), 5000):
        part = content[start : start + 5000]
        Receiving(write(uploads, begun.id, start), len(content), ()).take(iter([part]))
    pieces = pieces_of(shelf.pool, begun.id)

    gather(shelf.objects, pieces, len(content), tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == content
    with suppress(NotHeld):
        gather(shelf.objects, pieces[:-1], len(content), tmp_path / "part")
        raise AssertionError("bytes are missing")
