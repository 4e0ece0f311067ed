"""Withdrawals: asked by one, approved by another, hidden from all, undone the same way, gone in the end."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset

from exchange.ledger import Ledger
from storage.changes import BEGINNING, ChangeFeed, ChangeKind
from storage.commitment import Asker, Reference
from storage.commitments import Commitments
from storage.errors import AlreadyDecided, ArchiveError, BadInput, NotHeld
from storage.purging import purge
from storage.rebuild import Rebuilt, rebuild
from storage.receipt import Outcome
from storage.stored import Resource
from storage.sweep import sweep
from storage.tombstones import read_decision
from storage.verify import Condition, verify
from storage.withdrawal import NotYours, Standing, Withdrawal
from storage.withdrawals import Withdrawals
from tests.storage.notes import note
from tests.storage.shelf import Shelf
from tests.storage.test_rejections import Reader, study_of, uids


@pytest.fixture
def reader(database: str) -> Reader:
    return Reader(database)


@pytest.fixture
def withdrawals(shelf: Shelf) -> Withdrawals:
    return Withdrawals(shelf.pool, shelf.objects)


def kept(shelf: Shelf, count: int = 4, **attributes: object) -> list[Dataset]:
    made = study_of(count, **attributes)
    for each in made:
        assert shelf.send(each).outcome is Outcome.KEPT
    return made


def withdrawn(withdrawals: Withdrawals, resource: Resource) -> Withdrawal:
    asked = withdrawals.ask(resource, "the wrong patient", "ann")
    return withdrawals.approve(asked.id, "bob")


def resources(made: list[Dataset]) -> list[tuple[Resource, set[str]]]:
    """The study, a series and an instance, and what of it each covers."""
    study, series, uid = (made[0][name].value for name in _UIDS)
    in_series = uids(*(each for each in made if each.SeriesInstanceUID == series))
    return [
        (Resource(study), uids(*made)),
        (Resource(study, series), in_series),
        (Resource(study, series, uid), {uid}),
    ]


_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_two_people_withdraw_shows_to_nobody_until_two_bring_it_back(
    shelf: Shelf, reader: Reader, withdrawals: Withdrawals, level: int
) -> None:
    made = kept(shelf)
    study = made[0].StudyInstanceUID
    resource, covered = resources(made)[level]

    asked = withdrawals.ask(resource, "  the wrong\npatient ", "ann")
    assert (asked.standing, asked.because, asked.instances) == (
        Standing.WAITING,
        "the wrong patient",
        len(covered),
    )
    assert reader.shown(study) == uids(*made)
    approved = withdrawals.approve(asked.id, "bob")

    assert approved.standing is Standing.APPROVED
    assert reader.shown(study) == uids(*made) - covered
    feed = ChangeFeed(shelf.pool).after(BEGINNING)
    assert {each.instance_uid for each in feed if each.kind is ChangeKind.WITHDRAWN} == covered
    undoing = withdrawals.ask_undo(asked.id, "it was right", "bob")
    assert reader.shown(study) == uids(*made) - covered
    withdrawals.approve(undoing.id, "ann")
    assert reader.shown(study) == uids(*made)
    assert withdrawals.withdrawal(asked.id).standing is Standing.UNDONE
    assert {each.condition for each in verify(shelf.objects, shelf.pool)} == {Condition.SOUND}


def test_nobody_approves_what_they_asked_for(shelf: Shelf, reader: Reader, withdrawals: Withdrawals) -> None:
    made = kept(shelf, 1)
    asked = withdrawals.ask(Resource(made[0].StudyInstanceUID), "why", "ann")

    with pytest.raises(NotYours):
        withdrawals.approve(asked.id, "ann")
    with pytest.raises(psycopg.errors.CheckViolation), shelf.pool.connection() as connection:
        connection.execute(
            "update withdrawal set decision = 'approve', decided_by = 'ann', decided_at = now()"
        )
    assert reader.shown(made[0].StudyInstanceUID) == uids(*made)


def test_a_request_is_decided_once(shelf: Shelf, withdrawals: Withdrawals) -> None:
    resource = Resource(kept(shelf, 1)[0].StudyInstanceUID)
    first = withdrawals.ask(resource, "why", "ann")

    assert withdrawals.ask(resource, "another why", "eve") == first
    assert withdrawals.reject(first.id, "bob").standing is Standing.REJECTED
    for decide in (withdrawals.approve, withdrawals.reject):
        with pytest.raises(AlreadyDecided):
            decide(first.id, "bob")
    assert withdrawals.ask(resource, "still", "ann").id != first.id
    with pytest.raises(AlreadyDecided):
        withdrawals.ask_undo(first.id, "why", "ann")


def test_a_request_that_nobody_decides_expires(shelf: Shelf, withdrawals: Withdrawals) -> None:
    resource = Resource(kept(shelf, 1)[0].StudyInstanceUID)
    asked = withdrawals.ask(resource, "why", "ann")
    shelf.rows("update withdrawal set expires_at = now() returning 1")

    assert withdrawals.withdrawal(asked.id).standing is Standing.EXPIRED
    assert withdrawals.listed(only_waiting=True) == []
    with pytest.raises(AlreadyDecided):
        withdrawals.approve(asked.id, "bob")
    assert withdrawals.ask(resource, "why", "ann").id != asked.id


def test_what_cannot_be_asked_for(shelf: Shelf, withdrawals: Withdrawals) -> None:
    made = kept(shelf, 2)
    study = Resource(made[0].StudyInstanceUID)

    for because in ("", " \n", "x" * 1_001):
        with pytest.raises(BadInput):
            withdrawals.ask(study, because, "ann")
    for resource in (
        Resource("1.2.3"),
        Resource(study.study, "1.2.3"),
        Resource(study.study, made[0].SeriesInstanceUID, made[1].SOPInstanceUID),
    ):
        with pytest.raises(NotHeld):
            withdrawals.ask(resource, "why", "ann")
    withdrawn(withdrawals, study)
    with pytest.raises(NotHeld):
        withdrawals.ask(study, "again", "ann")


def test_one_trust_asks_and_decides_over_its_own(shelf: Shelf, withdrawals: Withdrawals) -> None:
    resource = Resource(kept(shelf, 1)[0].StudyInstanceUID)

    with pytest.raises(NotYours):
        withdrawals.ask(resource, "why", "eve", trust="RBS")
    asked = withdrawals.ask(resource, "why", "ann", trust="RBN")
    with pytest.raises(NotHeld):
        withdrawals.approve(asked.id, "eve", trust="RBS")
    assert withdrawals.listed("RBS") == []
    assert withdrawals.approve(asked.id, "bob", trust="RBN").trusts == ["RBN"]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_is_sent_again_is_kept_and_stays_hidden(
    shelf: Shelf, reader: Reader, withdrawals: Withdrawals, level: int
) -> None:
    """As what a rejection note for patient safety hides (IHE IOCM); new instances of it too."""
    made = kept(shelf)
    study = made[0].StudyInstanceUID
    resource, covered = resources(made)[level]
    withdrawn(withdrawals, resource)
    late = study_of(1)[0]
    late.StudyInstanceUID, late.SeriesInstanceUID = made[0].StudyInstanceUID, made[0].SeriesInstanceUID

    assert {shelf.send(each).outcome for each in made} == {Outcome.ALREADY_KEPT}
    assert shelf.send(late).outcome is Outcome.KEPT

    shown = uids(*made) - covered
    assert reader.shown(study) == (shown | uids(late) if level == 2 else shown)


def test_a_rejection_note_and_a_withdrawal_hide_each_for_itself(
    shelf: Shelf, reader: Reader, withdrawals: Withdrawals
) -> None:
    made = kept(shelf)
    study = made[0].StudyInstanceUID
    rejecting = note("113001", made[:2])
    shelf.send(rejecting)

    asked = withdrawn(withdrawals, Resource(study))
    assert reader.shown(study) == set()
    undoing = withdrawals.ask_undo(asked.id, "why", "bob")
    withdrawals.approve(undoing.id, "ann")

    assert reader.shown(study) == uids(*made[2:], rejecting)


def test_no_commitment_is_given_for_what_is_withdrawn(shelf: Shelf, withdrawals: Withdrawals) -> None:
    made = kept(shelf, 2)
    withdrawn(withdrawals, resources(made)[2][0])
    commitments = Commitments(shelf.pool, shelf.objects)
    asked = [Reference(str(each.SOPClassUID), str(each.SOPInstanceUID)) for each in made]
    number = commitments.ask("1.2.3", asked, Asker(1, "CT1", "RBN", "IMX", on_association=False))
    claimed = commitments.claim()
    assert claimed is not None
    commitments.settle(claimed)

    rows = shelf.rows("select uid, reason from commitment_instance where commitment_id = %s", number)

    assert dict(rows) == {made[0].SOPInstanceUID: None, made[1].SOPInstanceUID: 0}


# For good ---------------------------------------------------------------------------------------


def expire(shelf: Shelf) -> None:
    """The retention of everything that was withdrawn is over."""
    shelf.rows("update withdrawal set keep_until = now(), decided_at = now() returning 1")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_after_its_retention_the_bytes_go(
    shelf: Shelf, reader: Reader, withdrawals: Withdrawals, level: int
) -> None:
    made = kept(shelf)
    study = made[0].StudyInstanceUID
    resource, covered = resources(made)[level]
    other = made[0].copy()
    other.StudyDescription = "other content, aside"
    assert shelf.send(other).outcome is Outcome.DIFFERENT
    shelf.move()
    asked = withdrawn(withdrawals, resource)
    assert purge(shelf.objects, shelf.pool).objects == 0
    expire(shelf)

    done = purge(shelf.objects, shelf.pool)

    assert (done.withdrawals, done.objects) == (1, len(covered) + 1)
    assert withdrawals.withdrawal(asked.id).standing is Standing.PURGED
    assert reader.shown(study) == uids(*made) - covered
    assert len(shelf.keys()) == 4 - len(covered) + 1  # and the decision
    assert {each.condition for each in verify(shelf.objects, shelf.pool)} == {Condition.SOUND}
    assert shelf.one("select count(*) from study") == (0 if level == 0 else 1)
    assert shelf.one("select count(*) from identity") == (0 if level == 0 else 1)
    states = {each.uid: each.state for each in Ledger(shelf.pool).against([x.SOPInstanceUID for x in made])}
    assert {uid for uid, state in states.items() if state == "withdrawn"} == covered
    # It may come again, and stays hidden until two people say otherwise.
    assert {shelf.send(each).outcome for each in made} <= {Outcome.KEPT, Outcome.ALREADY_KEPT}
    assert reader.shown(study) == uids(*made) - covered
    undoing = withdrawals.ask_undo(asked.id, "why", "ann")
    withdrawals.approve(undoing.id, "bob")
    assert reader.shown(study) == uids(*made)


def test_what_comes_again_after_a_purge_has_its_own_time(shelf: Shelf, withdrawals: Withdrawals) -> None:
    made = kept(shelf, 1)
    withdrawn(withdrawals, Resource(made[0].StudyInstanceUID))
    expire(shelf)
    purge(shelf.objects, shelf.pool)
    shelf.rows("update withdrawal set decided_at = now() - interval '1 day' returning 1")
    shelf.send(made[0])

    assert purge(shelf.objects, shelf.pool).objects == 0
    shelf.rows("update object set received_at = now() - interval '2 days' where swept_at is null returning 1")
    assert purge(shelf.objects, shelf.pool).objects == 1
    assert shelf.one("select count(*) from instance") == 0


def test_bytes_that_could_not_be_deleted_are_swept(
    shelf: Shelf, withdrawals: Withdrawals, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from storage.errors import ObjectsUnavailable

    made = kept(shelf, 2)
    shelf.move()
    withdrawn(withdrawals, Resource(made[0].StudyInstanceUID))
    expire(shelf)

    def away(_: object, key: str) -> None:
        raise ObjectsUnavailable(key)

    with monkeypatch.context() as patched:
        patched.setattr(type(shelf.store), "delete", away)
        purge(shelf.objects, shelf.pool)
    assert len(shelf.keys()) == 3

    assert sweep(shelf.objects, shelf.pool, timedelta(0)).objects == 2
    assert len(shelf.keys()) == 1


# Beside the bytes -------------------------------------------------------------------------------


@pytest.fixture
def emptied(shelf: Shelf, database_url: str, template_database: str) -> Iterator[Shelf]:
    """The same objects before an empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database forgotten template {template_database}")
    with ConnectionPool(make_conninfo(database_url, dbname="forgotten"), min_size=1, max_size=4) as pool:
        yield Shelf(pool, shelf.store)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database forgotten with (force)")


