"""Slow, silent and too many peers cannot hold a place for ever."""

import select
import threading
from time import sleep

import pytest

from dicom_router.acceptor import SILENT_PER_ADDRESS, SPARE_THREADS
from dicom_router.errors import Ending, Rejection
from dicom_router.pdus import PduType
from dicom_router.settings import RouterSettings
from exchange.refusals import Reason
from exchange.registry import Peer
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.raw_peer import (
    RawPeer,
    association_request,
    last_command,
    last_data,
    p_data,
    pdu,
    pdv,
    store_command,
)

ABORT_BY_USER = (PduType.ABORT, bytes(4))


def test_silence_before_a_request_is_hung_up_on(serve: Serve) -> None:
    running = serve(artim_s=0.2)
    with running.call() as peer:
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.PEER_STALLED.value]


def test_a_request_byte_by_byte_is_hung_up_on(serve: Serve) -> None:
    running = serve(artim_s=0.3)
    with running.call() as peer:
        _trickle(peer, association_request(), 0.05)

    assert running.endings() == [Ending.PEER_STALLED.value]


def test_silence_between_messages_is_aborted(serve: Serve) -> None:
    running = serve(idle_s=0.2)
    with running.call() as peer:
        peer.associate()
        assert peer.store(b"data") == 0x0000
        assert peer.read() == ABORT_BY_USER

    assert running.endings() == [Ending.PEER_STALLED.value]


@pytest.mark.parametrize(
    "opening",
    [
        b"\x04",
        p_data(pdv(1, 1, b"\0\0")),
        p_data(last_command(store_command())),
        p_data(last_command(store_command()), pdv(1, 0, b"head")),
        p_data(last_command(store_command())) + pdu(4, pdv(1, 2, bytes(100)))[:50],
    ],
)
def test_silence_within_a_message_is_aborted(serve: Serve, opening: bytes) -> None:
    running = serve(stall_s=0.2)
    with running.call() as peer:
        peer.associate()
        peer.send(opening)
        assert peer.read() == ABORT_BY_USER

    assert running.endings() == [Ending.PEER_STALLED.value]
    assert running.door.kept == {}


def test_a_command_byte_by_byte_is_aborted(serve: Serve) -> None:
    running = serve(stall_s=0.3)
    with running.call() as peer:
        peer.associate()
        _trickle(peer, p_data(last_command(store_command())), 0.05)

    assert running.endings() == [Ending.PEER_STALLED.value]


def test_a_data_set_byte_by_byte_is_aborted(serve: Serve) -> None:
    running = serve(stall_s=0.3, slowest_bytes_per_s=1000)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())))
        _trickle(peer, p_data(last_data(bytes(1000))), 0.05)

    assert running.endings() == [Ending.PEER_STALLED.value]


@pytest.mark.parametrize("may_store", [True, False])
def test_empty_fragments_hold_no_place(serve: Serve, may_store: bool) -> None:
    peer_entry = Peer("MODALITY", TRUST, may_store=may_store)
    limits = {"stall_s": 0.3} if may_store else {"discard_s": 0.3, "slowest_bytes_per_s": 0}
    running = serve(peers=(peer_entry,), **limits)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())))
        _trickle(peer, p_data(pdv(1, 0, b"")) * 100, 0.05, step=12)

    assert running.endings() == [Ending.PEER_STALLED.value]


def test_a_slow_but_steady_peer_is_served(serve: Serve) -> None:
    running = serve(stall_s=0.3, slowest_bytes_per_s=10)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())))
        wire = p_data(last_data(bytes(200)))
        for start in range(0, len(wire), 10):
            peer.send(wire[start : start + 10])
            sleep(0.03)
        assert peer.status() == 0x0000


def test_time_that_the_archive_takes_is_not_the_peers(serve: Serve) -> None:
    running = serve(stall_s=0.2, idle_s=5)
    accept = running.door.accept

    def slowly(*about: object) -> object:
        sleep(0.6)
        return accept(*about)  # type: ignore[arg-type]

    running.door.accept = slowly  # type: ignore[assignment, method-assign]
    with running.call() as peer:
        peer.associate()
        assert peer.store(bytes(100_000)) == 0x0000


