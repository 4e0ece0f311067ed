"""C-STORE, from a real SCU and from a raw peer, to a door in memory."""

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from dicom_router.services.store import status_of
from exchange.registry import DuplicatePolicy, Peer, Trust
from storage.errors import (
    ArchiveError,
    IndexUnavailable,
    NoRoom,
    ObjectsUnavailable,
    TooLarge,
    Unavailable,
    Unreadable,
)
from storage.receipt import STORE_STATUS, Outcome, Receipt, outcome_of
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.door import MemoryDoor
from tests.dicom_router.raw_peer import CT, RawPeer, command, last_command, last_data, p_data, store_command


def encoded(data_set: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, data_set)
    return buffer.getvalue()


def test_every_outcome_has_a_status() -> None:
    assert set(STORE_STATUS) == set(Outcome)


def test_only_what_is_kept_is_a_success() -> None:
    for outcome in Outcome:
        assert (STORE_STATUS[outcome] == 0x0000) == outcome.is_kept
    assert status_of(Outcome.DIFFERENT, DuplicatePolicy.WARN) == 0xB000
    assert status_of(Outcome.DIFFERENT, DuplicatePolicy.REFUSE) == 0xC001
    assert status_of(Outcome.MISPLACED, DuplicatePolicy.WARN) == 0xC001


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NoRoom(), Outcome.TRY_AGAIN),
        (ObjectsUnavailable(), Outcome.TRY_AGAIN),
        (IndexUnavailable(), Outcome.TRY_AGAIN),
        (TooLarge(5), Outcome.TOO_LARGE),
        (Unreadable("x"), Outcome.UNREADABLE),
    ],
)
def test_every_error_of_the_archive_is_an_outcome(error: ArchiveError, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome


def test_a_real_scu_stores_and_the_data_set_is_the_one_that_went_over_the_wire(serve: Serve) -> None:
    running = serve()
    sent = dcmread(Path(str(get_testdata_file("CT_small.dcm"))))
    scu = AE("MODALITY")
    scu.add_requested_context(CT, ExplicitVRLittleEndian)
    association = scu.associate("127.0.0.1", running.port, ae_title="IMX")
    assert association.is_established

    statuses = [association.send_c_store(sent).Status for _ in range(3)]
    association.release()

    assert statuses == [0x0000] * 3
    assert running.door.kept == {sent.SOPInstanceUID: encoded(sent)}
    assert running.door.outcomes == [Outcome.KEPT, Outcome.ALREADY_KEPT, Outcome.ALREADY_KEPT]
    incoming, origin, _outcome, _because = running.door.arrivals[0]
    assert (incoming.sop_class_uid, incoming.transfer_syntax_uid) == (CT, ExplicitVRLittleEndian)
    assert (origin.peer, origin.trust, origin.issuer) == ("MODALITY", "RBL", "RBL")
    assert origin.accession_issuer == "RBL"
    assert (origin.address, origin.called) == ("127.0.0.1", "IMX")


def test_different_content_is_a_failure_that_says_why(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        assert peer.store(b"one") == 0x0000
        peer.send(p_data(last_command(store_command()), last_data(b"two")))
        answer = peer.answer()
        peer.release()

    assert int.from_bytes(answer[0x0900], "little") == 0xC001
    assert answer[0x0902].strip() == b"same UID, other content"
    assert answer[0x1000].rstrip(b"\0") == b"1.2.3"
    assert running.door.kept == {"1.2.3": b"one"}


def test_a_peer_may_choose_to_be_warned(serve: Serve) -> None:
    running = serve(peers=(Peer("MODALITY", TRUST, duplicates=DuplicatePolicy.WARN),))
    with running.call() as peer:
        peer.associate()
        assert [peer.store(b"one"), peer.store(b"two")] == [0x0000, 0xB000]


def test_a_peer_may_replace(serve: Serve) -> None:
    running = serve(peers=(Peer("MODALITY", TRUST, duplicates=DuplicatePolicy.REPLACE),))
    with running.call() as peer:
        peer.associate()
        peer.store(b"one")

    assert running.door.arrivals[0][0].may_replace


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (NoRoom("the disk is at its watermark"), 0xA700),
        (IndexUnavailable("the database does not answer"), 0xA700),
        (TooLarge(5), 0xA710),
        (Unreadable("no"), 0xC000),
        (RuntimeError("PATIENT^NAME"), 0x0110),
        (Receipt(Outcome.NOT_AS_SAID, "1.2.3", "SOP class differs"), 0xA900),
        (Receipt(Outcome.WITHOUT_UIDS, "1.2.3"), 0xC000),
    ],
)
def test_a_refusal_leaves_the_association_up(
    serve: Serve, logged: list[Any], answer: Receipt | Exception, status: int
) -> None:
    running = serve(door=MemoryDoor([answer]))
    with running.call() as peer:
        peer.associate()
        assert peer.store(bytes(100_000)) == status
        assert peer.store(b"next", "1.2.4") == 0x0000
        peer.release()

    assert running.door.kept == {"1.2.4": b"next"}
    assert "PATIENT" not in str(logged)


