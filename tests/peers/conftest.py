"""The real service as its own process, closed, with the senders among its peers and one who may read."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.dicomweb import Reader
from tests.service import Service

CALLING = ("DCMSEND", "STORESCU", "DCMJS", "PYNETDICOM")


@pytest.fixture(scope="session")
def peers_folder() -> Iterator[Path]:
    """A folder that the embedded database's own user may pass through, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="imx-peers-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def service(peers_folder: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """One for each module of tests."""
    running = Service(peers_folder / request.module.__name__.rpartition(".")[2])
    try:
        running.start()
        introduce(running)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def reader(service: Service) -> Reader:
    """One who may read everything there."""
    return Reader(service.url, service.token())


def introduce(service: Service) -> None:
    """Make every sender of these tests a peer that may store."""
    service.imx("trust", "add", "RBT", "Mid Cheshire")
    for title in CALLING:
        service.imx("peer", "add", title, "--trust", "RBT")
