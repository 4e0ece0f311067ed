"""How a router stops."""

import threading
from collections.abc import Iterable
from pathlib import Path

from dicom_router.acceptor import Router
from dicom_router.errors import Ending
from dicom_router.pdus import PduType
from dicom_router.settings import RouterSettings
from storage.ingest import Incoming
from storage.objects import Bytes
from storage.origin import Origin
from storage.receipt import Receipt
from tests.dicom_router.conftest import Serve
from tests.dicom_router.door import MemoryDoor
from tests.dicom_router.raw_peer import last_command, last_data, p_data, pdv, store_command

ABORT_BY_USER = (PduType.ABORT, bytes(4))


class SlowDoor(MemoryDoor):
    """Says when it is at work, and waits for leave to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_at_work, self.may_go_on = threading.Event(), threading.Event()

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        self.is_at_work.set()
        assert self.may_go_on.wait(10)
        return super().accept(incoming, chunks, origin)


def test_a_silent_association_is_aborted_at_once(serve: Serve) -> None:
    running = serve(stall_s=1)
    with running.call() as peer:
        peer.associate()
        running.router.drain(10)
        assert peer.read() == ABORT_BY_USER

    running.thread.join(5)
    assert not running.thread.is_alive()
    assert running.endings() == [Ending.DRAINED.value]


def test_what_is_being_stored_is_stored_and_answered(serve: Serve) -> None:
    door = SlowDoor()
    running = serve(door=door, stall_s=1)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command()), last_data(b"data")))
        assert door.is_at_work.wait(10)
        running.router.drain(10)
        door.may_go_on.set()
        assert peer.status() == 0x0000
        assert peer.read() == ABORT_BY_USER

    assert door.kept == {"1.2.3": b"data"}


def test_what_is_still_coming_when_the_grace_ends_is_aborted(serve: Serve) -> None:
    running = serve(stall_s=1)
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command()), pdv(1, 0, b"head")))
        running.router.drain(0.1)
        assert peer.read() == ABORT_BY_USER

    assert running.door.kept == {}


def test_nobody_new_is_served(serve: Serve) -> None:
    running = serve(stall_s=1)
    with running.call() as silent:
        running.router.drain(0.1)
        assert silent.read() == (0, b"")
    running.thread.join(5)

    assert not running.thread.is_alive()


def test_two_routers_on_one_socket_share_the_work(serve: Serve, tmp_path: Path) -> None:
    running = serve()
    listener = next(iter(running.router._listeners.values()))[0]
    second = Router(RouterSettings(slots_folder=tmp_path / "slots"), running.door, running.peers, [listener])
    thread = threading.Thread(target=second.serve)
    thread.start()
    try:
        for number in range(20):
            with running.call() as peer:
                peer.associate()
                assert peer.store(b"data", f"1.{number}") == 0x0000
                peer.release()
    finally:
        second.drain(0)
        thread.join(10)

    assert not thread.is_alive()
    assert len(running.door.kept) == 20