def test_a_rebuild_brings_nothing_back(shelf: Shelf, emptied: Shelf, withdrawals: Withdrawals) -> None:
    gone, restored = kept(shelf), kept(shelf)
    withdrawn(withdrawals, Resource(gone[0].StudyInstanceUID))
    undone = withdrawn(withdrawals, Resource(restored[0].StudyInstanceUID))
    withdrawals.approve(withdrawals.ask_undo(undone.id, "it was right", "ann").id, "eve")
    shelf.move()

    results = [line.result for line in rebuild(emptied.ingest, emptied.pool)]

    assert results.count(Rebuilt.DECIDED) == 3
    assert results.count(Rebuilt.INDEXED) == 8
    shown = {uid for (uid,) in emptied.rows("select uid from instance where not hidden")}
    assert shown == uids(*restored)
    again = Withdrawals(emptied.pool, emptied.objects).listed()
    assert [each.standing for each in again][1:] == [Standing.UNDONE, Standing.APPROVED]
    assert (again[-1].because, again[-1].asked_by, again[-1].decided_by) == (
        "the wrong patient",
        "ann",
        "bob",
    )
    assert again[-1].keep_until is not None
    assert {line.result for line in rebuild(emptied.ingest, emptied.pool)} == {Rebuilt.KNOWN}
    assert {each.condition for each in verify(emptied.objects, emptied.pool)} == {Condition.SOUND}


