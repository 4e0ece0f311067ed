"""C-MOVE to peers that are known, with pynetdicom as the one that asks and the one that takes."""

import socket
import threading
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import _STORAGE_CLASSES

from dicom_router.contexts import PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE
from dicom_router.requestor import Callee, Calling
from dicom_router.sender import Sender
from dicom_router.services import moving
from dicom_router.services.retrieving import Retrieving
from dicom_router.settings import CallingSettings
from exchange.peers import Peer
from exchange.trusts import Trust
from storage.errors import Unavailable
from tests.dicom_router.conftest import TRUST, Running, Serve
from tests.dicom_router.holdings import Holdings, destination
from tests.dicom_router.services.test_getting import keys
from tests.storage.material import instance

BOTH = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
CT = [(CTImageStorage, BOTH)]
READER = Peer("READER", TRUST, may_read=True)
OTHER_TRUST = Trust("RBT", "Mid Cheshire", "RBT")


@dataclass
class Registry:
    """Who can be called."""

    peers: dict[str, Peer] = field(default_factory=dict)
    is_away: bool = False

    def destination(self, ae_title: str, trust: str | None = None) -> Peer | None:
        if self.is_away:
            raise Unavailable("the database does not answer")
        return self.peers.get(ae_title)

    def trusts(self) -> list[Trust]:
        return [TRUST, OTHER_TRUST]


def entry(callee: Callee, **said: Any) -> Peer:
    return replace(Peer(callee.ae_title, TRUST, host=callee.host, port=callee.port, may_read=True), **said)


def served(serve: Serve, holdings: Holdings, registry: Registry, *, stall_s: float = 5) -> Running:
    settings = CallingSettings(connect_s=2, accept_s=2, idle_s=stall_s, stall_s=stall_s, tick_s=0.05)
    sender = Sender(reader=holdings.reader, calling=Calling(settings=settings))
    retrieving = Retrieving(holdings.reading, registry.trusts)
    return serve(services=moving.services(retrieving, registry, sender), peers=(READER,))


@dataclass
class Moved:
    """What the asker heard."""

    responses: list[Dataset] = field(default_factory=list)  # command sets
    failed: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.responses[-1].Status)

    @property
    def comment(self) -> str:
        return str(self.responses[-1].get("ErrorComment", ""))

    @property
    def counts(self) -> tuple[int | None, int, int, int]:
        """Remaining, completed, failed, with a warning."""
        last = self.responses[-1]
        return (
            last.get("NumberOfRemainingSuboperations"),
            last.NumberOfCompletedSuboperations,
            last.NumberOfFailedSuboperations,
            last.NumberOfWarningSuboperations,
        )


def move(
    router: Running, asked: Dataset, to: str = "DESTINATION", root: str = STUDY_ROOT_MOVE, cancel: Any = None
) -> Moved:
    """Ask, and hear what comes of it."""
    moved = Moved()

    def note(event: Event) -> None:
        message: Any = event.message
        if message.__class__.__name__ == "C_MOVE_RSP":
            moved.responses.append(message.command_set)

    ae = AE("READER")
    ae.add_requested_context(root)
    association = ae.associate(
        "127.0.0.1", router.port, ae_title="IMX", evt_handlers=[(evt.EVT_DIMSE_RECV, note)]
    )
    assert association.is_established
    for _, identifier in association.send_c_move(asked, to, root, msg_id=9, priority=1):
        if identifier is not None and "FailedSOPInstanceUIDList" in identifier:
            uids = identifier.FailedSOPInstanceUIDList
            moved.failed = [str(uids)] if isinstance(uids, str) else list(map(str, uids))
        if cancel is not None and cancel():
            association.send_c_cancel(9, query_model=root)
            cancel = None
    assert association.is_established
    association.release()
    return moved


