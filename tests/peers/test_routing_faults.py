"""Routing never loses a study: destinations that are slow, flap and are dead, and processes that are killed.

STUDIES=1000 KILLS=30 make peers is the full size. SEED repeats a run's choices.
"""

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from pydicom import dcmread
from pydicom.uid import MRImageStorage

from benchmarks.phantoms import Load, write_batch
from benchmarks.senders import Address, Tuning, push
from dicom_router.deliveries.ordering import PostgresDeliveries
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.peers.collector import Collector, collecting
from tests.peers.conftest import introduce
from tests.peers.proxy import Proxy
from tests.peers.test_crash import kill
from tests.service import Service

STUDIES = int(os.environ.get("STUDIES", "100"))
KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))

#: Some studies have more than one instance.
LARGER = max(2, STUDIES // 50)
INSTANCES = 25

TITLES = ("SLOW", "FLAPPING", "DEAD")
VICTIMS = ("worker", "worker", "router", "database connection")

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600 + STUDIES + 60 * KILLS)]


@pytest.fixture
def routing(peers_folder: Path) -> Iterator[Service]:
    """A service that tries again soon."""
    service = Service(
        peers_folder / "routing",
        environment=(
            "IMX_ROUTING_PAUSE_S=0.5",
            "IMX_ROUTING_LONGEST_PAUSE_S=3",
            "IMX_ROUTING_TRIES=1000",
        ),
    )
    try:
        service.start()
        introduce(service, "SENDER")
        yield service
    finally:
        service.stop()


def test_every_destination_holds_exactly_its_studies_in_the_end(routing: Service, tmp_path: Path) -> None:
    print(f"SEED={SEED} STUDIES={STUDIES} KILLS={KILLS}")  # shown when it fails
    chance = random.Random(SEED)
    with ExitStack() as stack:
        collectors = [stack.enter_context(collecting(title)) for title in TITLES]
        proxies = [stack.enter_context(Proxy(each.port)) for each in collectors]
        slow, flapping, dead = proxies
        slow.delay_s = 0.01
        dead.take_down()
        for title, proxy in zip(TITLES, proxies, strict=True):
            routing.imx(
                *("peer", "add", title, "--trust", "RBT", "--host", "127.0.0.1"),
                *("--port", str(proxy.port), "--no-store"),
            )
        wanted = send_studies(routing, tmp_path)
        order_all(routing, wanted)
        stop = Event()
        flaps = Thread(target=flap, args=(flapping, stop, chance))
        flaps.start()
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.5, 4))
                kill(routing, chance.choice(VICTIMS), chance)
                print("killed, with", [len(each.came) for each in collectors])
            dead.bring_up()
            wait_until_delivered(routing, len(wanted) * len(TITLES), collectors)
        finally:
            stop.set()
            flaps.join()
    every = {uid for uids in wanted.values() for uid in uids}
    for each in collectors:
        assert set(each.came) == every, each.title
    ledger(routing, len(every))


def send_studies(service: Service, folder: Path) -> dict[str, list[str]]:
    """What came in: Study Instance UID to SOP Instance UIDs."""
    one_each = Load("one each", "MR", MRImageStorage, files=STUDIES, side_px=8, per_study=1)
    larger = Load("larger", "MR", MRImageStorage, files=LARGER * INSTANCES, side_px=8, per_study=INSTANCES)
    wanted: dict[str, list[str]] = {}
    for number, load in enumerate((one_each, larger)):
        batch = write_batch(load, folder / str(number))
        push(batch, Address("IMX", service.dicom_port), Tuning.TUNED, "SENDER")
        for path in folder.glob(f"{number}/*/*.dcm"):
            head = dcmread(path, stop_before_pixels=True)
            wanted.setdefault(str(head.StudyInstanceUID), []).append(str(head.SOPInstanceUID))
    return wanted


def conninfo(service: Service) -> str:
    return cluster_in(service.data, find_binaries(), None).conninfo()


def order_all(service: Service, wanted: dict[str, list[str]]) -> None:
    """As the rules' follower would; the killing has not begun."""
    with ConnectionPool(conninfo(service), min_size=1, max_size=2) as pool:
        deliveries = PostgresDeliveries(pool)
        for study in wanted:
            for title in TITLES:
                deliveries.order(study, title, because="test")


def flap(proxy: Proxy, stop: Event, chance: random.Random) -> None:
    """Up for a moment, cutting now and then; down for a moment."""
    while not stop.is_set():
        proxy.cut_chance = 0.01
        proxy.bring_up()
        stop.wait(chance.uniform(0.5, 3))
        proxy.take_down()
        stop.wait(chance.uniform(0.2, 1.5))
    proxy.cut_chance = 0.0
    proxy.bring_up()


def wait_until_delivered(service: Service, count: int, collectors: list[Collector]) -> None:
    """Every delivery is at its good end."""
    deadline = time.monotonic() + 240 + STUDIES / 2
    states: dict[str, int] = {}
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(conninfo(service)) as connection:
                rows = connection.execute("select state, count(*) from delivery group by state").fetchall()
            states = dict(rows)
        except psycopg.OperationalError:
            states = {}  # it is on its way back
        if states == {"delivered": count}:
            return
        time.sleep(1)
    came = {each.title: len(each.came) for each in collectors}
    listed = service.imx("deliveries", "list", "--limit", "5", "--json")
    raise AssertionError(f"{states} {came} {listed}")


def ledger(service: Service, count: int) -> None:
    """What the ledger says of the sender's day, or two days where midnight fell into the test."""
    service.wait_ready()
    lines = json.loads(service.imx("ledger", "--peer", "SENDER", "--json"))
    assert sum(line["kept"] for line in lines) == count
    assert sum(line["forwarded"] for line in lines) == count
    assert sum(line["under_way"] + line["dead"] + line["quarantined"] for line in lines) == 0