def test_a_damaged_decision_is_told(shelf: Shelf) -> None:
    with pytest.raises(ArchiveError):
        read_decision(b"no decision")


# At once ----------------------------------------------------------------------------------------


def test_senders_and_deciders_at_once_agree(shelf: Shelf, reader: Reader, withdrawals: Withdrawals) -> None:
    made = study_of(24)
    study = made[0].StudyInstanceUID
    shelf.send(made[0])
    asked = withdrawals.ask(Resource(study), "why", "ann")
    begin = threading.Barrier(3)
    decided: list[str] = []

    def sending() -> None:
        begin.wait()
        for each in made[1:]:
            shelf.send(each)

    def deciding(by: str) -> None:
        begin.wait()
        try:
            withdrawals.approve(asked.id, by)
            decided.append(by)
        except AlreadyDecided:
            pass

    with ThreadPoolExecutor(3) as threads:
        for work in (
            threads.submit(sending),
            threads.submit(deciding, "bob"),
            threads.submit(deciding, "eve"),
        ):
            work.result()

    assert len(decided) == 1
    assert reader.shown(study) == set()
    assert shelf.one("select count(*) from instance") == 24
    assert shelf.one("select sum(instances) from series_tally") == 0


def test_the_same_is_asked_for_once_at_once(shelf: Shelf, withdrawals: Withdrawals) -> None:
    resource = Resource(kept(shelf, 1)[0].StudyInstanceUID)
    with ThreadPoolExecutor(6) as threads:
        asked = list(threads.map(lambda n: withdrawals.ask(resource, "why", f"p{n}"), range(6)))

    assert len({each.id for each in asked}) == 1
