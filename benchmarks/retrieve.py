"""How long a workstation waits for a study by C-GET and by C-MOVE: ours beside Orthanc, in one run.

Both are asked by the same requestor and send to the same receiver (`retrievers.py`), with TCP_NODELAY in
Orthanc's environment. `python -m benchmarks.retrieve` takes a few minutes.
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

import structlog

from benchmarks.figures import Bar, Spread, ratio, table
from benchmarks.phantoms import LARGE, Load, write_batch
from benchmarks.receivers import SENDER, Imx, Orthanc, Receiver
from benchmarks.retrievers import RECEIVER, Forgets, NotRetrieved, get, move, receiver
from benchmarks.senders import Tuning, push

HOWS = ("C-GET", "C-MOVE")
STUDY = replace(LARGE, per_study=LARGE.files)
AT_MOST = 1 / 2  # of Orthanc's time


@dataclass(frozen=True, slots=True)
class Timing:
    """One retrieve of the whole study."""

    server: str
    how: str
    seconds: float
    cpu_s: float  # of the server's whole family


def measure(load: Load, runs: int, folder: Path) -> Iterator[Timing]:
    """Both servers, both ways, `runs` times, the servers taking turns to be first."""
    up: list[Receiver] = []
    with receiver(folder) as (at, door):
        try:
            up.append(Imx(folder, Tuning.TUNED, destination=at))
            up.append(Orthanc(folder, Tuning.TUNED, destination=at))
            study = _fill(up, load, folder)
            for run in range(-1, runs):  # the first round only warms
                for how in HOWS:
                    for place in range(len(up)):
                        timing = _once(up[(run + place) % len(up)], how, study, load, door)
                        if run >= 0:
                            yield timing
        finally:
            for server in up:
                server.stop()


def _fill(up: Sequence[Receiver], load: Load, folder: Path) -> str:
    batch = write_batch(load, folder / "files")
    for server in up:
        push(batch, server.address, Tuning.TUNED, SENDER)
    rmtree(folder / "files")
    os.sync()
    (study,) = batch.studies
    return study


def _once(server: Receiver, how: str, study: str, load: Load, door: Forgets) -> Timing:
    before, cpu_before = door.count, server.cpu_s()
    started = time.perf_counter()
    if how == "C-GET":
        came = get(study, load.sop_class_uid, server.address, SENDER)
    else:
        move(study, RECEIVER, server.address, SENDER)
        came = door.count - before
    seconds = time.perf_counter() - started
    if came != load.files:
        raise NotRetrieved(f"{server.name} sent {came} of {load.files}")
    return Timing(server.name, how, seconds, server.cpu_s() - cpu_before)


def report(timings: Sequence[Timing]) -> str:
    """Ours and theirs, and the ratio."""
    rows = []
    for how in HOWS:
        ours = _seconds(timings, Imx.name, how)
        for name in (Imx.name, Orthanc.name):
            theirs = _seconds(timings, name, how)
            cpu = Spread.of([each.cpu_s for each in timings if (each.server, each.how) == (name, how)])
            times = f"{ratio(ours, theirs)}" if name != Imx.name else ""
            rows.append((how, name, str(Spread.of(theirs)), f"{cpu.middle:.2f}", times))
    return table(("retrieved by", "server", "seconds", "CPU s", "imx / this"), rows)


def verdicts(timings: Sequence[Timing]) -> list[str]:
    """Both bars."""
    return [
        Bar(AT_MOST, f"{how} of {STUDY.name}, imx / Orthanc").verdict(
            ratio(_seconds(timings, Imx.name, how), _seconds(timings, Orthanc.name, how))
        )
        for how in HOWS
    ]


def _seconds(timings: Sequence[Timing], server: str, how: str) -> list[float]:
    return [each.seconds for each in timings if (each.server, each.how) == (server, how)]


def main() -> None:
    """Measure, and print a table, the bars and, when asked, every figure as JSON."""
    asked = argparse.ArgumentParser(prog="benchmarks.retrieve", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="a handful of instances, once, under 30 s")
    asked.add_argument("--runs", type=int, default=5, help="of each, the servers taking turns")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    given = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    load = replace(STUDY, files=20, per_study=20) if given.quick else STUDY
    timings = []
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the embedded database runs as another user
        for each in measure(load, 1 if given.quick else given.runs, folder):
            print(f"  {each.how}: {each.server} {each.seconds:.3f} s", file=sys.stderr, flush=True)
            timings.append(each)
    print(report(timings))
    if not given.quick:
        for line in verdicts(timings):
            print(line)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in timings], indent=1))


if __name__ == "__main__":
    main()
