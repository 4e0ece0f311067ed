"""Memory does not grow with the object, however large and however it is put together.

GIANT_MB=2048 make peers takes the sizes that we promise; by default they are those that CI has time for.
"""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.peers import giants
from tests.peers.conftest import introduce
from tests.peers.dicomweb import Reader, reading
from tests.peers.giants import Giant
from tests.ports import free_port
from tests.processes import forget_peaks, memory_bytes, peak_bytes
from tests.service import Service

MIB = 1 << 20
SIZE = int(os.environ.get("GIANT_MB", "256")) * MIB

GROWTH_AT_MOST = 100 * MIB
SENDER = "GIANTS"

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600 + SIZE // MIB)]

Make = Callable[[Path], Giant]

#: What is promised, and what it is here.
ACCEPTED: dict[str, Make] = {
    "2 GB native": lambda path: giants.native(path, SIZE),
    "2 GB deflated": lambda path: giants.deflated(path, SIZE),
    "1 GB document": lambda path: giants.document(path, SIZE // 2),
    "180,000 fragments": lambda path: giants.fragmented(path, 180_000),
    "100,000 per-frame items": lambda path: giants.functional_groups(path, 100_000),
}


@dataclass(frozen=True, slots=True)
class Tls:
    """A listener that our sender trusts."""

    port: int
    authority: Path


@pytest.fixture(scope="module")
def tls(peers_folder: Path) -> Tls:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(peers_folder / "authority.pem"))
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(peers_folder / "server.pem"))
    return Tls(free_port(), peers_folder / "authority.pem")


@pytest.fixture(scope="module")
def service(peers_folder: Path, tls: Tls) -> Iterator[Service]:
    """One with a TLS listener too."""
    certificate = peers_folder / "server.pem"
    environment = (
        f"IMX_TLS_CERTIFICATE={certificate}",
        f"IMX_TLS_KEY={certificate}",
        f"IMX_TLS_PORT={tls.port}",
    )
    running = Service(peers_folder / "memory", environment=environment)
    try:
        running.start()
        introduce(running, SENDER)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def warm_reader(service: Service, tls: Tls, peers_folder: Path) -> Iterator[Reader]:
    """One who may read, of a service that has done everything once."""
    with reading(service) as reader:
        for over_tls in (None, tls):
            for _ in range(4):  # each of several processes
                small = giants.native(peers_folder / "small.dcm", MIB)
                assert send(service, small, over_tls) == 0
                reader.retrieve(small.study_uid, small.series_uid, small.instance_uid)
        yield reader


@pytest.mark.parametrize("what", ACCEPTED)
def test_a_giant_passes_through(what: str, service: Service, warm_reader: Reader, tmp_path: Path) -> None:
    passes_through(ACCEPTED[what](tmp_path / "giant.dcm"), service, warm_reader, None)


def test_a_giant_passes_through_tls(service: Service, warm_reader: Reader, tls: Tls, tmp_path: Path) -> None:
    passes_through(giants.native(tmp_path / "giant.dcm", SIZE), service, warm_reader, tls)


def test_a_bomb_is_refused(service: Service, warm_reader: Reader, tmp_path: Path) -> None:
    bomb = giants.bomb(tmp_path / "bomb.dcm", SIZE)
    with watched(service) as growth:
        assert send(service, bomb, None) != 0
    assert growth.most < GROWTH_AT_MOST
    assert warm_reader.find_instance(bomb.instance_uid) == []


def passes_through(giant: Giant, service: Service, reader: Reader, tls: Tls | None) -> None:
    """It is received and given back, the same, while the memory of all our processes hardly grows."""
    with watched(service) as growth:
        assert send(service, giant, tls) == 0
        received = growth.most
        [_] = reader.find_instance(giant.instance_uid)
        back = reader.retrieve(giant.study_uid, giant.series_uid, giant.instance_uid)
    print(
        f"{back.size // MIB} MiB: grew by {received // MIB} MiB to receive, {growth.most // MIB} MiB in all"
    )
    assert (back.sha256, back.size) == digest_of(giant.path)
    assert growth.most < GROWTH_AT_MOST
    giant.path.unlink()


def send(service: Service, giant: Giant, tls: Tls | None) -> int:
    """`imx send`, which streams; its exit status."""
    port = tls.port if tls else service.dicom_port
    options = ("--tls", "--ca", str(tls.authority)) if tls else ()
    to = ("--to", f"IMX@127.0.0.1:{port}", "--from", SENDER)
    command = [sys.executable, "-m", "imx", "send", str(giant.path), *to, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    return done.returncode


@dataclass
class Growth:
    """By how much the memory of a service has grown at most, in bytes."""

    most: int = 0


@contextmanager
def watched(service: Service) -> Iterator[Growth]:
    """Look again and again, and let the kernel note the peaks of our own processes, which it never misses.

    It cannot for PostgreSQL's: to them it counts the buffers that they share.
    """
    growth, over = Growth(), threading.Event()
    everyone = [each.pid for each in service.family()]
    ours = [each.pid for each in service.family() if "imx" in each.command and "postgres" not in each.command]
    before, ours_before = memory_bytes(everyone), forget_peaks(ours)

    def look() -> None:
        while not over.wait(0.1):
            at_once = max(memory_bytes(everyone) - before, peak_bytes(ours) - ours_before)
            growth.most = max(growth.most, at_once)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield growth
    finally:
        over.set()
        looking.join()


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size of the data set in a Part 10 file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        meta_length = int.from_bytes(file.read(144)[140:], "little")
        file.seek(144 + meta_length)
        while block := file.read(MIB):
            digest.update(block)
        return digest.hexdigest(), file.tell() - 144 - meta_length
