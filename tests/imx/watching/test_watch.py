"""A watched folder: whole files are wrapped, kept and moved away; others are waited for."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from psycopg_pool import ConnectionPool
from structlog.testing import LogCapture

from exchange.order import Order, Patient, Said, Status, Step
from exchange.orders import PostgresOrders, Told
from exchange.registry import PostgresRegistry, Trust
from imx.watching.cases import Cases, numbers_in
from imx.watching.folder import WatchedFolder
from imx.watching.watch import Watch
from ologies.case import Case
from ologies.confined import Done, Job
from ologies.errors import OlogyError
from ologies.wrapping import wrap
from storage.errors import ObjectsUnavailable
from storage.files import FileObjects
from storage.originals import Originals
from tests.ologies.ecg.test_wfdb import a_record
from tests.ologies.material import PDF, an_aecg
from tests.ologies.slides.material import SPECIMEN
from tests.ologies.slides.test_barcodes import label, slide
from tests.storage.shelf import Shelf
from viewer_api.keeping import Keeping

TRUST = Trust(ods_code="RBT", name="Mid Cheshire", issuer="RBT")
CASE: dict[str, Any] = {
    "person": {
        "identifier": "123", "issuer": "RBT", "birth_date": "1953-05-08", "sex": "F",
        "name": {"family": "Clark", "given": "Ada"},
    },
    "encounter": {"number": "V1", "issuer": "RBT", "at": "2026-03-03T10:00:00+00:00"},
    "title": "Clinic letter",
}  # fmt: skip


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, object]]]:
    capture = LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are wrapped as ever, but not in processes of their own, which take a second or two to begin."""

    def wrap_here(jobs: Iterable[Job], scratch: Path) -> Iterator[Done]:
        for job in jobs:
            into = Path(tempfile.mkdtemp(dir=scratch))
            try:
                yield Done(job, wrap(job.path, job.case, into))
            except OlogyError as error:
                yield Done(job, error)

    monkeypatch.setattr("imx.watching.watch.wrap_all", wrap_here)


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    with ConnectionPool(database, min_size=1, max_size=4, timeout=60) as pool:
        PostgresRegistry(pool).add_trust(TRUST)
        yield Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


Watching = Callable[..., Watch]


@pytest.fixture
def watching(shelf: Shelf, tmp_path: Path) -> Watching:
    """Makes a watch of the folder `in`: ten quiet seconds are whole, and it waits for a minute at most."""
    root, scratch = tmp_path / "in", tmp_path / "scratch"
    root.mkdir()
    scratch.mkdir()

    def make(**of_cases: Any) -> Watch:
        return Watch(
            folder=WatchedFolder(root),
            cases=Cases(PostgresOrders(shelf.pool), "RBT", **of_cases),
            keeping=Keeping(shelf.ingest, Originals(shelf.objects, shelf.pool)),
            owner=TRUST,
            scratch=scratch,
            quiet_s=10,
            patience_s=60,
            stop=threading.Event(),
        )

    return make


def put(watch: Watch, name: str, content: bytes = PDF, case: object = CASE) -> Path:
    path = watch.folder.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if case is not None:
        path.with_name(path.name + ".json").write_text(json.dumps(case))
    return path


def names(watch: Watch) -> set[str]:
    root = watch.folder.root
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def reason(watch: Watch, name: str) -> str:
    return watch.folder.root.joinpath("failed", name + ".reason.txt").read_text()


def test_a_file_is_kept_once_it_is_whole(watching: Watching, shelf: Shelf) -> None:
    watch = watching()
    put(watch, "scan 1/letter.pdf", PDF[:20])
    watch.look(0.0)
    put(watch, "scan 1/letter.pdf")
    watch.look(9.0)
    watch.look(18.0)
    assert names(watch) == {"scan 1/letter.pdf", "scan 1/letter.pdf.json"}, "it changed nine seconds ago"
    watch.look(20.0)

    assert names(watch) == {"done/scan 1/letter.pdf", "done/scan 1/letter.pdf.json"}
    assert shelf.rows(
        "select name, kept_by, peer, trust from original join object o on o.id = object_id"
    ) == [("letter.pdf", "watched folder", "WATCH", "RBT")]
    assert shelf.one("select count(*) from instance") == 1


def test_a_mark_says_that_it_is_whole_at_once(watching: Watching) -> None:
    watch = watching()
    put(watch, "letter.pdf")
    put(watch, "letter.pdf.ready", b"", case=None)
    watch.look(0.0)
    assert names(watch) == {"done/letter.pdf", "done/letter.pdf.json", "done/letter.pdf.ready"}


