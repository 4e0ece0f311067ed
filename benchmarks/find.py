"""How long a workstation waits for the list of a day: C-FIND of 100 studies among 5,000, ours beside Orthanc.

`python -m benchmarks.find` takes about ten minutes, most of it filling both, as Debian ships them (stock) and
without the waits of TCP (tuned). The SCUs are benchmarks.finders.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree

import psycopg

from benchmarks.figures import Bar, Spread, ratio, table
from benchmarks.finders import Found, ask_findscu, ask_raw
from benchmarks.phantoms import SMALL, Batch, Load, Study, Template, new_uid
from benchmarks.receivers import SENDER, Imx, Orthanc, Receiver
from benchmarks.senders import Address, Tuning, push
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from storage.query import Anything, Exactly, Level, Match, Query, Wildcard, parse_attribute
from storage.query import Path as Attribute

#: Studies of one day, which one query asks for.
PER_DAY = 100
_DATE = b"20260105"  # of every phantom
_LOAD = Load("one small MR each", "MR", SMALL.sop_class_uid, files=1, side_px=8, per_study=1)

#: Queries before the first that counts. A service in use has its pages in memory and its plans made:
#: PostgreSQL settles on one after five uses on each connection, of which ours has four to take turns with.
WARMING = 40
#: Senders that fill a receiver at once: a stock Orthanc keeps each of them waiting 40 ms an instance.
FILLERS = 8

#: What a workstation shows in its list.
LIST = (
    "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime AccessionNumber StudyDescription"
    " ModalitiesInStudy ReferringPhysicianName StudyID StudyInstanceUID NumberOfStudyRelatedSeries"
    " NumberOfStudyRelatedInstances"
).split()
#: The least that a program needs.
FEW = "PatientName PatientID StudyDate StudyInstanceUID".split()

BAR = 1 / 5  # of Orthanc's time, for the list of a day

Ask = Callable[[Query, Address, str, Tuning], Found]


@dataclass(frozen=True, slots=True)
class Case:
    """One query, how many studies match it, and who asks."""

    name: str
    query: Query
    matches: int
    tuning: Tuning
    ask: Ask = ask_raw

    def __str__(self) -> str:
        return f"{self.matches} studies by {self.name}, {self.tuning.value}"


@dataclass(frozen=True, slots=True)
class Timing:
    """One query of one receiver."""

    receiver: str
    case: str
    seconds: float
    cpu_s: float  # of the receiver's whole family


def day(number: int) -> str:
    """A day of the year's, two weeks of each month."""
    return f"2026{number // 14 % 12 + 1:02}{number % 14 + 1:02}"


def cases(tuning: Tuning, studies: int) -> list[Case]:
    """Of an archive of so many studies."""
    of_a_day: dict[Attribute, Match] = {parse_attribute("StudyDate"): Exactly(day(1))}
    by_name: dict[Attribute, Match] = {parse_attribute("PatientName"): Wildcard("Day001*")}
    everyone: dict[Attribute, Match] = {parse_attribute("PatientName"): Wildcard("Day*")}
    full_day = _asking(LIST, of_a_day)
    due = [
        Case("day, a workstation's list", full_day, PER_DAY, tuning),
        Case("day, few attributes", _asking(FEW, of_a_day), PER_DAY, tuning),
        Case("name, a workstation's list", _asking(LIST, by_name), PER_DAY, tuning),
        Case("name, all of them", _asking(FEW, everyone), studies, tuning),
    ]
    if tuning is Tuning.STOCK:
        due.append(Case("day, a workstation's list, findscu", full_day, PER_DAY, tuning, ask_findscu))
    return due


def _asking(names: Sequence[str], keys: dict[Attribute, Match]) -> Query:
    asked: dict[Attribute, Match] = {parse_attribute(name): Anything() for name in names}
    return Query(Level.STUDY, asked | keys)


def write_days(studies: int, folder: Path) -> Batch:
    """One instance a study, PER_DAY studies a day, each day with patients of its own name."""
    template = Template.of(_LOAD)
    parts = tuple(folder / f"sender{number}" for number in range(FILLERS))
    for part in parts:
        part.mkdir(parents=True)
    for number in range(studies):
        of_day = number // PER_DAY
        name = b"Day%03d^Disc " % of_day
        made = template.with_identity(Study.new(), new_uid())
        made = made.replace(_DATE, day(of_day).encode()).replace(b"Phantom^Disc", name)
        parts[number % FILLERS].joinpath(f"{number:05}.dcm").write_bytes(made)
    return Batch(parts, {str(folder): studies})


