"""How long forwarding takes: ours beside Orthanc's own store job, in one run.

2,000 studies of one small instance each: the worst case for whoever opens an association for each study. Ours
are ordered before the clock starts, held back by their destination's breaker; Orthanc is given one job. Both
send to the same receiver, with TCP_NODELAY in Orthanc's environment. A few minutes.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import rmtree

import httpx
import structlog
from psycopg_pool import ConnectionPool

from benchmarks.figures import Bar, Spread, ratio, table
from benchmarks.phantoms import SMALL, Batch, Load, write_batch
from benchmarks.receivers import SENDER, Imx, Orthanc
from benchmarks.retrievers import RECEIVER, Forgets, NotRetrieved, receiver
from benchmarks.senders import Tuning, push
from dicom_router.deliveries.ordering import PostgresDeliveries
from dicom_router.deliveries.waking import wake
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in

STUDIES = replace(SMALL, name="2,000 studies of one MR of 8 KB", per_study=1)
AT_MOST = 1 / 2  # of Orthanc's time
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Everything forwarded once."""

    server: str
    seconds: float
    cpu_s: float  # of the server's whole family


class Forwarder:
    """Ours: what is ordered goes once its destination's breaker closes."""

    def __init__(self, imx: Imx, batch: Batch) -> None:
        self.server = imx
        self._batch = batch
        conninfo = cluster_in(imx.service.data, find_binaries(), None).conninfo()
        self._pool = ConnectionPool(conninfo, min_size=1, max_size=2)
        self._round = 0

    def prepare(self) -> None:
        """Order another round of all of them."""
        self._round += 1
        with self._pool.connection() as connection:
            connection.execute(
                "insert into breaker (destination, failures, open_until) values (%s, 9, 'infinity')"
                " on conflict (destination) do update set failures = 9, open_until = 'infinity'",
                (RECEIVER,),
            )
        deliveries = PostgresDeliveries(self._pool)
        for study in self._batch.studies:
            deliveries.order(study, RECEIVER, because="benchmark", round=self._round)

    def forward(self) -> None:
        """From now on they are due; until all are delivered."""
        with self._pool.connection() as connection:
            connection.execute("update breaker set failures = 0, open_until = null")
            wake(connection, RECEIVER)
        deadline = time.monotonic() + PATIENCE_S
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _waiting(self) -> bool:
        with self._pool.connection() as connection:
            return (
                connection.execute("select 1 from delivery where state <> 'delivered' limit 1").fetchone()
                is not None
            )

    def stop(self) -> None:
        """Hang up."""
        self._pool.close()


class StoreJob:
    """Orthanc's own."""

    def __init__(self, orthanc: Orthanc) -> None:
        self.server = orthanc
        self._client = httpx.Client(base_url=orthanc.url, timeout=PATIENCE_S)

    def prepare(self) -> None:
        """What it is to send."""
        self._instances = self._client.get("/instances").json()

    def forward(self) -> None:
        """One job, waited for."""
        body = {"Resources": self._instances, "Synchronous": True}
        self._client.post("/modalities/destination/store", json=body).raise_for_status()

    def stop(self) -> None:
        """Hang up."""
        self._client.close()


def measure(load: Load, runs: int, folder: Path) -> Iterator[Timing]:
    """Both, `runs` times, taking turns to be first."""
    with receiver(folder) as (at, door):
        batch = write_batch(load, folder / "files")
        imx = Imx(folder, Tuning.TUNED, destination=at)
        try:
            orthanc = Orthanc(folder, Tuning.TUNED, destination=at)
            try:
                for server in (imx, orthanc):
                    push(batch, server.address, Tuning.TUNED, SENDER)
                rmtree(folder / "files")
                both = (Forwarder(imx, batch), StoreJob(orthanc))
                for run in range(-1, runs):  # the first round only warms
                    for place in range(2):
                        timing = _once(both[(run + place) % 2], load, door)
                        if run >= 0:
                            yield timing
                for each in both:
                    each.stop()
            finally:
                orthanc.stop()
        finally:
            imx.stop()


def _once(each: Forwarder | StoreJob, load: Load, door: Forgets) -> Timing:
    each.prepare()
    os.sync()  # nobody pays for what was written before
    before, cpu_before = door.count, each.server.cpu_s()
    started = time.perf_counter()
    each.forward()
    seconds = time.perf_counter() - started
    if door.count - before != load.files:
        raise NotRetrieved(f"{each.server.name} sent {door.count - before} of {load.files}")
    return Timing(each.server.name, seconds, each.server.cpu_s() - cpu_before)


def report(timings: Sequence[Timing]) -> str:
    """Ours and theirs, and the ratio."""
    rows = []
    ours = _seconds(timings, Imx.name)
    for name in (Imx.name, Orthanc.name):
        theirs = _seconds(timings, name)
        cpu = Spread.of([each.cpu_s for each in timings if each.server == name])
        times = f"{ratio(ours, theirs)}" if name != Imx.name else ""
        rows.append((name, str(Spread.of(theirs)), f"{cpu.middle:.2f}", times))
    return table(("forwarded by", "seconds", "CPU s", "imx / this"), rows)


def verdict(timings: Sequence[Timing]) -> str:
    """The bar."""
    reached = ratio(_seconds(timings, Imx.name), _seconds(timings, Orthanc.name))
    return Bar(AT_MOST, f"forwarding {STUDIES.name}, imx / Orthanc's store job").verdict(reached)


def _seconds(timings: Sequence[Timing], server: str) -> list[float]:
    return [each.seconds for each in timings if each.server == server]


def main() -> None:
    """Measure, and print a table, the bar and, when asked, every figure as JSON."""
    asked = argparse.ArgumentParser(prog="benchmarks.forward", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="a handful of studies, once, under 30 s")
    asked.add_argument("--runs", type=int, default=5, help="of each, taking turns")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    given = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    load = replace(STUDIES, files=50) if given.quick else STUDIES
    timings = []
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the embedded database runs as another user
        for each in measure(load, 1 if given.quick else given.runs, folder):
            print(f"  {each.server} {each.seconds:.3f} s", file=sys.stderr, flush=True)
            timings.append(each)
    print(report(timings))
    if not given.quick:
        print(verdict(timings))
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in timings], indent=1))


if __name__ == "__main__":
    main()
