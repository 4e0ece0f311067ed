"""Many senders at once, of several processes, on one database and one object store."""

import copy
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier, Event
from time import monotonic

from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from storage.elements import IMPLICIT_LITTLE
from storage.errors import Unavailable
from storage.files import FileObjects
from storage.receipt import Outcome, Receipt
from storage.sweep import sweep
from storage.verify import Condition, verify
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin

THREADS = 8


def at_once(actions: Sequence[Callable[[], Receipt]]) -> list[Receipt]:
    """All begin together."""
    barrier = Barrier(len(actions))

    def run(action: Callable[[], Receipt]) -> Receipt:
        barrier.wait(10)
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(run, actions))


def part_of(study: Dataset, **attributes: object) -> Dataset:
    other = copy.deepcopy(study)
    other.SOPInstanceUID = generate_uid()
    for keyword, value in attributes.items():
        setattr(other, keyword, value)
    return other


def send_series(database: str, folder: str, study_uid: str, series: list[str]) -> None:
    """One process: eight threads store the first instances of one study."""
    with ConnectionPool(database, min_size=THREADS, max_size=THREADS) as pool:
        shelf = Shelf(pool, FileObjects(Path(folder), watermark_bytes=0))
        study = instance(StudyInstanceUID=study_uid, PatientID="77")
        made = [part_of(study, SeriesInstanceUID=uid) for uid in series for _ in range(THREADS)]
        for start in range(0, len(made), THREADS):
            receipts = at_once([partial(shelf.send, each) for each in made[start : start + THREADS]])
            assert {receipt.outcome for receipt in receipts} == {Outcome.KEPT}


def test_first_instances_of_one_study_from_two_processes_make_one(
    shelf: Shelf, database: str, tmp_path: Path
) -> None:
    study_uid = generate_uid()
    series = [generate_uid() for _ in range(3)]
    folder = tmp_path / "objects"
    children = [
        subprocess.Popen([sys.executable, "-c", _CHILD, database, str(folder), study_uid, *series])
        for _ in range(2)
    ]
    assert [child.wait(60) for child in children] == [0, 0]

    assert shelf.rows("select uid, series_count, inconsistent from study") == [(study_uid, 3, False)]
    assert shelf.one("select count(*) from patient") == 1
    assert shelf.one("select count(*) from identity") == 1
    assert shelf.rows("select instances_in(id) from series") == [(2 * THREADS,)] * 3
    assert len(shelf.keys()) == 6 * THREADS
    assert shelf.keys() == shelf.keys_of_rows()


_CHILD = (
    "import sys; from tests.storage.test_concurrency import send_series; "
    "send_series(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])"
)


def test_one_instance_from_many_threads_is_kept_once(shelf: Shelf) -> None:
    for _ in range(5):
        made = instance()
        receipts = at_once([partial(shelf.send, made) for _ in range(THREADS)])
        assert Counter(receipt.outcome for receipt in receipts) == {
            Outcome.KEPT: 1,
            Outcome.ALREADY_KEPT: THREADS - 1,
        }
    assert shelf.keys() == shelf.keys_of_rows()
    assert len(shelf.keys()) == 5


def test_one_instance_with_many_contents_is_kept_once_and_the_others_aside(shelf: Shelf) -> None:
    made = instance()
    contents = [part_of(made, SOPInstanceUID=made.SOPInstanceUID, StudyDescription=f"{n}") for n in range(4)]
    receipts = at_once([partial(shelf.send, each) for each in contents * 2])

    assert Counter(receipt.outcome for receipt in receipts) == {
        Outcome.KEPT: 1,
        Outcome.ALREADY_KEPT: 1,
        Outcome.DIFFERENT: 6,
    }
    assert shelf.one("select count(*) from quarantine") == 3
    assert shelf.keys() == shelf.keys_of_rows()
    assert len(shelf.keys()) == 4


def test_one_series_in_two_studies_at_once_stays_in_one(shelf: Shelf) -> None:
    for _ in range(5):
        series = generate_uid()
        made = [instance(SeriesInstanceUID=series) for _ in range(THREADS)]
        receipts = at_once([partial(shelf.send, each) for each in made])
        outcomes = Counter(receipt.outcome for receipt in receipts)
        assert outcomes == {Outcome.KEPT: 1, Outcome.MISPLACED: THREADS - 1}