def test_a_study_goes_to_a_known_peer(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(4)
    with destination(CT) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        moved = move(router, keys("STUDY", StudyInstanceUID=study))

    assert (moved.status, moved.counts) == (0x0000, (None, 4, 0, 0))
    assert moved.responses[0].Status == 0xFF00
    assert to.received == holdings.received
    for request in to.requests:
        assert request.MoveOriginatorApplicationEntityTitle == "READER"
        assert request.MoveOriginatorMessageID == 9
        assert request.Priority == 1
    (association,) = to.associations
    assert association.assoc.requestor.ae_title == "IMX"
    assert sorted(
        holdings.shelf.rows("select actor, study_uid, detail ->> 'destination', outcome from audit")
    ) == [("READER", study, "DESTINATION", "allowed")]


def test_a_patient_goes_too(serve: Serve, holdings: Holdings) -> None:
    holdings.study(1, PatientID="P1")
    holdings.study(2, PatientID="P1")
    with destination(CT) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        moved = move(router, keys("PATIENT", PatientID="P1"), root=PATIENT_ROOT_MOVE)

    assert (moved.status, moved.counts) == (0x0000, (None, 3, 0, 0))
    assert to.received == holdings.received


def test_nobody_by_that_name(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1)
    moved = move(served(serve, holdings, Registry()), keys("STUDY", StudyInstanceUID=study), to="NOBODY")

    assert moved.status == 0xA801
    assert "NOBODY" in moved.comment


def test_a_registry_that_is_away(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1)
    moved = move(served(serve, holdings, Registry(is_away=True)), keys("STUDY", StudyInstanceUID=study))

    assert moved.status == 0xA702


def test_a_destination_that_may_not_read(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1)
    with destination(CT) as to:
        registry = Registry({"DESTINATION": entry(to.callee, may_read=False)})
        moved = move(served(serve, holdings, registry), keys("STUDY", StudyInstanceUID=study))

    assert moved.status == 0x0124
    assert not to.received
    assert holdings.shelf.rows("select outcome from audit") == [("refused",)]


def test_a_destination_where_nobody_listens(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(2)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    registry = Registry({"DESTINATION": entry(Callee("DESTINATION", "127.0.0.1", port))})

    moved = move(served(serve, holdings, registry), keys("STUDY", StudyInstanceUID=study))

    assert (moved.status, moved.counts) == (0xA702, (None, 0, 2, 0))
    assert "nobody answers" in moved.comment
    assert set(moved.failed) == set(holdings.received)


def test_a_destination_that_does_not_know_us(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1)
    with destination(CT) as to:
        registry = Registry({"WRONG": entry(replace(to.callee, ae_title="WRONG"))})
        to.ae.require_called_aet = True
        moved = move(served(serve, holdings, registry), keys("STUDY", StudyInstanceUID=study), to="WRONG")

    assert moved.status == 0xA702
    assert moved.comment.startswith("the peer rejects the association for good")


def test_what_is_another_trusts_leaves_under_a_prefixed_number(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1, PatientID="123456")
    with destination(CT) as to:
        registry = Registry({"DESTINATION": entry(to.callee, trust=OTHER_TRUST)})
        moved = move(served(serve, holdings, registry), keys("STUDY", StudyInstanceUID=study))

    assert moved.status == 0x0000
    (data,) = to.received.values()
    assert b"RBL-123456" in data


def test_failures_and_warnings_are_counted(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(3)
    answers = iter([0xA900, 0xB000, 0x0000])
    with destination(CT, answer=lambda event: next(answers)) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        moved = move(router, keys("STUDY", StudyInstanceUID=study))

    assert (moved.status, moved.counts) == (0xB000, (None, 1, 1, 1))
    assert len(moved.failed) == 1


def test_a_class_that_the_destination_does_not_take(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1)
    mr = holdings.keep(instance(StudyInstanceUID=study, SOPClassUID=MRImageStorage))
    with destination(CT) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        moved = move(router, keys("STUDY", StudyInstanceUID=study))

    assert (moved.status, moved.counts) == (0xB000, (None, 1, 1, 0))
    assert moved.failed == [mr]


def test_a_destination_that_dies_in_the_middle(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(5)

    def answer(event: Event) -> int:
        if len(to.received) == 2:
            event.assoc.abort()
        return 0

    with destination(CT, answer=answer) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        moved = move(router, keys("STUDY", StudyInstanceUID=study))

    assert moved.status == 0xB000
    assert moved.counts == (None, 2, 3, 0)
    assert len(moved.failed) == 3
    assert moved.comment


def test_a_destination_that_hangs(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        callee = Callee("DESTINATION", "127.0.0.1", silent.getsockname()[1])
        router = served(serve, holdings, Registry({"DESTINATION": entry(callee)}))
        moved = move(router, keys("STUDY", StudyInstanceUID=study))

    assert moved.status == 0xA702
    assert "in time" in moved.comment


def test_a_cancelled_move_stops_and_says_what_is_left(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(6)
    go_on = threading.Event()

    def answer(event: Event) -> int:
        if len(to.received) == 1:
            go_on.wait(10)
        return 0

    with destination(CT, answer=answer) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        threading.Timer(0.5, go_on.set).start()
        moved = move(router, keys("STUDY", StudyInstanceUID=study), cancel=lambda: True)

    assert moved.status == 0xFE00
    remaining, completed, failed, warned = moved.counts
    assert remaining == 6 - completed
    assert 1 <= completed < 6
    assert (failed, warned) == (0, 0)


def test_more_classes_than_one_association_has_contexts(serve: Serve, holdings: Holdings) -> None:
    """Every storage class that the peer knows, in one study."""
    study = str(instance().StudyInstanceUID)
    classes = sorted(map(str, _STORAGE_CLASSES.values()))
    for uid in classes:
        holdings.keep(instance(StudyInstanceUID=study, SOPClassUID=uid))
    with destination([(uid, BOTH) for uid in classes]) as to:
        router = served(serve, holdings, Registry({"DESTINATION": entry(to.callee)}))
        moved = move(router, keys("STUDY", StudyInstanceUID=study))

    assert (moved.status, moved.counts) == (0x0000, (None, len(classes), 0, 0))
    assert to.received == holdings.received
    assert len(to.associations) == ceil(len(classes) * 2 / 128) > 1
