"""The real service as its own process, closed, with the senders among its peers and one who may read."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dicom_router.conftest import holdings  # noqa: F401 -- a fixture of ours too
from tests.peers.dicomweb import Reader, reading
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
        introduce(running, *CALLING)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def reader(service: Service) -> Iterator[Reader]:
    """One who may read everything there."""
    with reading(service) as somebody:
        yield somebody


def introduce(service: Service, *titles: str) -> None:
    """Make these senders peers that may store."""
    service.imx("trust", "add", "RBT", "Mid Cheshire")
    for title in titles:
        service.imx("peer", "add", title, "--trust", "RBT", "--plain")
