"""What the service stands on goes away for a while: nothing is lost, and it goes on when that comes back."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.conftest import introduce
from tests.peers.load import assert_custody, loaded
from tests.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed, running
from tests.service import Service

MODALITIES = ("CT1", "CT2", "MR1", "MR2")
AWAY_S = 10

pytestmark = pytest.mark.peers


@contextmanager
def served(service: Service) -> Iterator[Service]:
    """Up, and the modalities known."""
    try:
        service.start()
        introduce(service, *MODALITIES)
        yield service
    finally:
        service.stop()


@pytest.fixture
def small_disk(peers_folder: Path) -> Iterator[Path]:
    """A file system of its own, with room for a new service and little more."""
    folder = peers_folder / "small-disk"
    folder.mkdir(mode=0o711)
    mount = ["mount", "-t", "tmpfs", "-o", "size=400m,mode=0711", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only one who may mount can have a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """Without the watermark, which would refuse in time: so that writing itself fails, PostgreSQL's too."""
    ballast = small_disk / "ballast"
    with (
        served(Service(small_disk / "data", environment=("IMX_STORAGE_WATERMARK=1",))) as service,
        loaded(service, tmp_path / "load", MODALITIES) as load,
    ):
        load.wait_for(20)
        fill(ballast)
        load.wait_for_silence(AWAY_S)  # what PostgreSQL had reserved may still be used up

        ballast.unlink()
        service.wait_ready()
        load.wait_for(20)
        load.end()
        assert_custody(service, load.acknowledged())


@pytest.fixture
def seaweed(peers_folder: Path) -> Iterator[Seaweed]:
    with running(peers_folder / f"seaweed{len(list(peers_folder.iterdir()))}") as server:
        yield server


@pytest.mark.parametrize("how", ["hangs", "is killed"])
def test_s3_is_gone(how: str, seaweed: Seaweed, peers_folder: Path, tmp_path: Path) -> None:
    environment = (
        f"IMX_OBJECTS_URL={seaweed.url(seaweed.new_bucket())}",
        f"IMX_OBJECTS_ACCESS_KEY={ACCESS_KEY}",
        f"IMX_OBJECTS_SECRET_KEY={SECRET_KEY}",
    )
    service = Service(peers_folder / f"s3-{how.replace(' ', '-')}", environment=environment)
    with served(service), loaded(service, tmp_path / "load", MODALITIES) as load:
        load.wait_for(20)
        seaweed.hang() if how == "hangs" else seaweed.kill()
        time.sleep(AWAY_S)
        seaweed.wake() if how == "hangs" else seaweed.start()
        service.wait_ready()
        load.wait_for(20)
        load.end()
        assert_custody(service, load.acknowledged())


def fill(ballast: Path) -> None:
    """Take all the room there is."""
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