def test_replacing_at_once_keeps_every_content(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    others = [part_of(made, SOPInstanceUID=made.SOPInstanceUID, StudyDescription=f"{n}") for n in range(4)]
    senders = [partial(_patiently, partial(shelf.send, each, may_replace=True)) for each in others]
    receipts = at_once(senders)

    assert {receipt.outcome for receipt in receipts} == {Outcome.REPLACED}
    assert shelf.one("select count(*) from version") == len(others)
    assert shelf.one("select count(*) from object") == len(others) + 1


def _patiently(send: Callable[[], Receipt]) -> Receipt:
    """As a modality does: again, when it is told to try again."""
    for _ in range(20):
        try:
            return send()
        except Unavailable:
            continue
    return send()


def test_studies_series_identities_and_uids_mixed_never_lock_each_other_out(shelf: Shelf) -> None:
    studies = [generate_uid() for _ in range(3)]
    series = [generate_uid() for _ in range(6)]
    uids = [generate_uid() for _ in range(40)]
    until = monotonic() + 4

    def sender(number: int) -> Counter[str]:
        mine = random.Random(number)
        heard: Counter[str] = Counter()
        while monotonic() < until:
            made = instance(
                StudyInstanceUID=mine.choice(studies),
                SeriesInstanceUID=mine.choice([*series, generate_uid()]),
                SOPInstanceUID=mine.choice([*uids, generate_uid(), generate_uid()]),
                PatientID=mine.choice(["1", "2", "unknown"]),
                PatientBirthDate=mine.choice(["19700101", "19710101"]),
                Modality=mine.choice(["CT", "MR", "SR"]),
            )
            try:
                receipt = shelf.send(
                    made,
                    origin=origin(mine.choice(["RBN", "REM"])),
                    may_replace=mine.random() < 0.3,
                )
                heard[receipt.outcome.value] += 1
            except Unavailable as error:
                heard[f"unavailable: {error}"] += 1
        return heard

    with ThreadPoolExecutor(THREADS) as threads:
        heard = sum(threads.map(sender, range(THREADS)), Counter())
    unavailable = {why: count for why, count in heard.items() if why.startswith("unavailable")}
    assert not {why for why in unavailable if "several senders" not in why}, unavailable
    assert sum(unavailable.values()) < heard.total() / 20
    assert heard["kept"]
    deadlocks = shelf.one("select deadlocks from pg_stat_database where datname = current_database()")
    assert deadlocks == 0
    for uid, said in shelf.rows("select uid, series_count from study"):
        assert said == shelf.one(
            "select count(*) from series r join study s on s.id = r.study_id where s.uid = %s", uid
        )
    for series_id, said in shelf.rows("select id, instances_in(id) from series"):
        assert said == shelf.one("select count(*) from instance where series_id = %s", series_id)
    assert shelf.keys_of_rows() <= shelf.keys()


def test_a_sweep_of_any_age_loses_nothing_that_was_kept(shelf: Shelf) -> None:
    until = monotonic() + 4
    done = Event()
    made = [instance() for _ in range(4)]

    def sender(number: int) -> list[str]:
        mine = random.Random(number)
        said = []
        while monotonic() < until:
            each = copy.deepcopy(mine.choice(made))
            if mine.random() < 0.6:
                each.SOPInstanceUID = generate_uid()
            elif mine.random() < 0.5:
                each.StudyDescription = f"{mine.random()}"
            if mine.random() < 0.1:
                each.PixelData = bytes(2 * 1200 * 1200)
                each.Rows = each.Columns = 1200
            try:
                receipt = shelf.send(
                    each,
                    mine.choice([IMPLICIT_LITTLE, "1.2.840.10008.1.2.1"]),
                    may_replace=mine.random() < 0.5,
                )
            except Unavailable:
                continue
            if receipt.outcome.is_kept:
                said.append(str(each.SOPInstanceUID))
        return said

    def sweeper() -> int:
        count = 0
        while not done.is_set():
            count += sweep(shelf.objects, shelf.pool, timedelta(0)).objects
            shelf.move()
        return count

    with ThreadPoolExecutor(THREADS) as threads:
        sweeping = threads.submit(sweeper)
        kept = {uid for uids in threads.map(sender, range(4)) for uid in uids}
        done.set()
        sweeping.result()

    held = {uid for (uid,) in shelf.rows("select uid from instance")}
    assert kept <= held
    assert len(kept) > 20
    assert shelf.keys_of_rows() <= shelf.keys()
    assert {each.condition for each in verify(shelf.objects, shelf.pool)} == {Condition.SOUND}
    sweep(shelf.objects, shelf.pool, timedelta(0))
    assert shelf.keys() == shelf.keys_of_rows()
