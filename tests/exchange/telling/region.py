"""A store with studies of people, and a record that is told of them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event

from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from exchange.backoff import Patience
from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.manifests.manifest import Here
from exchange.people.directory import person_known_as
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Said, Sex
from exchange.people.telling import tell
from exchange.record.study import Coded
from exchange.reports.report import Content, Discipline, ReportKey, ReportSource, ReportStatus, Section, Told
from exchange.reports.telling import tell as tell_report
from exchange.telling import outbox
from exchange.telling.gauges import Gauges
from exchange.telling.opening import open_subscriber
from exchange.telling.rounds import Rounds
from exchange.telling.story import Story, story_of
from exchange.telling.subscriber import PostgresSubscribers, Subscriber
from exchange.telling.teller import Teller
from exchange.telling.tellings import Tellings
from tests.storage.shelf import Shelf, origin

RUTH, IVY, SAM = "9990000018", "9990000026", "9990000034"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: What is not taken is tried again at once; nothing is held back for long.
EAGER = Patience(tries=3, pause_s=0.001, longest_pause_s=0.001)
HERE = Here("https://images.example", "IMX")


@dataclass
class Region:
    """The store, the directory and whoever is told."""

    shelf: Shelf
    patience: Patience = EAGER
    stopping: Event = field(default_factory=Event)
    _minutes: count = field(default_factory=count)  # type: ignore[type-arg]

    @property
    def pool(self) -> ConnectionPool:
        return self.shelf.pool

    def subscribe(self, subscriber: Subscriber) -> None:
        PostgresSubscribers(self.pool).add(subscriber)

    def study(
        self,
        uid: str = "1.2.1",
        instances: int = 1,
        modality: str = "CT",
        code: str = "CCHES",
        accession: str = "A1",
    ) -> None:
        """Sent once more, it has grown."""
        for number in range(1, instances + 1):
            made = Dataset()
            made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"{uid}.1.{number}"
            made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = uid, f"{uid}.1", modality
            made.PatientID, made.PatientName, made.PatientBirthDate = "123456", "O'Neill^Ruth", "19710304"
            made.StudyDate, made.StudyTime, made.AccessionNumber = "20260301", "101500", accession
            made.InstanceNumber, made.StudyDescription = number, "CT thorax"
            made.ReferringPhysicianName = "Grey^Meredith^^Dr"
            made.ProcedureCodeSequence = [Dataset()]
            made.ProcedureCodeSequence[0].CodeValue = code
            made.ProcedureCodeSequence[0].CodingSchemeDesignator = "NICIP"
            made.ProcedureCodeSequence[0].CodeMeaning = "CT chest"
            self.shelf.send(made, origin=origin("RBL"))
        self.note(uid, outbox.Because.CONTENT)

    def person(
        self, number: str = RUTH, status: NumberStatus = NumberStatus.VERIFIED, given: str = "Ruth"
    ) -> int:
        """As the directory has them from now on; their number in it."""
        about = Demographics((PersonName("O'Neill", (given,)),), "19710304", Sex.FEMALE)
        said = Said(NOON + timedelta(minutes=next(self._minutes)), "message")
        with self.pool.connection() as connection:
            tell(connection, Record(Identifier.nhs(number), about, number, status), said)
            found = person_known_as(connection, Identifier.nhs(number))
        assert found is not None
        return found.id

    def link(self, uid: str, number: str = "") -> None:
        """To whom that number is of; without one, to nobody."""
        whom = self.person(number) if number else None
        state = LinkState.LINKED if number else LinkState.UNMATCHED
        with self.pool.connection() as connection:
            row = connection.execute("select id from study where uid = %s", (uid,)).fetchone()
            assert row is not None
            keep_link(connection, row[0], Decided(state, whom, ()), LINKER, by_hand=False)
            outbox.note(connection, [uid], outbox.Because.LINKED if number else outbox.Because.UNLINKED)

    def report(self, uid: str, status: ReportStatus, text: str = "No fracture.", number: str = "R1") -> None:
        """A report of that study, as it stands from now on."""
        said = Said(NOON + timedelta(minutes=next(self._minutes)), "message")
        content = Content(
            study_uid=uid,
            discipline=Discipline.RADIOLOGY,
            codes=(Coded("CCHES", "NICIP", "CT chest"),),
            issued=said.at,
            sections=(Section("Findings", text),) if text else (),
        )
        told = Told(ReportKey("RBL", ReportSource.HL7, "RIS", number), status, said, content)
        with self.pool.connection() as connection:
            report = tell_report(connection, told)
            connection.execute(
                "update report set study_uid = %s, state = 'matched' where id = %s", (uid, report)
            )
            outbox.note(connection, [uid], outbox.Because.REPORT)

    def note(self, uid: str, because: outbox.Because) -> None:
        with self.pool.connection() as connection:
            outbox.note(connection, [uid], because)

    @property
    def teller(self) -> Teller:
        return Teller(
            pool=self.pool,
            tellings=Tellings(self.pool, self.patience),
            connect=open_subscriber,
            here=HERE,
            stopping=self.stopping,
        )

    def tell(self) -> None:
        """Until nothing is due."""
        rounds = Rounds(teller=self.teller, gauges=Gauges(self.pool))
        rounds.go_round()
        rounds.wait()

    def story(self, uid: str) -> Story | None:
        """What could be told of it now."""
        with self.pool.connection() as connection:
            return story_of(connection, uid, HERE)

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with self.pool.connection() as connection:
            return connection.execute(statement).fetchall()

    @property
    def states(self) -> list[tuple[object, ...]]:
        """Study, state and what is said of each telling."""
        return self.rows("select study_uid, state, last_error from telling order by subscriber, study_uid")

    def impatient(self) -> "Region":
        """What fails once is dead."""
        return replace(self, patience=replace(self.patience, tries=1))