def test_too_large_by_our_own_limit(serve: Serve) -> None:
    running = serve(object_limit=1000)
    with running.call() as peer:
        peer.associate()
        assert [peer.store(bytes(1000), "1.1"), peer.store(bytes(1001), "1.2")] == [0x0000, 0xA710]
        assert peer.store(b"next", "1.3") == 0x0000

    assert set(running.door.kept) == {"1.1", "1.3"}


def test_a_refused_data_set_that_does_not_end_is_given_up(serve: Serve) -> None:
    running = serve(object_limit=1000)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())))
        for _ in range(5):
            peer.send(p_data(b"\0\0\x02\x02\x01\0" + bytes(512)))

        assert peer.read() == (0x07, bytes([0, 0, 0, 0]))


def test_a_peer_that_may_not_store_is_refused_and_recorded(serve: Serve) -> None:
    running = serve(peers=(Peer("MODALITY", TRUST, may_store=False),))
    with running.call() as peer:
        peer.associate()
        assert peer.store(b"data") == 0x0124
        peer.send(p_data(last_command(command(0x0030, sop="1.2.840.10008.1.1"), 3)))
        assert peer.status() == 0x0000

    assert running.door.kept == {}
    assert running.door.outcomes == [Outcome.REFUSED]


def test_a_class_that_is_not_taken_is_refused(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command(sop="1.2.840.10008.5.1.4.38.1")), last_data(b"data")))
        assert peer.status() == 0x0122
        assert peer.store(b"data") == 0x0000


def test_a_store_without_a_data_set_is_refused(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command(data=False))))
        assert peer.status() == 0xC000
        assert peer.store(b"data") == 0x0000

    assert running.door.outcomes == [Outcome.UNREADABLE, Outcome.KEPT]


def test_an_attempt_that_breaks_off_is_recorded_and_keeps_nothing(serve: Serve, logged: list[Any]) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())), p_data(b"\0\0\x00\x06\x01\0head"))
    running.until_quiet()

    assert running.door.kept == {}
    assert running.door.outcomes == [Outcome.TRY_AGAIN]
    assert logged[-1]["ending"] == "peer vanished"
    assert logged[-1]["failed"] == 1


def test_one_line_an_association(serve: Serve, logged: list[Any]) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        for data in (b"one", b"one", b"other"):
            peer.store(data)
        peer.release()
    running.until_quiet()

    line = next(entry for entry in logged if entry["event"] == "association.ended")
    line.pop("seconds")
    assert line == {
        "event": "association.ended",
        "log_level": "info",
        "peer": "MODALITY",
        "trust": "RBL",
        "address": "127.0.0.1",
        "software": "1.2.3.4",
        "tls": False,
        "kept": 1,
        "already_kept": 1,
        "failed": 1,
        "bytes": 11,
        "ending": "released",
        "because": None,
    }


def test_a_large_object_comes_in_pieces(serve: Serve) -> None:
    running = serve()
    data = bytes(range(256)) * 40_000
    with running.call() as peer:
        peer.associate()
        _store_in_pdus(peer, data, 16_000)

    assert running.door.kept["1.2.3"] == data
    assert max(running.door.sizes) <= 16_000


def _store_in_pdus(peer: RawPeer, data: bytes, size: int) -> None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    peer.send(p_data(last_command(store_command())))
    for piece in pieces[:-1]:
        peer.send(p_data((len(piece) + 2).to_bytes(4, "big") + b"\x01\x00" + piece))
    peer.send(p_data(last_data(pieces[-1])))
    assert peer.status() == 0x0000


def test_open_services_take_strangers_in_the_name_of_the_open_trust(serve: Serve) -> None:
    running = serve(open_to_all=True, open_trust=Trust("DEMO", "Demo", "DEMO"))
    with running.call() as peer:
        peer.associate(calling="NOBODY")
        assert peer.store(b"data") == 0x0000

    assert running.door.arrivals[0][1].trust == "DEMO"


def test_unavailable_while_recording_a_refusal_changes_nothing(serve: Serve) -> None:
    class AwayDoor(MemoryDoor):
        def turn_away(self, *_about: object) -> None:
            raise Unavailable("the database does not answer")

    running = serve(door=AwayDoor(), peers=(Peer("MODALITY", TRUST, may_store=False),))
    with running.call() as peer:
        peer.associate()
        assert peer.store(b"data") == 0x0124
