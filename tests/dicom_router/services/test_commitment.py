"""Storage commitment: what is answered, what the report says, and that it arrives."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]

from dicom_router.requestor import Calling
from dicom_router.services.commitment import services
from dicom_router.services.commitment_report import COMMITMENT_INSTANCE, work_on
from dicom_router.settings import CallingSettings
from exchange.registry import Peer, PostgresRegistry, Trust
from storage.commitment import CommitmentSettings, State
from storage.commitments import Commitments
from storage.receipt import Outcome
from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.holdings import Holdings
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import origin

TRUST = Trust(ods_code="RBN", name="St Helens", issuer="RBN")
ORIGIN = origin("RBN", peer="CT1")


@dataclass
class Listener:
    """A modality that hears reports on associations of ours."""

    port: int
    reports: list[tuple[int, Dataset]] = field(default_factory=list)  # Event Type ID and content
    callers: list[str] = field(default_factory=list)
    status: int = 0x0000
    heard: threading.Event = field(default_factory=threading.Event)

    def hear(self, event: Event) -> tuple[int, None]:
        self.reports.append((event.event_type or 0, event.event_information))
        self.callers.append(event.assoc.requestor.ae_title)
        self.heard.set()
        return self.status, None


@contextmanager
def listening(*, takes_role: bool = True, status: int = 0, tls: Any = None) -> Iterator[Listener]:
    ae = AE("CT1")
    if takes_role:
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    else:
        ae.add_supported_context(StorageCommitmentPushModel)
    listener = Listener(0, status=status)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, listener.hear)],
        ssl_context=tls,
    )
    assert server is not None
    listener.port = server.server_address[1]
    try:
        yield listener
    finally:
        server.shutdown()


@dataclass
class Service:
    """A router that takes requests, and the worker's hands."""

    holdings: Holdings
    commitments: Commitments
    registry: PostgresRegistry
    running: Running

    def work(self) -> None:
        """As a worker does, until nothing is due."""
        calling = Calling(settings=CallingSettings(connect_s=5, accept_s=5))
        while work_on(self.commitments, self.registry, calling):
            pass

    def due(self) -> None:
        """Time has passed."""
        self.holdings.shelf.rows("update commitment set next_at = now() returning 1")

    def associate(self, hear: Callable[[Event], Any] | None = None) -> Association:
        ae = AE("CT1")
        ae.add_requested_context(StorageCommitmentPushModel)
        handlers: Any = [(evt.EVT_N_EVENT_REPORT, hear)] if hear else []
        association = ae.associate("127.0.0.1", self.running.port, ae_title="IMX", evt_handlers=handlers)
        assert association.is_established
        return association

    def ask(self, data_set: Dataset, action: int = 1, uid: str = COMMITMENT_INSTANCE) -> Dataset:
        """One N-ACTION; its response."""
        association = self.associate()
        status, _ = association.send_n_action(data_set, action, StorageCommitmentPushModel, uid)
        association.release()
        return status

    def keep(self, count: int, **attributes: object) -> list[Dataset]:
        made = [instance(**attributes) for _ in range(count)]
        for each in made:
            assert self.holdings.shelf.send(each, origin=ORIGIN).outcome is Outcome.KEPT
        return made


Start = Callable[..., Service]


@pytest.fixture
def start(serve: Serve, holdings: Holdings) -> Start:
    def make(wait_s: float = 0, **entry: Any) -> Service:
        shelf = holdings.shelf
        registry = PostgresRegistry(shelf.pool)
        registry.add_trust(TRUST)
        peer = registry.add_peer(replace(Peer("CT1", TRUST, plain_allowed=True), **entry))
        commitments = Commitments(shelf.pool, shelf.objects, CommitmentSettings(wait_s=wait_s))
        running = serve(peers=(peer,), services=services(commitments))
        return Service(holdings, commitments, registry, running)

    return make


