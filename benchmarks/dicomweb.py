"""How long a viewer waits for DICOMweb: ours beside Orthanc's plugin, with the same data, reader and run.

`python -m benchmarks.dicomweb` takes about fifteen minutes, most of it filling both. The reader is
benchmarks.readers, and what it asks for benchmarks.viewing.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import rmtree
from statistics import median, quantiles

import psycopg

from benchmarks.figures import Bar, Spread, ratio, table
from benchmarks.find import write_days
from benchmarks.phantoms import LARGE, Load, Study, Template, new_uid, write_batch
from benchmarks.readers import Asking, Reader, Server, ask_all
from benchmarks.receivers import SENDER, Imx, Orthanc, Receiver
from benchmarks.senders import Tuning, push
from benchmarks.slides import Slide, write_slide
from benchmarks.viewing import CASES, Case, Series, look, series_of
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.processes import memory_bytes

STOW = "STOW of 400 x 512 KB"
CROWD = "frames, 50 readers at once"
TILE = "a tile of a slide of 100,000 frames"

STOW_AT_MOST = 1 / 2  # of Orthanc's time
TILE_AT_MOST_MS = 10.0
GROWTH_AT_MOST_MB = 32.0  # of memory, over all the tiles

#: Answers of a case, one after another on one connection, whose mean is one figure.
ASKED = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    studies: int
    series: Load
    crowd: int
    each: int  # asked by every reader of the crowd
    tiles: int  # of the slide
    runs: int
    warming: int  # searches before: a service in use has its statements planned on every connection


FULL = Size(
    5_000, replace(LARGE, per_study=LARGE.files), crowd=50, each=20, tiles=100_000, runs=5, warming=60
)
QUICK = Size(200, replace(LARGE, files=20, per_study=20), crowd=10, each=4, tiles=2_000, runs=1, warming=10)


@dataclass(frozen=True, slots=True)
class Timing:
    """One figure of one server, in seconds."""

    server: str
    case: str
    asking: str
    seconds: float
    p99_s: float = 0.0  # of a crowd


@dataclass(frozen=True, slots=True)
class Up:
    """One that is measured."""

    receiver: Receiver
    server: Server


def measure(size: Size, folder: Path) -> Iterator[Timing]:
    """Every case of both, each run in its turn."""
    with filled(size, folder) as (both, series):
        for up in both:
            for case in CASES:
                look(up.server, case, series)
                for asking in Asking:
                    _ask(up.server, case, series, asking, size.warming if case.is_search else ASKED)
        for run in range(size.runs):
            turns = [both[(run + place) % len(both)] for place in range(len(both))]
            for case in CASES:
                for asking in Asking:
                    for up in turns:
                        seconds = _ask(up.server, case, series, asking, ASKED)
                        yield Timing(up.server.name, case.name, asking.name.lower(), seconds)
            for asking in Asking:
                for up in turns:
                    yield _crowded(up.server, series, size, asking)
            for up in turns:
                yield Timing(up.server.name, STOW, "", _stow(up.server, size.series))
        yield from _tiles(both[0], size, folder)


def _ask(server: Server, case: Case, series: Series, asking: Asking, times: int) -> float:
    requests = [server.get(case.path(series, number), case.accept, asking) for number in range(times)]
    reader = Reader(server)
    try:
        reader.ask(requests[0])  # the connection is open, and both have had their first look
        started = time.perf_counter()
        for request in requests:
            reader.ask(request)
        return (time.perf_counter() - started) / times
    finally:
        reader.close()


def _crowded(server: Server, series: Series, size: Size, asking: Asking) -> Timing:
    (frame,) = (case for case in CASES if case.name == "one frame")
    requests = [
        server.get(frame.path(series, number), frame.accept, asking) for number in range(size.series.files)
    ]
    taken = ask_all(server, requests, size.crowd, size.each)
    return Timing(server.name, CROWD, asking.name.lower(), median(taken), quantiles(taken, n=100)[98])


def _stow(server: Server, load: Load) -> float:
    """One request with all of them, whose last byte of answer has come (PS3.18 §10.5)."""
    template, study = Template.of(load), Study.new()
    head = b"--of-bench\r\nContent-Type: application/dicom\r\n\r\n"
    parts = [head + template.with_identity(study, new_uid()) + b"\r\n" for _ in range(load.files)]
    parts.append(b"--of-bench--\r\n")
    kind = 'multipart/related; type="application/dicom"; boundary=of-bench'
    request = server.post("/studies", "application/dicom+json", kind, sum(map(len, parts)))
    reader = Reader(server)
    try:
        started = time.perf_counter()
        reader.ask(request, parts)
        return time.perf_counter() - started
    finally:
        reader.close()


def _tiles(up: Up, size: Size, folder: Path) -> Iterator[Timing]:
    """Of ours alone: tiles from all over a slide, and by how many megabytes its processes grow meanwhile."""
    slide = write_slide(folder / "slide.dcm", size.tiles)
    _send_slide(up.server, slide)
    slide.path.unlink()
    reader = Reader(up.server)
    try:
        requests = [
            up.server.get(slide.frame(1 + number * 7919 % size.tiles), slide.accept, Asking.BROWSER)
            for number in range(500)
        ]
        for request in requests[: size.warming]:
            reader.ask(request)
        pids = [each.pid for each in up.receiver.service.family()] if isinstance(up.receiver, Imx) else []
        before = memory_bytes(pids)
        for request in requests:
            started = time.perf_counter()
            reader.ask(request)
            yield Timing(up.server.name, TILE, "", time.perf_counter() - started)
        grown = memory_bytes(pids) - before
        print(f"  memory after {len(requests)} tiles: {grown / 1e6:+.1f} MB", file=sys.stderr, flush=True)
        if grown > GROWTH_AT_MOST_MB * 1e6:
            raise RuntimeError(f"memory grew by {grown / 1e6:.1f} MB over {len(requests)} tiles")
    finally:
        reader.close()


def _send_slide(server: Server, slide: Slide) -> None:
    head, tail = b"--of-bench\r\nContent-Type: application/dicom\r\n\r\n", b"\r\n--of-bench--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=of-bench'
    length = len(head) + slide.path.stat().st_size + len(tail)
    reader = Reader(server)

    def pieces() -> Iterator[bytes]:
        yield head
        with slide.path.open("rb") as file:
            while piece := file.read(1024 * 1024):
                yield piece
        yield tail

    try:
        reader.ask(server.post("/studies", "application/dicom+json", kind, length), pieces())
    finally:
        reader.close()


@contextmanager
def filled(size: Size, folder: Path) -> Iterator[tuple[list[Up], Series]]:
    """Ours and Orthanc with the same studies, and the one long series."""
    up: list[Receiver] = []
    batches = [write_days(size.studies, folder / "days"), write_batch(size.series, folder / "series")]
    (study,) = batches[1].studies
    try:
        ours = Imx(folder, Tuning.TUNED)
        up.append(ours)
        orthanc = Orthanc(folder, Tuning.TUNED, dicomweb=True)
        up.append(orthanc)
        for receiver in up:
            for batch in batches:
                push(batch, receiver.address, Tuning.TUNED, SENDER)
            print(f"  {receiver.name} filled", file=sys.stderr, flush=True)
        rmtree(folder / "days")
        rmtree(folder / "series")
        _settle(ours)
        both = [
            Up(ours, Server(ours.name, ours.service.http_port, {"Authorization": f"Bearer {ours.token}"})),
            Up(orthanc, Server(orthanc.name, orthanc.http_port, {})),
        ]
        yield both, series_of(both[0].server, study)
    finally:
        for receiver in up:
            receiver.stop()


def _settle(ours: Imx) -> None:
    """Let PostgreSQL know what its tables hold, as it does by itself within a minute; disks may finish."""
    cluster = cluster_in(ours.service.data, find_binaries(), None)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("analyze")
    os.sync()


def report(timings: Sequence[Timing]) -> str:
    """The table of every case, ours as a ratio of Orthanc's."""
    rows = []
    for case, asking in dict.fromkeys((each.case, each.asking) for each in timings):
        ours, theirs = (_of(timings, name, case, asking) for name in (Imx.name, Orthanc.name))
        times = str(ratio(_seconds(ours), _seconds(theirs))) if theirs else ""
        rows.append((case, asking, _ms(ours), _ms(theirs), times, _p99_ms(ours), _p99_ms(theirs)))
    heads = ("case", "reader", "imx ms", "Orthanc ms", "imx / Orthanc", "imx p99", "Orthanc p99")
    return table(heads, rows)