def test_a_name_that_says_that_it_is_not_whole_is_believed(watching: Watching) -> None:
    watch = watching()
    half = put(watch, "letter.pdf.part", case=None)
    for now in (0.0, 100.0):
        watch.look(now)
    assert names(watch) == {"letter.pdf.part"}
    half.rename(put(watch, "letter.pdf"))
    watch.look(101.0)
    watch.look(112.0)
    assert "done/letter.pdf" in names(watch)


def test_its_case_may_come_before_it_or_after(watching: Watching) -> None:
    watch = watching()
    file = put(watch, "early.pdf")
    file.unlink()
    put(watch, "late.pdf", PDF + b"%%EOF", case=None)
    for now in (0.0, 11.0, 50.0):
        watch.look(now)
    assert names(watch) == {"early.pdf.json", "late.pdf"}
    put(watch, "early.pdf")
    put(watch, "late.pdf", PDF + b"%%EOF")
    for now in (51.0, 59.0, 62.0):
        watch.look(now)
    assert {"done/early.pdf", "done/late.pdf"} <= names(watch)


def test_a_file_that_nobody_says_anything_of_fails_after_a_while(
    watching: Watching, logged: list[MutableMapping[str, object]]
) -> None:
    watch = watching()
    put(watch, "CLARK Ada.pdf", case=None)
    for now in (0.0, 11.0, 59.0):
        watch.look(now)
    assert names(watch) == {"CLARK Ada.pdf"}
    watch.look(61.0)
    assert names(watch) == {"failed/CLARK Ada.pdf", "failed/CLARK Ada.pdf.reason.txt"}
    assert "CLARK Ada.pdf.json" in reason(watch, "CLARK Ada.pdf")
    assert "CLARK" not in str(logged)


def test_what_failed_says_why_and_is_taken_when_it_is_mended(watching: Watching) -> None:
    watch = watching()
    put(watch, "letter.pdf", case=CASE | {"title": None})
    put(watch, "notes.txt", b"Hello")
    put(watch, "cut.pdf", PDF[:30])
    for now in (0.0, 11.0):
        watch.look(now)
    assert reason(watch, "letter.pdf") == "the case does not say title\n"
    assert {"notes.txt", "cut.pdf"} <= names(watch), "more of them may come"
    watch.look(61.0)
    assert reason(watch, "notes.txt").startswith("this is none of what is understood here")
    assert reason(watch, "cut.pdf") == "the PDF is cut off: its end is missing\n"

    watch.folder.root.joinpath("failed/letter.pdf").rename(watch.folder.root / "letter.pdf")
    put(watch, "letter.pdf")
    for now in (70.0, 81.0):
        watch.look(now)
    assert "done/letter.pdf" in names(watch)
    assert "failed/letter.pdf.reason.txt" not in names(watch)


def test_a_record_whose_signals_come_later_is_one(watching: Watching, shelf: Shelf) -> None:
    watch = watching()
    a_record(watch.folder.root, 16, {"I": [1, 2, 3], "II": [4, 5, 6]})
    signals = watch.folder.root / "r1.dat"
    later = signals.read_bytes()
    signals.unlink()
    put(watch, "header", watch.folder.root.joinpath("header").read_bytes())
    for now in (0.0, 11.0):
        watch.look(now)
    signals.write_bytes(later)
    for now in (12.0, 23.0):
        watch.look(now)
    assert names(watch) == {"done/header", "done/header.json", "done/r1.dat"}
    assert shelf.one("select count(*) from original") == 2


def test_what_stalls_and_goes_on_is_not_given_up(watching: Watching) -> None:
    watch = watching()
    put(watch, "letter.pdf", PDF[:30])
    for now in (0.0, 11.0, 40.0):
        watch.look(now)
    put(watch, "letter.pdf")
    for now in (41.0, 52.0):
        watch.look(now)
    assert "done/letter.pdf" in names(watch)


def test_a_name_that_begins_with_a_barcode_finds_its_order(watching: Watching, shelf: Shelf) -> None:
    patient = Patient(identifier="123", name="CLARK^ADA", birth_date="19530508", sex="F")
    order = Order(
        trust="RBT", number="F1", accession="S26-1", patient=patient,
        steps=(Step(modality="ECG", date="20260303", time="0900"),),
    )  # fmt: skip
    PostgresOrders(shelf.pool).tell(Told(order, Status.SCHEDULED, Said(datetime.now(UTC), "x")), "a test")
    watch = watching(by_barcode=True)
    put(watch, "S26-1_4.xml", an_aecg({"I": [1, 2, 3], "II": [4, 5, 6]}), case=None)
    put(watch, "S26-2.xml", an_aecg({"I": [1, 2, 3], "II": [4, 5, 7]}), case=None)
    for now in (0.0, 11.0, 61.0):
        watch.look(now)

    assert names(watch) == {"done/S26-1_4.xml", "failed/S26-2.xml", "failed/S26-2.xml.reason.txt"}
    assert reason(watch, "S26-2.xml") == "no order is known by the number in its name, or by its label\n"
    assert shelf.one("select accession from study") == "S26-1"


