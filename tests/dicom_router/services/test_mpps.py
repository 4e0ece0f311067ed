"""MPPS by pynetdicom's SCU, told on to a RIS; and a whole day from order to study (PS3.4 §F.7)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE, evt
from pynetdicom.events import Event

from dicom_router.requestor import Calling
from dicom_router.services.performed_news import tell_all
from dicom_router.services.performing import PERFORMED_STEP, services
from dicom_router.services.worklist import WORKLIST
from dicom_router.services.worklist import services as worklist_services
from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.order import Status
from exchange.orders import PostgresOrders
from exchange.peers import Peer
from exchange.performed import PostgresPerformed
from exchange.registry import PostgresRegistry
from exchange.ties import consider
from exchange.trusts import Trust
from storage.changes import ChangeFeed, follow
from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.holdings import Holdings
from tests.exchange.hl7.material import answer_of, omi
from tests.storage.material import instance
from tests.storage.shelf import origin

WIRRAL = Trust("RBL", "Wirral", "RBL")
MERSEY = Trust("REM", "Mersey", "REM")
PEERS = (
    Peer("CT1", WIRRAL, may_query_worklist=True, may_perform=True),
    Peer("CT2", MERSEY, may_query_worklist=True, may_perform=True),
    Peer("WARD", WIRRAL),
)


@dataclass
class Rooms:
    """A router with a worklist and MPPS, and modalities that call it."""

    running: Running
    holdings: Holdings
    performed: PostgresPerformed
    orders: PostgresOrders

    def create(self, uid: str | None, calling: str = "CT1", **values: Any) -> Dataset:
        made = a_step(**values)
        return self._call(calling, lambda association: association.send_n_create(made, PERFORMED_STEP, uid))

    def set(self, uid: str, calling: str = "CT1", **values: Any) -> Dataset:
        more = Dataset()
        for keyword, value in values.items():
            setattr(more, keyword, value)
        return self._call(calling, lambda association: association.send_n_set(more, PERFORMED_STEP, uid))

    def _call(self, calling: str, act: Any) -> Dataset:
        scu = AE(calling)
        scu.add_requested_context(PERFORMED_STEP)
        association = scu.associate("127.0.0.1", self.running.port, ae_title="IMX")
        assert association.is_established
        try:
            status, _ = act(association)
        finally:
            association.release()
        return Dataset(status)

    def worklist(self, calling: str = "CT1") -> list[Dataset]:
        scu = AE(calling)
        scu.add_requested_context(WORKLIST)
        association = scu.associate("127.0.0.1", self.running.port, ae_title="IMX")
        asked = Dataset()
        asked.PatientID = asked.StudyInstanceUID = asked.AccessionNumber = asked.PatientBirthDate = ""
        asked.ScheduledProcedureStepSequence = Sequence()
        found = [item for _, item in association.send_c_find(asked, WORKLIST) if item is not None]
        association.release()
        return found

    def order(self, raw: bytes) -> None:
        assert answer_of(Desk(self.holdings.shelf.pool, HANDLERS).take(raw, "10.0.0.1"))[0] == "AA"

    def status(self) -> Status:
        return self.orders.order("RBL", "F1").status


def a_step(**values: Any) -> Dataset:
    made = Dataset()
    made.PerformedProcedureStepStatus = "IN PROGRESS"
    made.PatientID, made.PatientBirthDate, made.PatientName = "123456", "19500102", "O'Neil^Zoe"
    made.PerformedProcedureStepID, made.Modality = "P1", "CT"
    scheduled = Dataset()
    scheduled.StudyInstanceUID, scheduled.AccessionNumber = "1.2.826.0.1.1", "RBL0001"
    scheduled.ScheduledProcedureStepID = "SPS1"
    made.ScheduledStepAttributesSequence = Sequence([scheduled])
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def wrong_entry() -> Sequence:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = (
        "110514",
        "DCM",
        "Incorrect worklist entry",
    )
    return Sequence([code])


@pytest.fixture
def rooms(serve: Serve, holdings: Holdings) -> Rooms:
    pool = holdings.shelf.pool
    for trust in (WIRRAL, MERSEY):
        PostgresRegistry(pool).add_trust(trust)
    PostgresSenders(pool).add(Sender("10.0.0.1", "RBL", "RBL"))
    performed, orders = PostgresPerformed(pool), PostgresOrders(pool)
    offered = {**services(performed), **worklist_services(holdings.reading, orders)}
    found = Rooms(serve(peers=PEERS, services=offered), holdings, performed, orders)
    found.order(omi())
    return found


def test_a_step_shows_on_its_order_until_it_is_final(rooms: Rooms) -> None:
    assert rooms.create("1.7").Status == 0x0000
    assert rooms.status() is Status.IN_PROGRESS
    (item,) = rooms.worklist()
    assert item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED"

    assert rooms.set("1.7", PerformedProcedureStepDescription="Head").Status == 0x0000
    assert rooms.set("1.7", PerformedProcedureStepStatus="COMPLETED").Status == 0x0000

    assert rooms.status() is Status.COMPLETED
    assert rooms.worklist() == []


@pytest.mark.parametrize("final", ["COMPLETED", "DISCONTINUED"])
def test_a_final_step_is_no_longer_changed(rooms: Rooms, final: str) -> None:
    rooms.create("1.7")
    assert rooms.set("1.7", PerformedProcedureStepStatus=final).Status == 0x0000

    for _ in range(2):
        answer = rooms.set("1.7", PerformedProcedureStepStatus="IN PROGRESS")
        assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
    assert rooms.status() is Status(final.lower())


def test_what_a_modality_gets_wrong_is_named(rooms: Rooms) -> None:
    assert rooms.create("1.6", PerformedProcedureStepStatus="COMPLETED").Status == 0x0106
    assert rooms.create("1.6", PerformedProcedureStepStatus="").Status == 0x0121
    assert rooms.set("1.6", PerformedProcedureStepStatus="COMPLETED").Status == 0x0112
    assert rooms.create("1.7").Status == 0x0000
    assert rooms.create("1.7").Status == 0x0111
    assert rooms.set("1.7", PerformedProcedureStepStatus="DONE").Status == 0x0106
    assert rooms.set("1.7", "CT2", PerformedProcedureStepStatus="COMPLETED").Status == 0x0112
    assert rooms.create("1.8", "WARD").Status == 0x0124
    assert rooms.create(None).Status == 0x0000


def test_unscheduled_steps_and_those_of_another_trust_touch_no_order(rooms: Rooms) -> None:
    assert rooms.create("1.7", ScheduledStepAttributesSequence=Sequence()).Status == 0x0000
    assert rooms.create("1.8", "CT2").Status == 0x0000
    assert rooms.create("1.9", PatientID="777").Status == 0x0000

    assert rooms.status() is Status.SCHEDULED
    rows = rooms.holdings.shelf.rows("select trust, order_id from performed_step order by uid")
    assert rows == [("RBL", None), ("REM", None), ("RBL", None)]


def test_an_incorrect_worklist_entry_unties_the_order(rooms: Rooms) -> None:
    rooms.create("1.7")
    answer = rooms.set(
        "1.7", PerformedProcedureStepStatus="DISCONTINUED",
        PerformedProcedureStepDiscontinuationReasonCodeSequence=wrong_entry(),
    )  # fmt: skip

    assert answer.Status == 0x0000
    assert rooms.status() is Status.SCHEDULED
    (item,) = rooms.worklist()
    assert item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "SCHEDULED"


@dataclass
class Ris:
    """A RIS that hears steps; for a while it may refuse."""

    heard: list[tuple[str, str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    port: int = 0

    def on_create(self, event: Event) -> tuple[int, Dataset | None]:
        uid = getattr(event.request, "AffectedSOPInstanceUID", "")
        return self._hear("create", str(uid), event.attribute_list)

    def on_set(self, event: Event) -> tuple[int, Dataset | None]:
        uid = getattr(event.request, "RequestedSOPInstanceUID", "")
        return self._hear("set", str(uid), event.modification_list)

    def _hear(self, kind: str, uid: str, said: Dataset) -> tuple[int, Dataset | None]:
        status = self.answers.pop(0) if self.answers else 0x0000
        if status == 0x0000:
            self.heard.append((kind, uid, str(said.PerformedProcedureStepStatus)))
        return status, said if status == 0x0000 else None


@contextmanager
def a_ris(answers: list[int]) -> Iterator[Ris]:
    ris = Ris(answers=answers)
    scp = AE("RIS")
    scp.add_supported_context(PERFORMED_STEP)
    handlers: list[Any] = [(evt.EVT_N_CREATE, ris.on_create), (evt.EVT_N_SET, ris.on_set)]
    server = scp.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    ris.port = server.server_address[1]
    try:
        yield ris
    finally:
        server.shutdown()


def test_steps_are_told_to_the_ris_in_order_until_it_hears_them(rooms: Rooms) -> None:
    rooms.performed.listen("RBL", "RIS")
    rooms.create("1.7")
    rooms.set("1.7", PerformedProcedureStepStatus="COMPLETED")
    rooms.create("1.8", "CT2")  # another trust's
    peers: dict[str, Peer] = {}

    def tell() -> int:
        # Time passes.
        with rooms.holdings.shelf.pool.connection() as connection:
            connection.execute("update performed_news set due_at = now()")
        return tell_all(rooms.performed, lambda title, trust: peers.get(title), Calling(), "IMX")

    assert tell() == 0
    [(_, _, waiting, given_up, _, because)] = rooms.performed.untold()
    assert (waiting, given_up, "imx peer add" in because) == (2, 0, True)
    with a_ris([0x0110, 0x0111, 0x0106]) as ris:
        peers["RIS"] = Peer("RIS", WIRRAL, host="127.0.0.1", port=ris.port)
        assert tell() == 0  # it cannot just now
        assert tell() == 1  # it knows the step already; what is wrong for good is given up
        assert ris.heard == []
        assert rooms.performed.untold()[0][2:4] == (0, 1)
        rooms.create("1.9")
        rooms.set("1.9", PerformedProcedureStepStatus="DISCONTINUED")
        assert tell() == 2
        assert ris.heard == [("create", "1.9", "IN PROGRESS"), ("set", "1.9", "DISCONTINUED")]
        assert tell() == 0


def test_a_whole_day_from_order_to_study(rooms: Rooms) -> None:
    (item,) = rooms.worklist()
    assert (item.PatientID, item.IssuerOfPatientID, item.AccessionNumber) == ("123456", "RBL", "RBL0001")
    assert rooms.worklist("CT2") == []
    rooms.create("1.7")
    rooms.set("1.7", PerformedProcedureStepStatus="COMPLETED")
    shelf = rooms.holdings.shelf
    of_study = {
        "PatientID": item.PatientID, "AccessionNumber": item.AccessionNumber,
        "PatientBirthDate": item.PatientBirthDate,
    }  # fmt: skip
    for trust, study in (("RBL", "1.9.1"), ("REM", "1.9.2")):
        made = instance(
            **of_study, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.1"
        )
        shelf.send(made, origin=origin(trust))

    follow(ChangeFeed(shelf.pool), "orders", partial(consider, shelf.pool))

    assert shelf.rows("select study_uid, state from order_tie") == [("1.9.1", "tied")]
    [(attributes,)] = shelf.rows("select attributes from correction")
    assert attributes["00400275"]["Value"][0]["00401001"]["Value"] == ["RP1"]
    assert attributes["00080051"]["Value"][0]["00400031"]["Value"] == ["RBL"]
    assert rooms.status() is Status.COMPLETED
