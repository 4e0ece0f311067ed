"""What people decide while senders send, and rejections while content changes: nothing is missed."""

import asyncio
import copy
from threading import Thread
from time import monotonic, sleep

import psycopg
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from storage.archive import Archive
from storage.changes import BEGINNING, ChangeFeed
from storage.connecting import open_pool
from storage.quarantine import Choice, Quarantine
from storage.query import Exactly, Level, Path, Query
from storage.receipt import Outcome
from storage.rejections import Rejections
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import Shelf, origin

QUALITY = "113001"
PATIENT_ID: Path = (0x00100020,)


def changed(dataset: Dataset, **attributes: object) -> Dataset:
    other = copy.deepcopy(dataset)
    for keyword, value in attributes.items():
        setattr(other, keyword, value)
    return other


@pytest.fixture
def quarantine(shelf: Shelf) -> Quarantine:
    return Quarantine(shelf.pool, shelf.objects)


def found(database: str, patient: str) -> list[str]:
    """The Patient IDs of the studies that are found under one."""

    async def ask() -> list[str]:
        async with open_pool(database, 1, 5) as pool:
            answer = await Archive(pool).search(
                Query(Level.STUDY, {PATIENT_ID: Exactly(patient)}, frozenset({PATIENT_ID}))
            )
            return [str(each.members["00100020"]["Value"][0]) async for page in answer.pages for each in page]

    return asyncio.run(ask())


def meanwhile(shelf: Shelf, thread: Thread) -> None:
    """Until the thread has ended, or waits for a lock."""
    thread.start()
    until = monotonic() + 10
    while thread.is_alive() and monotonic() < until:
        if shelf.rows(
            "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        ):
            return
        sleep(0.01)


def hidden(shelf: Shelf, made: Dataset) -> bool:
    """As its row says; every count has to agree."""
    ((is_hidden, series_id, has_hidden),) = shelf.rows(
        "select n.hidden, n.series_id, s.has_hidden from instance n join series r on r.id = n.series_id"
        " join study s on s.id = r.study_id where n.uid = %s",
        made.SOPInstanceUID,
    )
    ((counted, shown),) = shelf.rows(
        "select instances_in(%s), count(*) from instance where series_id = %s and not hidden",
        series_id, series_id,
    )  # fmt: skip
    assert counted == shown
    assert has_hidden or not is_hidden
    return bool(is_hidden)


def test_what_is_set_aside_during_a_decision_over_the_same_study_contests_it(
    shelf: Shelf, quarantine: Quarantine, database: str
) -> None:
    first = instance()
    second = changed(first, SOPInstanceUID=generate_uid())
    shelf.send(first)
    shelf.send(second)
    shelf.send(changed(first, ImageComments="other"))
    (waiting,) = quarantine.waiting()

    # The sender's transaction is open while the person decides over the other instance.
    with psycopg.connect(database) as sender:
        sender.execute(
            "select set_aside('k', 1, 0, '', '1.2', 'CT1', 'RBN', '', 'IMX', now(), '1.2', %s,"
            " 'different content', '', '[]', %s)",
            (second.SOPInstanceUID, first.StudyInstanceUID),
        )
        deciding = Thread(target=quarantine.decide, args=(waiting.id, Choice.KEEP, "a co-ordinator"))
        meanwhile(shelf, deciding)
        sender.commit()
    deciding.join()

    assert len(quarantine.waiting()) == 1
    assert shelf.rows("select contested from study") == [(True,)]


@pytest.mark.parametrize("replaces", [False, True])
def test_content_of_another_trust_is_hidden_by_that_trusts_notes(
    shelf: Shelf, quarantine: Quarantine, replaces: bool
) -> None:
    made = instance()
    shelf.send(made, origin=origin("RBN"))
    shelf.send(note(QUALITY, [made]), origin=origin("RBT"))
    assert not hidden(shelf, made)  # another trust's word
    shelf.send(changed(made, ImageComments="other"), origin=origin("RBT"), may_replace=replaces)
    if not replaces:
        (waiting,) = quarantine.waiting()
        quarantine.decide(waiting.id, Choice.TAKE, "a co-ordinator")

    assert hidden(shelf, made)

    if not replaces:
        quarantine.undo(waiting.id, "a co-ordinator")
        assert not hidden(shelf, made)


@pytest.mark.parametrize("replaces", [False, True])
def test_a_note_whose_content_is_no_note_any_more_hides_nothing(
    shelf: Shelf, quarantine: Quarantine, replaces: bool
) -> None:
    made = instance()
    rejecting = note(QUALITY, [made])
    shelf.send(made)
    shelf.send(rejecting)
    assert hidden(shelf, made)
    other = instance(
        **{
            tag: rejecting[tag].value
            for tag in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID")
        }
    )
    sent = shelf.send(other, may_replace=replaces)
    if not replaces:
        assert sent.outcome is Outcome.DIFFERENT
        (waiting,) = quarantine.waiting()
        quarantine.decide(waiting.id, Choice.TAKE, "a co-ordinator")

    assert not hidden(shelf, made)

    if not replaces:
        quarantine.undo(waiting.id, "a co-ordinator")
        assert hidden(shelf, made)


def test_taking_the_other_patients_content_settles_whose_the_study_is(
    shelf: Shelf, quarantine: Quarantine, database: str
) -> None:
    made = instance(PatientID="1")
    shelf.send(made)
    shelf.send(changed(made, PatientID="2"))
    (waiting,) = quarantine.waiting()

    quarantine.decide(waiting.id, Choice.TAKE, "a co-ordinator")
    assert shelf.rows("select inconsistent from study") == [(False,)]
    assert [found(database, patient) for patient in "12"] == [[], ["2"]]

    # Another of the second patient's is no doubt; one of the first's is, though that identity was known.
    shelf.send(changed(made, PatientID="2", SOPInstanceUID=generate_uid()))
    assert shelf.rows("select inconsistent from study") == [(False,)]
    shelf.send(changed(made, PatientID="1", SOPInstanceUID=generate_uid()))
    assert shelf.rows("select inconsistent from study") == [(True,)]


def test_a_note_that_comes_while_its_view_is_changed_obeys_the_change(shelf: Shelf, database: str) -> None:
    made = instance()
    shelf.send(made)
    rejecting = note(QUALITY, [made])
    shelf.send(changed(rejecting, ConceptNameCodeSequence=[]))
    ((number,),) = shelf.rows("select id from instance where uid = %s", rejecting.SOPInstanceUID)
    changing = Thread(
        target=Rejections(shelf.pool).change_view, args=(QUALITY, False, False, "a co-ordinator")
    )

    with psycopg.connect(database) as sender:
        sender.execute(
            "select note_rejection(%s, %s, 'CT1', 'RBN', %s, %s, %s)",
            (number, QUALITY, [made.StudyInstanceUID], [made.SeriesInstanceUID], [made.SOPInstanceUID]),
        )
        meanwhile(shelf, changing)
        sender.commit()
    changing.join()

    assert not hidden(shelf, made)


def test_a_slower_follower_moves_no_place_mark_back(shelf: Shelf) -> None:
    feed = ChangeFeed(shelf.pool)
    for _ in range(2):
        shelf.send(instance())
    first, second = [change.place for change in feed.after(BEGINNING)]

    feed.move("linker", second)
    feed.move("linker", first)

    assert feed.place_of("linker") == second
