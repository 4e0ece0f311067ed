"""Two tell at once, and are killed at any moment: the record holds what it should, and never of two."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exchange.telling.subscriber import Kind, Subscriber
from imx.demo.record.server import Fault, RecordServer
from tests.exchange.telling.material import documents_of, never_of_two, studies_of
from tests.exchange.telling.region import IVY, RUTH, SAM, Region

STUDIES = 4
ROUNDS = int(os.environ.get("CRASHES", "8"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))
PATIENCE_S = 60.0
FAULTS: list[Fault | int] = [Fault.SLOW, Fault.CUT_AFTER, Fault.CUT_BEFORE, 503]


@contextmanager
def telling(database: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that tells."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.telling.tellers", database],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", [Kind.FHIR, Kind.MHD])
def test_whoever_is_killed_it_comes_to_the_same_end(
    region: Region, record: RecordServer, database: str, kind: Kind
) -> None:
    print(f"SEED={SEED} CRASHES={ROUNDS}")  # shown when it fails
    chance = random.Random(SEED)
    region.subscribe(Subscriber(name="record", kind=kind, address=record.url))
    uids = [f"1.2.{number}" for number in range(STUDIES)]
    whose: dict[str, str] = {}
    for uid in uids:
        region.study(uid)
    with telling(database) as first, telling(database) as second:
        alive = [first, second]
        record.slow_s = 0.05
        for round in range(ROUNDS):
            for uid in chance.sample(uids, 2):
                whose[uid] = chance.choice([RUTH, IVY, SAM, ""])
                region.link(uid, whose[uid])
            record.faults.append(chance.choice(FAULTS))
            time.sleep(chance.uniform(0.0, 0.3))
            if round == ROUNDS // 3:
                _wait_for(lambda: bool(record.seen))
            if chance.random() < 0.4 and alive and round > ROUNDS // 3:
                os.kill(alive.pop().pid, signal.SIGKILL)
    record.faults.clear()
    with telling(database):
        _wait_for(lambda: {state for _, state, _ in region.states} == {"told"} and not _outbox(region))

    for number in (RUTH, IVY, SAM):
        wanted = sorted(uid for uid, whom in whose.items() if whom == number)
        assert _found(record, kind, number) == wanted
    assert never_of_two(record)


def _found(record: RecordServer, kind: Kind, number: str) -> list[str]:
    if kind is Kind.FHIR:
        return studies_of(record, number)
    return sorted(
        related["identifier"]["value"].removeprefix("urn:oid:")
        for document in documents_of(record, number)
        for related in document["context"]["related"]
        if related["identifier"]["system"] == "urn:dicom:uid"
    )


def _outbox(region: Region) -> int:
    [(count,)] = region.rows("select count(*)::int from outbox")
    assert isinstance(count, int)
    return count


def _wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, "it does not come to that"
        time.sleep(0.05)