def request(*instances: Dataset, transaction: str = "1.2.3.4") -> Dataset:
    data_set = Dataset()
    data_set.TransactionUID = transaction
    data_set.ReferencedSOPSequence = []
    for each in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = each.SOPClassUID, each.SOPInstanceUID
        data_set.ReferencedSOPSequence.append(item)
    return data_set


def reported(report: Dataset, keyword: str = "ReferencedSOPSequence") -> dict[str, int]:
    """UIDs, and the Failure Reason of each."""
    return {
        str(item.ReferencedSOPInstanceUID): item.get("FailureReason", 0) for item in report.get(keyword, [])
    }


def uids(instances: Sequence[Dataset]) -> set[str]:
    return {str(each.SOPInstanceUID) for each in instances}


def test_what_is_kept_is_committed_on_a_new_association(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        made = service.keep(3)

        assert service.ask(request(*made)).Status == 0x0000
        assert listener.reports == []
        service.work()

    [(event, report)] = listener.reports
    assert event == 1
    assert report.TransactionUID == "1.2.3.4"
    assert set(reported(report)) == uids(made)
    assert "FailedSOPSequence" not in report
    assert listener.callers == ["IMX"]
    [listed] = service.commitments.listed(with_delivered=True)
    assert (listed.state, listed.committed, listed.failed) == (State.DELIVERED, 3, 0)
    assert service.commitments.listed() == []


def test_the_commitment_address_comes_before_the_peers_own(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=1, commitment_port=listener.port)
        service.ask(request(*service.keep(1)))
        service.work()
    assert len(listener.reports) == 1


def test_each_failure_has_its_reason(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        shelf = service.holdings.shelf
        good, damaged, gone, hidden, other = service.keep(
            5, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4"
        )
        assert shelf.send(note("113037", [hidden]), origin=ORIGIN).outcome is Outcome.KEPT
        different = instance(
            SOPInstanceUID=other.SOPInstanceUID,
            PatientSex="M",
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID="1.2.3.4",
        )
        assert shelf.send(different, origin=ORIGIN).outcome is Outcome.DIFFERENT
        unknown = instance()
        wrong = instance()
        shelf.send(wrong, origin=ORIGIN)
        wrong.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        nowhere = instance(StudyInstanceUID=None)
        assert shelf.send(nowhere, origin=ORIGIN).outcome is Outcome.WITHOUT_UIDS
        shelf.move()
        _spoil(service, damaged, gone)

        service.ask(request(good, damaged, gone, hidden, other, unknown, wrong, nowhere))
        service.work()

    [(event, report)] = listener.reports
    assert event == 2
    assert set(reported(report)) == uids([good, hidden])
    assert reported(report, "FailedSOPSequence") == {
        damaged.SOPInstanceUID: 0x0110,
        gone.SOPInstanceUID: 0x0110,
        other.SOPInstanceUID: 0x0110,
        nowhere.SOPInstanceUID: 0x0110,
        unknown.SOPInstanceUID: 0x0112,
        wrong.SOPInstanceUID: 0x0119,
    }


def _spoil(service: Service, damaged: Dataset, gone: Dataset) -> None:
    shelf = service.holdings.shelf
    key = "select o.key from object o join instance n on n.object_id = o.id where n.uid = %s"
    shelf.store.delete(shelf.one(key, gone.SOPInstanceUID))
    name = shelf.one(key, damaged.SOPInstanceUID)
    content = bytearray(shelf.read(name))
    content[-1] ^= 1
    shelf.store.delete(name)
    shelf.store.put(name, (bytes(content),))


def test_another_peers_other_content_is_no_concern(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        [made] = service.keep(1)
        different = instance(
            **{
                each: getattr(made, each)
                for each in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
            },
            PatientSex="O",
        )
        outcome = service.holdings.shelf.send(different, origin=origin("RBN", peer="CT2")).outcome
        assert outcome is Outcome.DIFFERENT
        service.ask(request(made))
        service.work()
    assert listener.reports[0][0] == 1


def test_what_is_unknown_may_still_arrive(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port, wait_s=600)
        late = instance()
        service.ask(request(late))
        service.work()
        assert listener.reports == []
        assert service.commitments.listed()[0].state is State.SETTLING

        service.holdings.shelf.send(late, origin=ORIGIN)
        service.due()
        service.work()
    assert listener.reports[0][0] == 1


def test_what_never_arrives_is_unknown_in_the_end(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port, wait_s=600)
        service.ask(request(instance()))
        service.work()
        service.holdings.shelf.rows("update commitment set waits_until = now(), next_at = now() returning 1")
        service.work()
    assert listener.reports[0][0] == 2


def test_the_same_request_again_is_the_same_request(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        made = service.keep(2)
        for _ in range(3):
            assert service.ask(request(*made)).Status == 0x0000
        service.work()
        assert len(listener.reports) == 1

        assert service.ask(request(*reversed(made))).Status == 0x0000
        service.work()
        assert len(listener.reports) == 2
        refused = service.ask(request(made[0]))

    assert refused.Status == 0x0115
    assert "Transaction UID" in refused.ErrorComment


def test_an_instance_named_twice_is_reported_once(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        [made] = service.keep(1)
        service.ask(request(made, made))
        service.work()
    assert len(listener.reports[0][1].ReferencedSOPSequence) == 1


def broken(**changes: Any) -> Dataset:
    data_set = request(instance())
    for keyword, value in changes.items():
        if value is None:
            del data_set[keyword]
        else:
            setattr(data_set, keyword, value)
    return data_set


def without(keyword: str) -> Dataset:
    data_set = request(instance())
    del data_set.ReferencedSOPSequence[0][keyword]
    return data_set


@pytest.mark.parametrize(
    ("data_set", "action", "uid", "status"),
    [
        (broken(TransactionUID=None), 1, COMMITMENT_INSTANCE, 0x0120),
        (broken(TransactionUID=""), 1, COMMITMENT_INSTANCE, 0x0121),
        (broken(ReferencedSOPSequence=None), 1, COMMITMENT_INSTANCE, 0x0120),
        (broken(ReferencedSOPSequence=[]), 1, COMMITMENT_INSTANCE, 0x0121),
        (without("ReferencedSOPInstanceUID"), 1, COMMITMENT_INSTANCE, 0x0120),
        (without("ReferencedSOPClassUID"), 1, COMMITMENT_INSTANCE, 0x0120),
        (request(instance()), 2, COMMITMENT_INSTANCE, 0x0123),
        (request(instance()), 1, "1.2.3", 0x0112),
    ],
)
def test_a_malformed_request_is_told_why(
    start: Start, data_set: Dataset, action: int, uid: str, status: int
) -> None:
    service = start()
    answer = service.ask(data_set, action, uid)

    assert (answer.Status, bool(answer.ErrorComment)) == (status, True)
    assert service.commitments.listed() == []


def test_who_may_not_ask_is_told_so(start: Start) -> None:
    service = start(may_commit=False)

    assert service.ask(request(instance())).Status == 0x0124


@pytest.mark.parametrize("has_address", [True, False])
def test_the_report_comes_on_the_association_where_the_entry_says_so(start: Start, has_address: bool) -> None:
    address = {"host": "127.0.0.1", "port": 1, "commitment_on_association": True} if has_address else {}
    service = start(**address)
    made = service.keep(2)
    listener = Listener(0)
    association = service.associate(listener.hear)
    status, _ = association.send_n_action(request(*made), 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE)

    assert status.Status == 0x0000
    assert listener.heard.wait(10)
    association.release()
    assert service.running.endings() == ["released"]
    assert [event for event, _ in listener.reports] == [1]
    assert service.commitments.listed(with_delivered=True)[0].state is State.DELIVERED


def test_a_report_that_missed_its_association_comes_on_the_next(start: Start) -> None:
    service = start(wait_s=600, commitment_on_association=True)
    late = instance()
    service.ask(request(late, transaction="1.1"))
    service.running.until_quiet()
    service.holdings.shelf.send(late, origin=ORIGIN)
    service.due()
    service.work()
    [listed] = service.commitments.listed()
    assert (listed.state, listed.tries) == (State.UNDELIVERED, 0)

    listener = Listener(0)
    association = service.associate(listener.hear)
    [made] = service.keep(1)
    association.send_n_action(
        request(made, transaction="1.2"), 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE
    )
    _until(lambda: len(listener.reports) == 2)
    association.release()

    assert {str(report.TransactionUID) for _, report in listener.reports} == {"1.1", "1.2"}


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never was so")


def test_a_report_is_tried_again_until_the_days_are_over(start: Start) -> None:
    with listening(status=0x0110) as listener:
        service = start(host="127.0.0.1", port=listener.port)
        service.ask(request(*service.keep(1)))
        service.work()
        [listed] = service.commitments.listed()
        assert (listed.state, listed.tries, listed.because) == (
            State.UNDELIVERED,
            1,
            "the peer answered status 0110",
        )
        service.work()
        assert len(listener.reports) == 1  # not yet

        service.holdings.shelf.rows(
            "update commitment set settled_at = now() - interval '8 days' returning 1"
        )
        service.due()
        service.work()
        [listed] = service.commitments.listed()
        assert (listed.state, listed.tries) == (State.GIVEN_UP, 2)
        service.due()
        service.work()
        assert len(listener.reports) == 2

        listener.status = 0
        service.ask(_again(listener))
        service.work()
    assert service.commitments.listed() == []


def _again(listener: Listener) -> Dataset:
    """The request that a report answers."""
    report = listener.reports[0][1]
    data_set = Dataset()
    data_set.TransactionUID = report.TransactionUID
    data_set.ReferencedSOPSequence = report.ReferencedSOPSequence
    return data_set


def test_a_peer_that_is_away_is_called_again(start: Start) -> None:
    service = start(host="127.0.0.1", port=1)
    service.ask(request(*service.keep(1)))
    service.work()
    assert "nobody answers" in service.commitments.listed()[0].because

    with listening() as listener:
        service.registry.add_peer(replace(service.registry.entries("CT1")[0], port=listener.port))
        service.due()
        service.work()
    assert len(listener.reports) == 1


def test_a_peer_that_leaves_the_role_unanswered_is_told_all_the_same(start: Start) -> None:
    with listening(takes_role=False) as listener:
        service = start(host="127.0.0.1", port=listener.port)
        service.ask(request(*service.keep(1)))
        service.work()
        assert service.commitments.listed(with_delivered=True)[0].tries == 1


def test_a_worker_that_dies_leaves_its_work_to_the_next(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        service.ask(request(*service.keep(1)))
        claimed = service.commitments.claim()
        assert claimed is not None
        assert service.commitments.settle(claimed)  # and then it dies
        service.work()
        assert listener.reports == []
        service.due()  # its lease is over
        service.work()
    assert len(listener.reports) == 1


def test_many_workers_tell_each_once(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        made = service.keep(12)
        for number, each in enumerate(made):
            service.ask(request(each, transaction=f"1.2.{number}"))
        with ThreadPoolExecutor(4) as workers:
            list(workers.map(lambda _: service.work(), range(4)))
    assert sorted(str(report.TransactionUID) for _, report in listener.reports) == sorted(
        f"1.2.{number}" for number in range(12)
    )


def test_thousands_at_once(start: Start) -> None:
    with listening() as listener:
        service = start(host="127.0.0.1", port=listener.port)
        many = [instance(SOPInstanceUID=generate_uid()) for _ in range(3000)]
        assert service.ask(request(*many, *service.keep(1))).Status == 0
        service.work()
    [(_, report)] = listener.reports
    assert (len(report.ReferencedSOPSequence), len(report.FailedSOPSequence)) == (1, 3000)


def test_a_database_that_is_away_is_no_success(start: Start) -> None:
    service = start()
    with service.holdings.shelf.pool.connection() as connection:
        connection.execute("alter table commitment rename to elsewhere")

    assert service.ask(request(instance())).Status == 0x0213
