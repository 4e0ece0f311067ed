"""Instance Availability Notification: who is told what, when, and that nothing is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import InstanceAvailabilityNotification  # type: ignore[attr-defined]

from dicom_router.requestor import Calling
from dicom_router.services.availability import tell_next
from dicom_router.settings import CallingSettings
from exchange.registry import Peer, PostgresRegistry, Trust
from storage.availability import FOLLOWER, Availability
from storage.changes import ChangeFeed, follow
from tests.dicom_router.holdings import Holdings
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import origin

TRUST = Trust(ods_code="RBL", name="Wirral", issuer="RBL")
OTHER = Trust(ods_code="REM", name="Liverpool", issuer="REM")


@dataclass
class Informed:
    """A RIS that is told."""

    port: int = 0
    status: int = 0
    told: list[Dataset] = field(default_factory=list)

    def hear(self, event: Event) -> tuple[int, Dataset]:
        self.told.append(event.attribute_list)
        return self.status, Dataset()

    def availability(self) -> dict[str, str]:
        """Of each instance, by the last notification."""
        return {
            str(item.ReferencedSOPInstanceUID): str(item.InstanceAvailability)
            for series in self.told[-1].ReferencedSeriesSequence
            for item in series.ReferencedSOPSequence
        }


@contextmanager
def informed() -> Iterator[Informed]:
    ae, ris = AE("RIS"), Informed()
    ae.add_supported_context(InstanceAvailabilityNotification)
    handlers: Any = [(evt.EVT_N_CREATE, ris.hear)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    ris.port = server.server_address[1]
    try:
        yield ris
    finally:
        server.shutdown()


@dataclass
class Teller:
    holdings: Holdings
    registry: PostgresRegistry

    def tell(self) -> None:
        """Every study is quiet: everybody who is to hear is told."""
        availability = Availability(self.holdings.shelf.pool)
        follow(ChangeFeed(availability.pool), FOLLOWER, availability.note)
        self.holdings.shelf.rows("with due as (update availability set next_at = now() returning 1) select 1")
        calling = Calling(settings=CallingSettings(connect_s=5, accept_s=5))
        while tell_next(availability, self.registry, calling, "IMX"):
            pass

    def state(self) -> list[tuple[Any, ...]]:
        return self.holdings.shelf.rows("select told_at is not null, tries, because from availability")


Start = Callable[[Peer], Teller]


@pytest.fixture
def start(holdings: Holdings) -> Start:
    def make(peer: Peer) -> Teller:
        registry = PostgresRegistry(holdings.shelf.pool)
        for trust in (TRUST, OTHER):
            registry.add_trust(trust)
        registry.add_peer(peer)
        return Teller(holdings, registry)

    return make


def ris(port: int, trust: Trust = TRUST, **entry: Any) -> Peer:
    return Peer("RIS", trust, "127.0.0.1", port, wants_availability=True, **entry)


def test_a_peer_hears_once_of_a_study_and_again_when_it_grows(start: Start) -> None:
    with informed() as heard:
        teller = start(ris(heard.port))
        study = teller.holdings.study(3)
        teller.tell()
        teller.tell()
        assert [str(each.StudyInstanceUID) for each in heard.told] == [study]
        assert list(heard.availability().values()) == ["ONLINE"] * 3
        assert heard.told[0].ReferencedSeriesSequence[0].RetrieveAETitle == "IMX"

        teller.holdings.keep(instance(StudyInstanceUID=study))
        teller.tell()
    assert len(heard.told) == 2
    assert len(heard.availability()) == 4


def test_what_is_hidden_is_told_to_be_unavailable(start: Start) -> None:
    with informed() as heard:
        teller = start(ris(heard.port))
        made = [instance(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4") for _ in range(2)]
        rejecting = note("113037", made[:1])
        for each in (*made, rejecting):
            teller.holdings.shelf.send(each, origin=origin("RBL"))
        teller.tell()
    assert heard.availability() == {
        made[0].SOPInstanceUID: "UNAVAILABLE",
        made[1].SOPInstanceUID: "ONLINE",
        rejecting.SOPInstanceUID: "ONLINE",
    }


def test_it_is_tried_again(start: Start) -> None:
    with informed() as heard:
        teller = start(ris(heard.port))
        teller.holdings.study(1)
        heard.status = 0x0110
        teller.tell()
        assert teller.state() == [(False, 1, "the peer answered status 0110")]
        heard.status = 0
        teller.tell()
    assert teller.state()[0][0]


def test_another_trusts_peer_hears_nothing_unless_it_may_read(start: Start) -> None:
    with informed() as heard:
        teller = start(ris(heard.port, OTHER))
        teller.holdings.study(1)
        teller.tell()
        assert heard.told == []
        teller.registry.add_peer(ris(heard.port, OTHER, may_read=True))
        teller.holdings.study(1)
        teller.tell()
    assert len(heard.told) == 1
