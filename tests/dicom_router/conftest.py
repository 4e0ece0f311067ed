"""A router on a real socket, with a door that keeps in memory, and peers to call it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import structlog
from psycopg_pool import ConnectionPool

from dicom_router.acceptor import Router
from dicom_router.association import CurrentContext
from dicom_router.reading import Reading
from dicom_router.services.table import Services
from dicom_router.settings import RouterSettings
from exchange.refusals import Refusal
from exchange.registry import Peer, Trust
from storage.errors import Unavailable
from storage.files import FileObjects
from tests.dicom_router.door import MemoryDoor
from tests.dicom_router.holdings import Holdings
from tests.dicom_router.raw_peer import RawPeer
from tests.dicom_router.region import Region
from tests.storage.shelf import Shelf

TRUST = Trust(ods_code="RBL", name="Wirral", issuer="RBL")


@dataclass
class KnownPeers:
    """A registry in memory."""

    entries: dict[str, Peer]
    refusals: list[Refusal] = field(default_factory=list)
    is_away: bool = False

    def named(self, calling: str, address: str) -> Peer | None:
        if self.is_away:
            raise Unavailable("the database does not answer")
        return self.entries.get(calling)

    def note_refusal(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)


@dataclass(frozen=True)
class Running:
    """A router in a thread of its own."""

    router: Router
    door: MemoryDoor
    peers: KnownPeers
    port: int
    thread: threading.Thread
    logged: list[Any]

    def until_quiet(self) -> None:
        """Until every association has ended."""
        with self.router._changed:
            assert self.router._changed.wait_for(lambda: not self.router.active, 10)

    def endings(self) -> list[str]:
        """How the associations ended, as their log lines say."""
        self.until_quiet()
        return [entry["ending"] for entry in self.logged if entry["event"] == "association.ended"]

    def call(self, **options: Any) -> RawPeer:
        """A raw connection to it."""
        return RawPeer(socket.create_connection(("127.0.0.1", self.port), timeout=60), **options)


Serve = Callable[..., Running]


@pytest.fixture
def serve(tmp_path: Path, logged: list[Any]) -> Iterator[Serve]:
    """Starts routers; drained and checked afterwards."""
    with ExitStack() as stack:

        def start(
            *,
            door: MemoryDoor | None = None,
            peers: tuple[Peer, ...] = (Peer("MODALITY", TRUST),),
            tls: CurrentContext | None = None,
            services: Services = MappingProxyType({}),
            plain_allowed: bool = True,  # every peer speaks plain here, unless the test is about that
            **settings: Any,
        ) -> Running:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
            defaults = RouterSettings(slots_folder=tmp_path / "slots", idle_s=10, stall_s=5, artim_s=5)
            if plain_allowed and not tls:
                peers = tuple(replace(each, plain_allowed=True) for each in peers)
            registry = KnownPeers({each.ae_title: each for each in peers})
            kept = door or MemoryDoor()
            router = Router(
                replace(defaults, **settings),
                kept,
                registry,
                [] if tls else [listener],
                services=services,
                tls=[(listener, tls)] if tls else [],
            )
            thread = threading.Thread(target=router.serve)
            thread.start()
            running = Running(router, kept, registry, listener.getsockname()[1], thread, logged)
            stack.callback(_stop, running)
            return running

        yield start


def _stop(running: Running) -> None:
    running.router.drain(0)
    running.thread.join(20)
    assert not running.thread.is_alive()
    assert running.router.active == 0


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged during a test."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def holdings(database: str, tmp_path: Path) -> Iterator[Holdings]:
    """An archive on a real database and files, to be filled."""
    with ConnectionPool(database, min_size=1, max_size=20, timeout=60) as pool:
        shelf = Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))
        with closing(Reading(database, shelf.objects, 4)) as reading:
            yield Holdings(shelf, reading)


@pytest.fixture
def region(database: str, tmp_path: Path) -> Iterator[Region]:
    """Three trusts, two workstations, and no rules yet."""
    with ConnectionPool(database, min_size=1, max_size=8) as pool:
        made = Region(Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0)))
        made.workstations("WS1", "WS2")
        yield made