def test_a_refused_data_set_is_not_read_for_ever(serve: Serve) -> None:
    running = serve(peers=(Peer("MODALITY", TRUST, may_store=False),), discard_s=0.3, slowest_bytes_per_s=0)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())))
        _trickle(peer, p_data(last_data(bytes(1000))), 0.05)

    assert running.endings() == [Ending.PEER_STALLED.value]


def test_too_many_associations_are_a_transient_rejection(serve: Serve) -> None:
    peers = tuple(Peer(title, TRUST) for title in ("A", "B", "C"))
    running = serve(peers=peers, association_limit=2)
    with running.call() as first, running.call() as second, running.call() as third:
        first.associate(calling="A")
        second.associate(calling="B")
        third.send(association_request(calling="C"))
        assert third.read() == (PduType.ASSOCIATE_RJ, bytes([0, *Rejection.LOCAL_LIMIT_EXCEEDED.value]))
        assert first.store(b"data") == 0x0000
        first.release()
        with running.call() as fourth:
            fourth.associate(calling="C")

    (refusal,) = running.peers.refusals
    assert (refusal.calling, refusal.reason) == ("C", Reason.OTHER)
    assert refusal.because == "all 2 associations of this service are in use"


def test_a_peer_cannot_take_every_place(serve: Serve) -> None:
    running = serve(peers=(Peer("A", TRUST), Peer("B", TRUST, association_limit=2)), associations_per_peer=1)
    with running.call() as first, running.call() as second, running.call() as third, running.call() as fourth:
        first.associate(calling="A")
        second.send(association_request(calling="A"))
        assert second.read()[0] == PduType.ASSOCIATE_RJ
        third.associate(calling="B")
        fourth.associate(calling="B")


def test_a_flood_of_silent_connections_delays_a_peer_and_no_more(serve: Serve) -> None:
    running = serve(association_limit=1, artim_s=0.5)
    silent = [running.call() for _ in range(60)]
    try:
        with running.call() as peer:
            peer.associate()
            assert peer.store(b"data") == 0x0000
            peer.release()
    finally:
        for connection in silent:
            connection.connection.close()


def test_the_silent_of_one_address_make_room_for_who_speaks(serve: Serve) -> None:
    running = serve(association_limit=1, artim_s=60, idle_s=60)
    with running.call() as established:
        established.associate()
        silent = [running.call() for _ in range(SILENT_PER_ADDRESS + SPARE_THREADS)]
        try:
            assert [peer.read() for peer in silent[:SPARE_THREADS]] == [(0, b"")] * SPARE_THREADS
            assert established.store(b"data") == 0x0000
            established.release()
            with running.call() as peer:
                peer.associate()
                assert peer.store(b"data") == 0x0000
        finally:
            for connection in silent:
                connection.connection.close()


def test_many_peers_at_once(serve: Serve) -> None:
    running = serve(peers=tuple(Peer(f"P{number}", TRUST) for number in range(12)))

    def push(number: int) -> None:
        with running.call() as peer:
            peer.associate(calling=f"P{number}")
            for instance in range(20):
                assert peer.store(bytes([number]) * 5000, f"1.{number}.{instance}") == 0x0000
            peer.release()

    threads = [threading.Thread(target=push, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(running.door.kept) == 240
    assert all(data == bytes([int(uid.split(".")[1])]) * 5000 for uid, data in running.door.kept.items())


@pytest.mark.parametrize(
    "wrong",
    [
        {"ae_title": ""},
        {"ae_title": "SEVENTEEN_LETTERS"},
        {"other_titles": ("BACK\\SLASH",)},
        {"max_pdu": 100},
        {"open_to_all": True},
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: object, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"AE title|max_pdu|open_trust"):
        RouterSettings(slots_folder=tmp_path, **wrong)  # type: ignore[arg-type]


def _trickle(peer: RawPeer, wire: bytes, pause_s: float, step: int = 1) -> None:
    """A few bytes at a time, until the other side says something, or hangs up."""
    for start in range(0, len(wire), step):
        peer.send(wire[start : start + step])
        if select.select([peer.connection], [], [], pause_s)[0]:
            return
    raise AssertionError("nobody minded")
