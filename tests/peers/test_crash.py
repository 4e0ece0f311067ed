"""Any process may die at any instant: nothing that a sender was told is kept is lost, or changed.

CRASHES=50 make peers kills fifty times instead of five. SEED repeats a run's choices.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.conftest import introduce
from tests.peers.load import assert_custody, loaded
from tests.ports import free_port
from tests.processes import Process
from tests.service import NotReady, Service

CRASHES = int(os.environ.get("CRASHES", "5"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))

MODALITIES = ("CT1", "CT2", "MR1", "MR2")

#: A part of the service, and how its command line begins or what it holds.
PARTS = {
    "router": "imx.child router",
    "api": "imx.child api",
    "hl7": "imx.child hl7",
    "worker": "imx.child worker",
    "postgres": "bin/postgres -D",
    "database connection": "postgres: imx imx",
    "supervisor": "-m imx serve",
}

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600 + 60 * CRASHES)]


@pytest.fixture
def crashed(peers_folder: Path) -> Iterator[Service]:
    """A service of its own for each test."""
    service = Service(
        peers_folder / f"crash{len(list(peers_folder.iterdir()))}",
        environment=(f"IMX_HL7_PORT={free_port()}",),
    )
    try:
        service.start()
        introduce(service, *MODALITIES)
        yield service
    finally:
        service.stop()


def test_a_kill_at_any_moment_loses_nothing(crashed: Service, tmp_path: Path) -> None:
    print(f"SEED={SEED} CRASHES={CRASHES}")  # shown when it fails
    chance = random.Random(SEED)
    order = [
        part for _ in range(CRASHES // len(PARTS) + 1) for part in chance.sample(list(PARTS), len(PARTS))
    ]
    with loaded(crashed, tmp_path / "load", MODALITIES) as load:
        load.wait_for(20)
        for part in order[:CRASHES]:
            time.sleep(chance.uniform(0.1, 1.5))
            kill(crashed, part, chance)
            print(f"killed {part} after {len(load.acknowledged())} were acknowledged")
            if chance.random() < 0.7:  # otherwise the next is killed while this one comes back
                crashed.wait_ready()
        crashed.wait_ready()
        load.wait_for(20)
    assert_custody(crashed, load.acknowledged())


def kill(service: Service, part: str, chance: random.Random) -> None:
    """kill -9 one process of that part; a killed supervisor is started again, as an init system does."""
    victims = [each for each in service.family() if is_part(each, part)]
    if not victims:
        return  # it is on its way back
    os.kill(chance.choice(victims).pid, signal.SIGKILL)
    if part == "supervisor":
        assert service.process is not None
        service.process.wait()
        start_again(service)


def start_again(service: Service) -> None:
    """As an init system does: a command that looks into the data may have them for a moment."""
    for left in reversed(range(30)):
        try:
            service.start()
        except NotReady:
            if not left or (service.process is not None and service.process.poll() is None):
                raise
            time.sleep(1)
        else:
            return


def is_part(process: Process, part: str) -> bool:
    """Whether a process is of that part."""
    return PARTS[part] in process.command
