"""A DICOM peer as a destination."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage, JPEG2000Lossless, MRImageStorage, RLELossless
from pynetdicom.events import Event

from dicom_router.deliveries.destinations.dimse import DimseDestination
from dicom_router.deliveries.destinations.port import CutOff, Destination, NotReached
from dicom_router.requestor import Callee, Calling
from exchange.registry import Peer
from storage.elements import EXPLICIT_LITTLE
from storage.part10 import write_meta
from tests.contracts.destination import DestinationContract
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.holdings import Destination as Scp
from tests.dicom_router.holdings import Holdings, destination
from tests.storage.material import instance

CLASSES = [(str(CTImageStorage), [EXPLICIT_LITTLE]), (str(MRImageStorage), [EXPLICIT_LITTLE])]


@pytest.fixture
def scp() -> Iterator[Scp]:
    with destination(CLASSES) as running:
        yield running


@pytest.fixture
def peer(scp: Scp, holdings: Holdings) -> Iterator[DimseDestination]:
    sending = DimseDestination(scp.callee, "IMX", holdings.reader, Calling())
    yield sending
    sending.close()


class TestDimse(DestinationContract):
    """Against our own router: tests/peers has DCMTK and Orthanc."""

    @pytest.fixture
    def destination(self, serve: Serve, holdings: Holdings) -> Iterator[Destination]:
        running = serve(peers=(Peer("IMX", TRUST),))
        sending = DimseDestination(
            Callee("IMX", "127.0.0.1", running.port), "IMX", holdings.reader, Calling()
        )
        yield sending
        sending.close()

    def test_what_was_sent_is_held_and_nothing_else(
        self, destination: Destination, holdings: Holdings
    ) -> None:
        """One that only stores says so where it is asked."""
        with pytest.raises(NotReached, match="cannot be asked"):
            destination.holds(holdings.leaving(holdings.study(1)))


def test_one_association_for_many_calls(peer: DimseDestination, scp: Scp, holdings: Holdings) -> None:
    for _ in range(5):
        list(peer.send(holdings.leaving(holdings.study(1))))

    assert len(scp.associations) == 1
    assert scp.received == holdings.received


def test_another_kind_of_object_asks_for_a_new_one_that_offers_both(
    peer: DimseDestination, scp: Scp, holdings: Holdings
) -> None:
    ct = holdings.leaving(holdings.study(1))
    mr = holdings.leaving(holdings.study(1, SOPClassUID=MRImageStorage, Modality="MR"))

    for each in (ct, mr, ct, mr):
        assert all(sent.is_kept for sent in peer.send(each))

    assert len(scp.associations) == 2


def test_an_association_that_the_peer_closed_meanwhile_is_no_failure(
    peer: DimseDestination, scp: Scp, holdings: Holdings
) -> None:
    list(peer.send(holdings.leaving(holdings.study(1))))
    scp.associations[0].assoc.abort()

    assert all(sent.is_kept for sent in peer.send(holdings.leaving(holdings.study(2))))
    assert len(scp.associations) == 2


def test_nobody_there(holdings: Holdings) -> None:
    nobody = DimseDestination(Callee("AWAY", "127.0.0.1", 1), "IMX", holdings.reader, Calling())

    with pytest.raises(NotReached, match="nobody answers"):
        list(nobody.send(holdings.leaving(holdings.study(1))))


def test_cut_off_in_the_middle(holdings: Holdings) -> None:
    def cut(event: Event) -> int:
        event.assoc.abort()
        return 0

    with destination(CLASSES, answer=cut) as scp:
        sending = DimseDestination(scp.callee, "IMX", holdings.reader, Calling())
        with pytest.raises(CutOff):
            list(sending.send(holdings.leaving(holdings.study(2))))


@pytest.mark.parametrize(
    ("status", "is_kept", "is_ill"),
    [(0xA700, False, True), (0xC000, False, False), (0xB000, True, False), (0x0124, False, True)],
)
def test_a_status_means_what_the_standard_says(
    holdings: Holdings, status: int, is_kept: bool, is_ill: bool
) -> None:
    with destination(CLASSES, answer=lambda event: status) as scp:
        sending = DimseDestination(scp.callee, "IMX", holdings.reader, Calling())
        [sent] = sending.send(holdings.leaving(holdings.study(1)))
        sending.close()

    assert (sent.is_kept, sent.is_ill) == (is_kept, is_ill)
    assert f"0x{status:04X}" in sent.because


def test_what_the_peer_does_not_take_holds_up_nothing_else(
    peer: DimseDestination, holdings: Holdings
) -> None:
    odd = holdings.leaving(holdings.study(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1", Modality="US"))
    good = holdings.leaving(holdings.study(1))

    sent = list(peer.send([*odd, *good]))

    assert sorted(each.is_kept for each in sent) == [False, True]


@pytest.mark.parametrize("wanted", [JPEG2000Lossless, RLELossless])
def test_what_is_asked_for_is_encoded_without_loss(holdings: Holdings, wanted: str) -> None:
    made = instance(PixelData=bytes(range(32)))
    holdings.keep(made)
    leaving = [replace(each, wanted=wanted) for each in holdings.leaving(str(made.StudyInstanceUID))]
    with destination([(str(CTImageStorage), [wanted])]) as scp:
        sending = DimseDestination(scp.callee, "IMX", holdings.reader, Calling())
        [sent] = sending.send(leaving)
        sending.close()

    assert sent.is_kept
    (data,) = scp.received.values()
    after = dcmread(BytesIO(write_meta("1.2", "1.2", wanted) + data))
    assert after.pixel_array.tobytes() == made.PixelData