def measure(tuning: Tuning, studies: int, runs: int, folder: Path) -> Iterator[Timing]:
    """Every case on every receiver, `runs` times, the receivers taking turns to be first."""
    due = cases(tuning, studies)
    with filled(tuning, studies, folder) as up:
        for receiver in up:
            for case in due:
                for _ in range(WARMING if case.matches == PER_DAY else 1):
                    _once(receiver, case)
        for run in range(runs):
            for case in due:
                for number in range(len(up)):
                    yield _once(up[(run + number) % len(up)], case)


def _once(receiver: Receiver, case: Case) -> Timing:
    cpu_before = receiver.cpu_s()
    found = case.ask(case.query, receiver.address, SENDER, case.tuning)
    if found.matches != case.matches:
        raise RuntimeError(f"{receiver.name} finds {found.matches} for {case}")
    return Timing(receiver.name, str(case), found.seconds, receiver.cpu_s() - cpu_before)


@contextmanager
def filled(tuning: Tuning, studies: int, folder: Path) -> Iterator[list[Receiver]]:
    """Ours and Orthanc, each with that many studies."""
    up: list[Receiver] = []
    folder.mkdir()
    batch = write_days(studies, folder / "filling")
    try:
        for build in (Imx, Orthanc):
            up.append(build(folder, tuning))
            push(batch, up[-1].address, Tuning.TUNED, SENDER)
            _settle(up[-1])
            print(
                f"  {up[-1].name}, {tuning.value}, filled with {studies:,} studies",
                file=sys.stderr,
                flush=True,
            )
        rmtree(folder / "filling")
        yield up
    finally:
        for receiver in up:
            receiver.stop()


def _settle(receiver: Receiver) -> None:
    """Let PostgreSQL know what its tables hold, as it does by itself within a minute."""
    if isinstance(receiver, Imx):
        cluster = cluster_in(receiver.service.data, find_binaries(), None)
        with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
            connection.execute("analyze")


def report(timings: Sequence[Timing]) -> str:
    """The table of every case, ours as a ratio of Orthanc's."""
    rows = []
    for case in dict.fromkeys(timing.case for timing in timings):
        for name in dict.fromkeys(timing.receiver for timing in timings):
            seconds = _seconds(timings, name, case)
            cpu = Spread.of([each.cpu_s for each in timings if (each.receiver, each.case) == (name, case)])
            times = "" if name == Imx.name else str(ratio(_seconds(timings, Imx.name, case), seconds))
            ms = Spread.of([1000 * each for each in seconds])
            rows.append((case, name, str(ms), f"{cpu.middle:.2f}", times))
    return table(("found", "by", "ms", "CPU s", f"{Imx.name} / this"), rows)


def verdicts(timings: Sequence[Timing]) -> list[str]:
    """The list of a day, and whatever else was asked, against the bar."""
    return [
        Bar(BAR, f"{case}, imx / Orthanc").verdict(
            ratio(_seconds(timings, Imx.name, case), _seconds(timings, Orthanc.name, case))
        )
        for case in dict.fromkeys(timing.case for timing in timings)
        if case.startswith(f"{PER_DAY} ")
    ]


def _seconds(timings: Sequence[Timing], receiver: str, case: str) -> list[float]:
    return [each.seconds for each in timings if (each.receiver, each.case) == (receiver, case)]


def main() -> None:
    """Measure, and print a table, the bars and, when asked, every figure as JSON."""
    asked = argparse.ArgumentParser(prog="benchmarks.find", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="among 300 studies, once, tuned: no bar")
    asked.add_argument("--runs", type=int, default=5, help="of each case, the receivers taking turns")
    asked.add_argument("--studies", type=int, default=5_000, help="to find them among")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    given = asked.parse_args()
    runs, studies = (1, 3 * PER_DAY) if given.quick else (given.runs, given.studies)
    tunings = (Tuning.TUNED,) if given.quick else tuple(Tuning)
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the embedded database runs as another user
        timings = [
            timing for tuning in tunings for timing in measure(tuning, studies, runs, folder / tuning.value)
        ]
    print(report(timings))
    if not given.quick:
        for line in verdicts(timings):
            print(line)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in timings], indent=1))


if __name__ == "__main__":
    main()
