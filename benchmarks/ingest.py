"""How long a modality waits for its C-STOREs: ours beside Orthanc and storescp, in one run.

`python -m benchmarks.ingest` takes about an hour, most of it waiting for peers that a stock sender pushes to.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import rmtree

from benchmarks.figures import Bar, Spread, ratio, table
from benchmarks.phantoms import LARGE, SMALL, Load, write_batch
from benchmarks.receivers import SENDER, Imx, Orthanc, Receiver, Storescp
from benchmarks.senders import Tuning, push

Build = Callable[[Path, Tuning], Receiver]


@dataclass(frozen=True, slots=True)
class Case:
    """One way to push, measured on every receiver."""

    load: Load
    tuning: Tuning
    senders: int

    def __str__(self) -> str:
        return f"{self.load.name}, {self.tuning.value}, {self.senders} sender{'s' * (self.senders > 1)}"


@dataclass(frozen=True, slots=True)
class Timing:
    """One push."""

    receiver: str
    case: Case
    seconds: float
    cpu_s: float  # of the receiver's whole family


#: Ours against Orthanc.
BARS = (
    (Case(SMALL, Tuning.STOCK, 1), 1 / 50),
    (Case(LARGE, Tuning.STOCK, 1), 1 / 10),
    (Case(LARGE, Tuning.TUNED, 1), 1 / 2),
    (Case(LARGE, Tuning.TUNED, 4), 1 / 2),
    (Case(SMALL, Tuning.TUNED, 4), 1 / 2),
    (Case(SMALL, Tuning.TUNED, 1), 0.8),
)
PREFILLED_AT_MOST = 1.2  # times an empty one


def measure(cases: Sequence[Case], runs: int, builds: Sequence[Build], folder: Path) -> Iterator[Timing]:
    """Every case on every receiver, `runs` times, the receivers taking turns to be first."""
    for tuning in Tuning:
        due = [case for case in cases if case.tuning is tuning]
        if not due:
            continue
        with _running(builds, tuning, folder / tuning.value) as up:
            for run in range(runs):
                for case in due:
                    for number in range(len(up)):
                        yield _once(up[(run + number) % len(up)], case, folder)


def _once(receiver: Receiver, case: Case, folder: Path) -> Timing:
    files = folder / "files"
    batch = write_batch(case.load, files, case.senders)
    os.sync()  # nobody pays for what was written before
    cpu_before = receiver.cpu_s()
    seconds = push(batch, receiver.address, case.tuning, SENDER)
    timing = Timing(receiver.name, case, seconds, receiver.cpu_s() - cpu_before)
    rmtree(files)
    if receiver.held(batch.studies) != batch.files:
        raise RuntimeError(f"{receiver.name} does not find what it said it kept")
    return timing


@contextmanager
def _running(builds: Sequence[Build], tuning: Tuning, folder: Path) -> Iterator[list[Receiver]]:
    up: list[Receiver] = []
    folder.mkdir(parents=True)
    try:
        for build in builds:
            up.append(build(folder, tuning))
            _warm(up[-1], tuning, folder)
        yield up
    finally:
        for receiver in up:
            receiver.stop()


def _warm(receiver: Receiver, tuning: Tuning, folder: Path) -> None:
    """A little for each sender to come: a service in use has its connections, and its code in memory."""
    push(write_batch(replace(SMALL, files=8), folder / "warm", senders=4), receiver.address, tuning, SENDER)
    rmtree(folder / "warm")


def report(timings: Sequence[Timing]) -> str:
    """The table of every case, ours as a ratio of each peer's."""
    names = list(dict.fromkeys(timing.receiver for timing in timings))
    rows = []
    for case in dict.fromkeys(timing.case for timing in timings):
        mine = _seconds(timings, names[0], case)
        for name in names:
            theirs = _seconds(timings, name, case)
            cpu = Spread.of([each.cpu_s for each in timings if (each.receiver, each.case) == (name, case)])
            times = f"{ratio(mine, theirs)}" if name != names[0] else ""
            rows.append((str(case), name, str(Spread.of(theirs)), f"{cpu.middle:.2f}", times))
    return table(("pushed", "receiver", "seconds", "CPU s", f"{names[0]} / this"), rows)


