"""A destination that is told by ADT hears of numbers that gave way and of wrong details, and nothing else."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event

import pytest

from dicom_router.deliveries.mending import Mending
from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.backoff import Patience
from exchange.destinations import Entry, Kind, OnCorrection, PostgresDestinations
from exchange.linking.copies import Stands, StillWrong, still_wrong, told
from exchange.linking.corrected import apply, preview, undo
from exchange.linking.merging import follow_merges
from exchange.linking.reviews import Decider
from exchange.people.directory import person_known_as
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Said, Sex
from exchange.people.statements import Apart, Merged, Statement
from exchange.people.telling import tell
from exchange.telling.desk import TellingDesk
from exchange.telling.gauges import Gauges
from exchange.telling.opening import open_subscriber
from exchange.telling.rounds import Rounds
from exchange.telling.subscriber import Kind as By
from exchange.telling.subscriber import Manner, PostgresSubscribers, Subscriber
from exchange.telling.teller import Teller
from exchange.telling.tellings import Tellings
from exchange.trusts import BadEntry
from tests.dicom_router.region import TRUSTS, Region
from tests.exchange.telling.region import HERE
from tests.exchange.telling.test_hl7 import Receiver, texts

MARY = Decider("mary", "RBL", "the ward said so")
ANN, EVE = "9990000018", "9990000050"
CHEST, HAND = "1.2.1", "1.2.2"
PATIENCE = Patience(tries=100, pause_s=0.01, longest_pause_s=0.01, failures=100)
PATIENCE_S = 60.0


@dataclass
class Archive:
    """PACS, a folder of RBL that holds what it is sent, and the engine that tells it of patients."""

    region: Region
    engine: Receiver
    _minutes: Iterator[int] = field(default_factory=lambda: count(1))

    def entry(
        self, how: OnCorrection = OnCorrection.LIST, trust: str = "RBL", told_by: str = "ENGINE"
    ) -> None:
        PostgresDestinations(self.region.shelf.pool).add(
            Entry(
                name="PACS", kind=Kind.FOLDER, address="/pacs", trust=TRUSTS[trust], on_correction=how,
                told_by=told_by,
            )
        )  # fmt: skip

    def at(self, port: int) -> None:
        PostgresSubscribers(self.region.shelf.pool).add(
            Subscriber(
                name="ENGINE", kind=By.ADT, address=f"mllp://127.0.0.1:{port}",
                manner=Manner(application="PACS", facility="RBL"),
            )
        )  # fmt: skip

    def study(
        self, uid: str, number: str = "111", name: str = "Ashworth^Ann", born: str = "19610504"
    ) -> None:
        """It is kept, and PACS has it."""
        self.region.send(uid, PatientID=number, PatientName=name, PatientBirthDate=born, PatientSex="F")
        pool = self.region.shelf.pool
        PostgresDeliveries(pool).order(uid, "PACS", because="a rule")
        self.deliver()

    def deliver(self) -> None:
        with self.region.shelf.pool.connection() as connection:
            connection.execute(
                "insert into forwarded (delivery_id, instance_id, object_id) select d.id, n.id, n.object_id"
                " from delivery d join study s on s.uid = d.study_uid join series r on r.study_id = s.id"
                " join instance n on n.series_id = r.id where d.state = 'waiting'"
            )
            connection.execute("update delivery set state = 'delivered', ended_at = now()")

    def say(self, *statements: Statement) -> None:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        with self.region.shelf.pool.connection() as connection:
            for each in statements:
                tell(connection, each, Said(at + timedelta(minutes=next(self._minutes)), "adt"))
        follow_merges(self.region.shelf.pool)

    def knows(self, local: str, nhs: str, given: str, born: str) -> None:
        of = Demographics((PersonName("Ashworth", (given,)),), born, Sex.FEMALE)
        for identifier in (Identifier.nhs(nhs), Identifier(local, "RBL")):
            self.say(Record(identifier, of, nhs, NumberStatus.VERIFIED))

    def mend(self) -> None:
        """As the worker does: what can be said is said."""
        pool = self.region.shelf.pool
        mending = Mending(pool, PostgresDeliveries(pool))
        mending.run()
        teller = Teller(
            pool=pool, tellings=Tellings(pool, PATIENCE), connect=open_subscriber, here=HERE, stopping=Event()
        )
        rounds = Rounds(teller=teller, gauges=Gauges(pool))
        rounds.go_round()
        rounds.wait()
        mending.run()

    def correct(self, uid: str, nhs: str) -> int:
        with self.region.shelf.pool.connection() as connection:
            person = person_known_as(connection, Identifier.nhs(nhs))
            assert person is not None
            token = preview(connection, uid, person.id).token
            return apply(connection, uid, person.id, token, MARY)

    def undo(self, uid: str, number: int) -> None:
        with self.region.shelf.pool.connection() as connection:
            undo(connection, uid, number, MARY)

    @property
    def wrong(self) -> list[StillWrong]:
        with self.region.shelf.pool.connection() as connection:
            return list(still_wrong(connection))

    @property
    def right(self) -> list[tuple[str, str]]:
        with self.region.shelf.pool.connection() as connection:
            return sorted((each.study_uid, each.how) for each in told(connection))

    @property
    def resent(self) -> int:
        return int(self.region.shelf.one("select count(*) from delivery where round > 1"))


@pytest.fixture
def archive(region: Region) -> Iterator[Archive]:
    with Receiver().listening() as engine:
        made = Archive(region, engine)
        made.at(engine.port)
        made.entry()
        made.knows("111", ANN, "Ann", "19610504")
        made.knows("222", ANN, "Ann", "19610504")
        made.knows("444", EVE, "Eve", "19810812")
        yield made


MERGED = Merged(Identifier("111", "RBL"), Identifier("222", "RBL"))
APART = Apart(Identifier("111", "RBL"))


def test_a_number_that_gave_way_is_told_once_for_all_studies_that_bore_it(archive: Archive) -> None:
    archive.study(CHEST)
    archive.study(HAND)

    archive.say(MERGED)
    archive.mend()

    [message] = archive.engine.took
    assert message.type == "ADT^A40"
    assert texts(message, "MSH", (5, 1), (6, 1), (9, 3)) == ["PACS", "RBL", "ADT_A39"]
    assert texts(message, "PID", (3, 1), (3, 4), (5, 1), (5, 2), (7, 1), (8, 1)) == [
        "222", "RBL", "Ashworth", "Ann", "19610504", "F",
    ]  # fmt: skip
    assert texts(message, "MRG", (1, 1), (1, 4)) == ["111", "RBL"]
    assert archive.wrong == []
    assert archive.right == [(CHEST, "ADT^A40"), (HAND, "ADT^A40")]
    assert archive.region.shelf.rows("select study_uid, state from telling order by study_uid") == [
        (CHEST, "told"), (HAND, "told")
    ]  # fmt: skip
    assert archive.region.shelf.rows("select distinct thing, act from told") == [
        ("ADT^A40 for PACS", "replaced")
    ]


def test_a_merge_taken_back_is_said_by_no_adt(archive: Archive) -> None:
    archive.study(CHEST)
    archive.say(MERGED)
    archive.mend()
    archive.say(APART)
    archive.mend()

    [wrong] = archive.wrong
    assert (wrong.stands, wrong.telling_state) == (Stands.WRONG, None)
    assert "ADT moves no study by itself" in wrong.adt_cannot
    assert len(archive.engine.took) == 1


def test_a_study_that_is_anothers_is_told_the_other_way_or_listed(archive: Archive) -> None:
    archive.study(CHEST)
    number = archive.correct(CHEST, EVE)
    archive.mend()
    [wrong] = archive.wrong
    assert (wrong.stands, wrong.told_by) == (Stands.WRONG, "ENGINE")
    assert "another person’s" in wrong.adt_cannot
    assert archive.resent == 0

    archive.undo(CHEST, number)
    archive.entry(OnCorrection.RESEND)
    archive.correct(CHEST, EVE)
    archive.mend()

    [wrong] = archive.wrong
    assert (wrong.stands, wrong.delivery_state) == (Stands.WAITING, "waiting")
    assert archive.engine.took == []
    archive.deliver()
    archive.mend()
    assert archive.wrong == []


def test_wrong_details_under_somebodys_own_number_are_an_update(archive: Archive) -> None:
    archive.study(CHEST, number="222", name="Ashwerth^Anne", born="19610505")
    number = archive.correct(CHEST, ANN)
    archive.mend()

    [message] = archive.engine.took
    assert message.type == "ADT^A08"
    assert texts(message, "PID", (3, 1), (5, 1), (5, 2), (7, 1)) == ["222", "Ashworth", "Ann", "19610504"]
    assert texts(message, "PV1", (2, 1)) == ["N"]
    assert archive.right == [(CHEST, "ADT^A08")]

    archive.undo(CHEST, number)
    archive.mend()

    [wrong] = archive.wrong
    assert wrong.adt_cannot == "the study says other details than the directory does"
    assert len(archive.engine.took) == 1


def test_a_number_that_another_study_there_bears_still_is_not_merged_away(archive: Archive) -> None:
    archive.study(CHEST)
    archive.study(HAND, born="19810812")  # the merge contradicts it: it keeps its number

    archive.say(MERGED)
    archive.mend()

    [wrong] = archive.wrong
    assert (wrong.study_uid, wrong.adt_cannot) == (CHEST, "another study there bears the number still")
    assert archive.engine.took == []


def test_another_trusts_archive_hears_of_the_numbers_that_it_has(archive: Archive) -> None:
    archive.entry(trust="REM")
    archive.study(CHEST)
    archive.say(MERGED)
    archive.mend()

    [message] = archive.engine.took
    assert texts(message, "PID", (3, 1), (3, 4)) == ["RBL-222", "RBL"]
    assert texts(message, "MRG", (1, 1), (1, 4)) == ["RBL-111", "RBL"]


def test_what_was_on_its_way_is_not_said(archive: Archive) -> None:
    archive.study(CHEST)
    with archive.region.shelf.pool.connection() as connection:
        connection.execute("update delivery set state = 'sending'")
    archive.say(MERGED)
    archive.mend()

    [wrong] = archive.wrong
    assert "nobody knows which it bears" in wrong.adt_cannot


def test_what_is_refused_stays_listed_until_it_is_taken(archive: Archive) -> None:
    archive.engine.answers.append("AE")
    archive.study(CHEST)
    archive.say(MERGED)
    archive.mend()

    [wrong] = archive.wrong
    assert (wrong.stands, wrong.telling_state) == (Stands.WRONG, "dead")
    assert wrong.last_error == "AE (204 at PID-3)"
    assert wrong.telling is not None
    TellingDesk(archive.region.shelf.pool).replay(wrong.telling, "mary")
    archive.mend()

    assert archive.wrong == []
    assert [each.type for each in archive.engine.took] == ["ADT^A40"]


def test_an_engine_that_is_away_or_silent_is_told_when_it_is_back(archive: Archive) -> None:
    with Receiver().listening() as gone:
        port = gone.port
    archive.at(port)
    archive.study(CHEST)
    archive.say(MERGED)
    archive.mend()
    [wrong] = archive.wrong
    assert (wrong.stands, wrong.telling_state) == (Stands.WAITING, "waiting")
    assert "no answer from its address" in (wrong.last_error or "")

    archive.engine.answers.append(None)
    archive.at(archive.engine.port)

    def is_told() -> bool:
        archive.mend()
        return not archive.wrong

    wait_for(is_told)
    assert [each.type for each in archive.engine.took] == ["ADT^A40"]


def test_an_engine_is_named_by_who_tells_and_no_other(archive: Archive) -> None:
    PostgresSubscribers(archive.region.shelf.pool).add(
        Subscriber(name="RECORD", kind=By.FHIR, address="http://127.0.0.1:1/fhir")
    )
    for name in ("RECORD", "NOBODY"):
        with pytest.raises(BadEntry):
            archive.entry(told_by=name)
    with pytest.raises(BadEntry):
        PostgresSubscribers(archive.region.shelf.pool).add(
            Subscriber(name="ENGINE", kind=By.FHIR, address="http://127.0.0.1:1/fhir")
        )
    archive.study(CHEST)
    PostgresSubscribers(archive.region.shelf.pool).remove("ENGINE")
    archive.say(MERGED)
    archive.mend()

    [wrong] = archive.wrong
    assert (wrong.told_by, wrong.stands) == ("", Stands.WRONG)


def test_whoever_is_killed_every_number_that_gave_way_is_told(archive: Archive, database: str) -> None:
    pairs = {"1001": "2001", "1002": "2002", "1003": "2003"}
    for gone, now in pairs.items():
        for local in (gone, now):
            archive.knows(local, ANN, "Ann", "19610504")
        archive.study(f"1.2.7.{gone}", number=gone)
        archive.say(Merged(Identifier(gone, "RBL"), Identifier(now, "RBL")))
    pool = archive.region.shelf.pool
    Mending(pool, PostgresDeliveries(pool)).run()
    archive.engine.answers.append(None)
    with telling(database) as process:
        wait_for(lambda: bool(archive.engine.took))
        process.send_signal(signal.SIGKILL)

    with telling(database):
        wait_for(lambda: not archive.wrong)

    merged = {tuple(texts(each, "MRG", (1, 1)) + texts(each, "PID", (3, 1))) for each in archive.engine.took}
    assert merged == set(pairs.items())


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, "it does not come to that"
        time.sleep(0.05)


@contextmanager
def telling(database: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.telling.tellers", database],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