def test_a_slide_is_known_by_the_barcode_on_its_label(
    watching: Watching, shelf: Shelf, tmp_path: Path
) -> None:
    patient = Patient(identifier="123", name="CLARK^ADA", birth_date="19530508", sex="F")
    order = Order(
        trust="RBT", number="F1", accession="S26-100", patient=patient, specimens=("S26-100;A;1;1",),
        steps=(Step(modality="SM", date="20260303", time="0900"),),
    )  # fmt: skip
    PostgresOrders(shelf.pool).tell(Told(order, Status.SCHEDULED, Said(datetime.now(UTC), "x")), "a test")
    shared = {"specimen": SPECIMEN | {"container": None}, "encounter": {"at": "2026-03-03T10:00:00+00:00"}}
    watch = watching(by_barcode=True, shared=Case.model_validate(shared))
    put(watch, "scan 0001.svs", slide(tmp_path, label("S26-100;A;1;1")).read_bytes(), case=None)
    for now in (0.0, 11.0):
        watch.look(now)

    assert names(watch) == {"done/scan 0001.svs"}
    assert shelf.rows("select accession from study") == [("S26-100",)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("S26-1.svs", ("S26-1.svs", "S26-1")),
        ("S26-1_2.ome.tiff", ("S26-1_2.ome.tiff", "S26-1_2.ome", "S26-1")),
        ("S26-1;A;1", ("S26-1;A;1", "S26-1")),
        ("F1", ("F1",)),
        ("_x", ("_x",)),
    ],
)
def test_what_a_name_or_a_barcode_may_mean(text: str, numbers: tuple[str, ...]) -> None:
    assert numbers_in(text) == numbers


def test_what_all_share_is_added(watching: Watching, shelf: Shelf) -> None:
    watch = watching(shared=Case.model_validate({"title": "Scanned letter"}))
    put(watch, "letter.pdf", case={**CASE, "title": None})
    for now in (0.0, 11.0):
        watch.look(now)
    assert "done/letter.pdf" in names(watch)


def test_what_is_away_is_waited_for(
    watching: Watching, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watching()
    put(watch, "letter.pdf")
    watch.look(0.0)

    def away(*_: object) -> int:
        raise ObjectsUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(type(shelf.store), "put", away)
        with pytest.raises(ObjectsUnavailable):
            watch.look(11.0)
    assert names(watch) == {"letter.pdf", "letter.pdf.json"}
    watch.look(12.0)
    assert "done/letter.pdf" in names(watch)


def test_a_file_that_cannot_be_moved_is_not_kept_again_and_again(
    watching: Watching, shelf: Shelf, logged: list[MutableMapping[str, object]]
) -> None:
    watch = watching()
    watch.folder.root.joinpath("done").write_text("a file stands in its place")
    put(watch, "letter.pdf")
    for now in (0.0, 11.0, 13.0, 100.0):
        watch.look(now)
    assert [each["event"] for each in logged] == ["watch.cannot_move", "watch.kept"]
    watch.folder.root.joinpath("done").unlink()
    watch.folder.finish_moves()
    assert names(watch) == {"done/letter.pdf", "done/letter.pdf.json"}


#: A watch whose process is killed when it has kept a file and is about to move it.
KILLED = """
    import os, signal, sys
    from imx.main import build
    from imx.watching.folder import WatchedFolder

    WatchedFolder.move = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    build(["watch"])(["watch", *sys.argv[1:]])
"""


def test_killed_between_keeping_and_moving_it_comes_to_the_same(
    watching: Watching, shelf: Shelf, database: str, tmp_path: Path
) -> None:
    watch = watching()
    put(watch, "letter.pdf")
    environment = {**os.environ, "IMX_DATABASE_URL": database, "IMX_DATA": str(tmp_path / "data")}
    command = [str(watch.folder.root), "--trust", "RBT", "--quiet", "1"]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), *command],
        env=environment, timeout=120, check=False, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = shelf.rows("select key from object order by key")
    assert len(kept) == 2, "the original and its document"
    assert {"letter.pdf", "letter.pdf.json"} <= names(watch)

    going_on = subprocess.Popen([sys.executable, "-m", "imx", "watch", *command], env=environment)
    try:
        deadline = time.monotonic() + 60
        while names(watch) != {"done/letter.pdf", "done/letter.pdf.json"}:
            assert time.monotonic() < deadline
            assert going_on.poll() is None
            time.sleep(0.1)
    finally:
        going_on.terminate()
        assert going_on.wait(60) == 0
    assert shelf.rows("select key from object order by key") == kept
    assert shelf.one("select count(*) from instance") == 1