def verdicts(timings: Sequence[Timing]) -> list[str]:
    """Each bar whose case was measured at full size."""
    return [
        Bar(at_most, f"{case}, imx / Orthanc").verdict(
            ratio(_seconds(timings, Imx.name, case), _seconds(timings, Orthanc.name, case))
        )
        for case, at_most in BARS
        if any(timing.case == case for timing in timings)
    ]


def _seconds(timings: Sequence[Timing], receiver: str, case: Case) -> list[float]:
    return [each.seconds for each in timings if (each.receiver, each.case) == (receiver, case)]


def beside_peers(runs: int, folder: Path, quick: bool) -> list[Timing]:
    """Ours, Orthanc and storescp; quick means a handful of files, which proves no bar."""
    cases = [
        Case(load, tuning, senders) for tuning in Tuning for load in (LARGE, SMALL) for senders in (1, 4)
    ]
    if quick:
        cases = [replace(case, load=_handful(case)) for case in cases]
    return _told(measure(cases, runs, (Imx, Orthanc, Storescp), folder))


def prefilled(studies: int, runs: int, folder: Path) -> list[Timing]:
    """Ours with that many studies in its index, and ours empty."""
    name = f"imx with {studies:,} studies"

    def full(at: Path, tuning: Tuning) -> Receiver:
        receiver = Imx(at, tuning, name)
        fill(receiver, studies, folder)
        return receiver

    cases = [Case(load, Tuning.TUNED, senders) for load in (LARGE, SMALL) for senders in (1, 4)]
    return _told(measure(cases, runs, (full, Imx), folder))


def fill(receiver: Receiver, studies: int, folder: Path) -> None:
    """Push that many studies of one small instance each: an index as a region's days would leave it."""
    step = min(studies, 10_000)
    one_each = Load("filling", "MR", SMALL.sop_class_uid, files=step, side_px=8, per_study=1)
    for done in range(0, studies, step):
        batch = write_batch(replace(one_each, files=min(step, studies - done)), folder / "filling", senders=4)
        push(batch, receiver.address, Tuning.TUNED, SENDER)
        rmtree(folder / "filling")
        print(f"  filled with {done + batch.files:,} studies", file=sys.stderr, flush=True)


def _handful(case: Case) -> Load:
    slow = (
        case.tuning is Tuning.STOCK
    )  # 40 ms and more a file, where the receiver does not ask for its acknowledgement
    files = (4 if slow else 40) if case.load is LARGE else (8 if slow else 200)
    return replace(case.load, name=f"{files} of {case.load.name}", files=files, per_study=max(1, files // 8))


def _told(timings: Iterator[Timing]) -> list[Timing]:
    found = []
    for each in timings:
        print(f"  {each.case}: {each.receiver} {each.seconds:.3f} s", file=sys.stderr, flush=True)
        found.append(each)
    return found


def main() -> None:
    """Measure, and print a table, the bars and, when asked, every figure as JSON."""
    asked = argparse.ArgumentParser(prog="benchmarks.ingest", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="a handful of files, once, under 30 s")
    asked.add_argument("--runs", type=int, default=5, help="of each case, the receivers taking turns")
    asked.add_argument(
        "--prefill", type=int, metavar="STUDIES", help="ours with so many studies against ours empty"
    )
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    given = asked.parse_args()
    runs = 1 if given.quick else given.runs
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the embedded database runs as another user
        if given.prefill:
            timings = prefilled(given.prefill, runs, folder)
        else:
            timings = beside_peers(runs, folder, given.quick)
    print(report(timings))
    for line in _prefill_verdicts(timings) if given.prefill else verdicts(timings):
        print(line)
    if given.json:
        given.json.write_text(
            json.dumps([{**asdict(each), "case": str(each.case)} for each in timings], indent=1)
        )


def _prefill_verdicts(timings: Sequence[Timing]) -> list[str]:
    full, empty = dict.fromkeys(timing.receiver for timing in timings)
    return [
        Bar(PREFILLED_AT_MOST, f"{case}, {full} / empty").verdict(
            ratio(_seconds(timings, full, case), _seconds(timings, empty, case))
        )
        for case in dict.fromkeys(timing.case for timing in timings)
    ]


if __name__ == "__main__":
    main()