def _seconds(timings: Sequence[Timing]) -> list[float]:
    return [each.seconds for each in timings]


def _ms(timings: Sequence[Timing]) -> str:
    return str(Spread.of([1000 * each for each in _seconds(timings)])) if timings else ""


def _p99_ms(timings: Sequence[Timing]) -> str:
    found = [each.p99_s for each in timings if each.p99_s]
    return f"{1000 * median(found):.3g}" if found else ""


def verdicts(timings: Sequence[Timing]) -> list[str]:
    """Every bar of docs/benchmarks.md."""
    said = []
    for asking in (each.name.lower() for each in Asking):
        for case in CASES:
            if case.at_most is not None:
                said.append(_verdict(timings, case.name, asking, case.at_most))
        ours, theirs = (_of(timings, name, CROWD, asking) for name in (Imx.name, Orthanc.name))
        reached = ratio([each.p99_s for each in ours], _seconds(theirs))
        said.append(Bar(1.0, f"{CROWD}, {asking}: our p99 / Orthanc's median").verdict(reached))
    said.append(_verdict(timings, STOW, "", STOW_AT_MOST))
    tiles = Spread.of([1000 * each.seconds for each in timings if each.case == TILE])
    said.append(Bar(TILE_AT_MOST_MS, f"{TILE}, ms").verdict(tiles))
    return said


def _verdict(timings: Sequence[Timing], case: str, asking: str, at_most: float) -> str:
    ours, theirs = (_seconds(_of(timings, name, case, asking)) for name in (Imx.name, Orthanc.name))
    return Bar(at_most, f"{case}, {asking or 'posted'}, imx / Orthanc").verdict(ratio(ours, theirs))


def _of(timings: Sequence[Timing], server: str, case: str, asking: str) -> list[Timing]:
    return [each for each in timings if (each.server, each.case, each.asking) == (server, case, asking)]


def main() -> None:
    """Measure, and print a table, the bars and, when asked, every figure as JSON."""
    asked = argparse.ArgumentParser(prog="benchmarks.dicomweb", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="among 200 studies, once, under 30 s: no bar")
    asked.add_argument("--runs", type=int, default=FULL.runs, help="of each, the servers taking turns")
    asked.add_argument("--studies", type=int, default=FULL.studies, help="to find them among")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    given = asked.parse_args()
    size = QUICK if given.quick else replace(FULL, runs=given.runs, studies=given.studies)
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the embedded database runs as another user
        timings = list(measure(size, folder))
    print(report(timings))
    if not given.quick:
        for line in verdicts(timings):
            print(line)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in timings], indent=1))


if __name__ == "__main__":
    main()
