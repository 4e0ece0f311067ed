"""What leaves for a peer, byte for byte, and what becomes of each instance."""

import os
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom.events import Event

from dicom_router.commands import Originator, Priority
from dicom_router.errors import PeerAborted, PeerVanished, RejectedByPeer, Unreached
from dicom_router.requestor import Callee
from dicom_router.sender import Sender
from dicom_router.storing import Manner, Sent
from storage.corrections import Correction
from storage.ingest import Incoming
from storage.leaving import Leaving
from storage.objects import Bytes
from storage.origin import Origin
from storage.part10 import write_meta
from storage.receipt import Outcome, Receipt
from storage.staging import StagedObjects
from tests.dicom_router.conftest import Serve
from tests.dicom_router.door import MemoryDoor
from tests.dicom_router.holdings import Destination, Holdings, destination
from tests.storage.material import instance
from tests.storage.strategies import write

BOTH = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
CT_AND_MR = [(CTImageStorage, BOTH), (MRImageStorage, BOTH)]
NATIVE = [*BOTH, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def sent_to(to: Destination, holdings: Holdings, leaving: Sequence[Leaving]) -> list[Sent]:
    return list(Sender(reader=holdings.reader).send(to.callee, "IMX", leaving))


@pytest.mark.parametrize("max_pdu", [0, 4096, 16382, 1 << 20])
def test_a_study_arrives_as_it_was_received(holdings: Holdings, max_pdu: int) -> None:
    study = holdings.study(3, PixelData=os.urandom(300_000), Rows=300, Columns=500)
    with destination(CT_AND_MR, max_pdu=max_pdu) as to:
        sent = sent_to(to, holdings, holdings.leaving(study))

    assert [each.status for each in sent] == [0, 0, 0]
    assert to.received == holdings.received
    assert len(to.associations) == 1


@pytest.mark.parametrize("stored", NATIVE)
@pytest.mark.parametrize("taken", [NATIVE, BOTH, [ImplicitVRLittleEndian]])
def test_native_leaves_as_it_is_or_written_anew(
    holdings: Holdings, stored: str, taken: Sequence[str]
) -> None:
    made = instance(PixelData=bytes(range(32)))
    uid = holdings.keep(made, stored)
    with destination([(CTImageStorage, taken)]) as to:
        (sent,) = sent_to(to, holdings, holdings.leaving(str(made.StudyInstanceUID)))

    assert sent == Sent(uid, 0)
    syntax = stored if stored in taken else taken[0]
    assert to.syntaxes == {uid: syntax}
    if stored in taken:
        assert to.received == holdings.received
    else:
        assert to.received[uid] == write(made, syntax).data


def test_lossy_is_decompressed_where_it_must_be_and_says_so_for_ever(holdings: Holdings) -> None:
    path = Path(str(get_testdata_file("SC_rgb_jpeg_dcmtk.dcm")))
    uid = holdings.keep_file(path)
    before = dcmread(path)
    with destination([(SecondaryCaptureImageStorage, [ImplicitVRLittleEndian])]) as to:
        (sent,) = sent_to(to, holdings, holdings.leaving(str(before.StudyInstanceUID)))

    assert before.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert sent.is_kept
    after = dcmread(BytesIO(write_meta("1.2", "1.2", ImplicitVRLittleEndian) + to.received[uid]))
    assert after.LossyImageCompression == "01"
    assert (after.pixel_array == before.pixel_array).all()


def test_what_the_peer_does_not_take_is_said_and_the_rest_is_sent(holdings: Holdings) -> None:
    study = holdings.study(2)
    mr = holdings.keep(instance(StudyInstanceUID=study, SOPClassUID=MRImageStorage))
    with destination([(CTImageStorage, BOTH)]) as to:
        sent = sent_to(to, holdings, holdings.leaving(study))

    assert {each.uid: each.status for each in sent} == dict.fromkeys(to.received, 0) | {mr: None}
    assert next(each.because for each in sent if each.uid == mr) == "the peer does not take MR Image Storage"


def test_corrections_are_applied_on_the_way(holdings: Holdings) -> None:
    study = holdings.study(1, PatientID="1")
    named = Correction({"00100020": {"vr": "LO", "Value": ["2"]}}, "CORRECT", datetime.now(UTC))
    leaving = [Leaving(each.stored, (named,)) for each in holdings.leaving(study)]
    with destination(CT_AND_MR) as to:
        sent_to(to, holdings, leaving)

    (data,) = to.received.values()
    after = dcmread(BytesIO(write_meta("1.2", "1.2", ExplicitVRLittleEndian) + data))
    assert after.PatientID == "2"
    assert after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == "1"


def test_priority_and_originator_are_said(holdings: Holdings) -> None:
    study = holdings.study(1)
    manner = Manner(priority=Priority.LOW, originator=Originator("ASKER", 5))
    with destination(CT_AND_MR) as to:
        list(Sender(reader=holdings.reader).send(to.callee, "IMX", holdings.leaving(study), manner))

    (request,) = to.requests
    assert request.Priority == 2
    assert request.MoveOriginatorApplicationEntityTitle == "ASKER"
    assert request.MoveOriginatorMessageID == 5


def test_an_object_that_is_gone_fails_alone(holdings: Holdings) -> None:
    study = holdings.study(3)
    holdings.shelf.move()
    leaving = holdings.leaving(study)
    holdings.shelf.store.delete(leaving[1].stored.key)
    with destination(CT_AND_MR) as to:
        sent = sent_to(to, holdings, leaving)

    by_uid = {each.uid: each.status for each in sent}
    assert by_uid == {
        leaving[0].stored.uid: 0,
        leaving[1].stored.uid: None,
        leaving[2].stored.uid: 0,
    }


def test_an_object_that_breaks_off_costs_its_association_and_no_other_instance(holdings: Holdings) -> None:
    study = holdings.study(1, PixelData=os.urandom(6_000_000))
    holdings.keep(instance(StudyInstanceUID=study))
    leaving = holdings.leaving(study)
    large = max(leaving, key=lambda each: each.stored.size)
    (path,) = (
        path
        for path in Path(str(holdings.shelf.store._path)).rglob("*.dcm")  # type: ignore[attr-defined]
        if path.stat().st_size > 1_000_000
    )

    class Cutting(StagedObjects):
        """Its files are cut short while they are read."""

        def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
            for number, chunk in enumerate(StagedObjects.read(self, key, start, stop)):
                if number == 1:
                    os.truncate(path, 2_000_000)
                yield chunk

    cutting = Cutting(holdings.shelf.store, holdings.shelf.pool)
    with destination(CT_AND_MR) as to:
        sender = Sender(reader=replace(holdings.reader, objects=cutting))
        sent = list(sender.send(to.callee, "IMX", sorted(leaving, key=lambda each: -each.stored.size)))

    assert {each.uid: each.is_kept for each in sent} == {
        each.stored.uid: each is not large for each in leaving
    }
    assert len(to.associations) == 2


class CountingDoor(MemoryDoor):
    """Keeps nothing but the length."""

    length = 0

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        for chunk in chunks:
            self.length += len(chunk)
        return Receipt(Outcome.KEPT, incoming.sop_instance_uid)


def test_a_300_mb_instance_passes_through(holdings: Holdings, serve: Serve) -> None:
    size = 300 * 1024 * 1024
    made = instance(PixelData=b"")
    head = write(made, ExplicitVRLittleEndian).data[: -len(b"\xe0\x7f\x10\x00OW\0\0\0\0\0\0")]
    uid = str(made.SOPInstanceUID)

    def chunks() -> Iterator[bytes]:
        yield head + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
        for _ in range(300):
            yield bytes(1024 * 1024)

    receipt = holdings.shelf.ingest.accept(
        Incoming(CTImageStorage, uid, ExplicitVRLittleEndian), chunks(), holdings.origin
    )
    assert receipt.outcome.is_kept
    leaving = holdings.leaving(str(made.StudyInstanceUID))
    door = CountingDoor()
    router = serve(door=door)
    callee = Callee("IMX", "127.0.0.1", router.port)
    tracemalloc.start()
    try:
        (sent,) = Sender(reader=holdings.reader).send(callee, "MODALITY", leaving)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sent.status == 0
    assert door.length == len(head) + 12 + size
    assert peak < 16 * 1024 * 1024


def test_a_peer_that_breaks_off_is_an_error_and_what_it_had_answered_is_known(holdings: Holdings) -> None:
    study = holdings.study(3)

    def answer(event: Event) -> int:
        if len(to.received) == 1:
            event.assoc.abort()
        return 0

    known = []
    with destination(CT_AND_MR, answer=answer) as to:
        sending = Sender(reader=holdings.reader).send(to.callee, "IMX", holdings.leaving(study))
        known.append(next(sending))
        with pytest.raises((PeerAborted, PeerVanished)):
            next(sending)

    assert [each.status for each in known] == [0]


def test_who_is_not_there_and_who_does_not_want_us(holdings: Holdings) -> None:
    leaving = holdings.leaving(holdings.study(1))
    sender = Sender(reader=holdings.reader)
    with destination(CT_AND_MR) as to:
        to.ae.require_calling_aet = ["SOMEBODY"]
        with pytest.raises(RejectedByPeer, match="does not know our AE title"):
            list(sender.send(to.callee, "IMX", leaving))
    with pytest.raises(Unreached):
        list(sender.send(to.callee, "IMX", leaving))
