"""How fast a slide becomes DICOM, beside wsidicomizer's own command; how soon its first tile shows.

`python -m benchmarks.wrap_slide` makes slides of 60,000 x 60,000 pixels, about 1 GB, and takes some minutes.
wsidicomizer is put into an environment of its own (.peers) and needs the system's libturbojpeg; not so ours.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks.figures import Bar, ratio, table
from benchmarks.tiffs import write_generic, write_svs
from tests.processes import family, memory_bytes
from tests.service import Service

PEER = "wsidicomizer[openslide]>=0.26,<0.32"
_PEERS = Path(__file__).parents[1] / ".peers" / "wsidicomizer"

TIME_BAR = Bar(1.2, "imx wrap's time of wsidicomizer's, the same slide in the same run")
MEMORY_LIMIT_BYTES = 500 * 1000 * 1000
FIRST_TILE_S = 2.0

_SLIDES: Mapping[str, Callable[[Path, int], None]] = {"SVS": write_svs, "generic TIFF": write_generic}

CASE = {
    "person": {
        "identifier": "123", "issuer": "RBT", "nhs_number": "9990000018",
        "name": {"family": "Clark", "given": "Ada"}, "birth_date": "1953-05-08", "sex": "F",
    },
    "encounter": {"number": "V1", "issuer": "RBT", "at": "2026-03-03T10:00:00+00:00"},
    "specimen": {"container": "S26-100;A;1;1"},
}  # fmt: skip


class NoPeer(Exception):
    """wsidicomizer cannot run here; the message says what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One conversion by one command."""

    slide: str
    by: str
    seconds: float
    peak_bytes: int  # of all its processes together, shared pages counted once
    written_bytes: int


def peer_command() -> Path:
    """Its own command, installed where it is not. Raises NoPeer."""
    command = _PEERS / "bin" / "wsidicomizer"
    if not command.exists():
        venv.create(_PEERS, with_pip=True, clear=True)
        install = [str(_PEERS / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", PEER]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoPeer(done.stderr.strip().splitlines()[-1])
    return command


def timed(slide: str, by: str, command: Sequence[str | Path], out: Path) -> Run:
    """Raises NoPeer where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = [0]
    watching = threading.Thread(target=_watch, args=(process, peak))
    watching.start()
    _, said = process.communicate()
    seconds = time.perf_counter() - began
    watching.join()
    written = sum(each.stat().st_size for each in out.rglob("*.dcm")) if out.exists() else 0
    shutil.rmtree(out, ignore_errors=True)
    if process.returncode or not written:
        raise NoPeer(f"{by}: {(said.strip() or 'it wrote nothing').splitlines()[-1]}")
    return Run(slide, by, seconds, peak[0], written)


def _watch(process: "subprocess.Popen[str]", peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], memory_bytes([each.pid for each in family(process.pid)]))
        time.sleep(0.05)


def race(path: Path, slide: str, case: Path, folder: Path, rounds: int, peer: Path | None) -> list[Run]:
    """Both on the same file, turn and turn about."""
    runs = []
    ours: list[str | Path] = [
        sys.executable,
        "-m",
        "imx",
        "wrap",
        path,
        "--case",
        case,
        "--out",
        folder / "ours",
    ]
    turns = [("imx", ours, folder / "ours")]
    if peer is not None:
        turns.append(("wsidicomizer", [peer, "-i", path, "-o", folder / "theirs"], folder / "theirs"))
    for number in range(rounds):
        for by, command, out in turns if number % 2 == 0 else reversed(turns):
            runs.append(timed(slide, by, command, out))
    return runs


def first_tile(path: Path, case: Path, folder: Path) -> float:
    """Seconds from the end of `imx wrap --store` until a viewer has the first tile, as it asks for it."""
    service = Service(folder / "service")
    try:
        service.start()
        service.imx("trust", "add", "RBT", "Bench")
        headers = {"Authorization": f"Bearer {service.token('contributor', 'RBT')}"}
        service.imx("wrap", str(path), "--case", str(case), "--store", "--trust", "RBT")
        began = time.perf_counter()
        with httpx.Client(base_url=f"{service.url}/dicom-web", headers=headers, timeout=60) as viewer:
            (study,) = viewer.get("/studies").raise_for_status().json()
            at = f"/studies/{study['0020000D']['Value'][0]}"
            (series,) = viewer.get(f"{at}/series").raise_for_status().json()
            at += f"/series/{series['0020000E']['Value'][0]}"
            metadata = viewer.get(f"{at}/metadata").raise_for_status().json()
            base = max(metadata, key=lambda each: each["00480006"]["Value"][0])
            accept = {"Accept": 'multipart/related; type="image/jpeg"; transfer-syntax=*'}
            at += f"/instances/{base['00080018']['Value'][0]}/frames/1"
            tile = viewer.get(at, headers=accept).raise_for_status().content
            assert b"\xff\xd8" in tile
        return time.perf_counter() - began
    finally:
        service.stop()


def report(runs: Sequence[Run], tile_s: float) -> str:
    """A table, and a line a bar."""
    rows = [
        [each.slide, each.by, f"{each.seconds:.2f} s", f"{each.peak_bytes / 1e6:.0f} MB",
         f"{each.written_bytes / 1e6:,.0f} MB"]
        for each in runs
    ]  # fmt: skip
    lines = [table(["slide", "by", "took", "peak memory", "written"], rows), ""]
    for slide in dict.fromkeys(each.slide for each in runs):
        ours, theirs = (
            [each.seconds for each in runs if (each.slide, each.by) == (slide, by)]
            for by in ("imx", "wsidicomizer")
        )
        if theirs:
            lines.append(f"{slide}: {TIME_BAR.verdict(ratio(ours, theirs))}")
    peak = max(each.peak_bytes for each in runs if each.by == "imx")
    lines.append(f"{_word(peak < MEMORY_LIMIT_BYTES)}: peak memory of imx: {peak / 1e6:.0f} MB, under 500 MB")
    lines.append(
        f"{_word(tile_s <= FIRST_TILE_S)}: first tile after the job's end: {tile_s:.2f} s, at most 2 s"
    )
    return "\n".join(lines)


def _word(is_met: bool) -> str:
    return "met" if is_met else "NOT MET"


def run(side_px: int, rounds: int, folder: Path) -> tuple[list[Run], float]:
    """Each kind of slide in turn; the first tile of the SVS."""
    case = folder / "case.json"
    case.write_text(json.dumps(CASE))
    try:
        peer: Path | None = peer_command()
        subprocess.run([str(peer), "--help"], capture_output=True, text=True, check=True)
    except (NoPeer, subprocess.CalledProcessError) as error:
        said = str(error) if isinstance(error, NoPeer) else error.stderr.strip().splitlines()[-1]
        sys.stderr.write(f"wsidicomizer cannot run here, so ours runs alone: {said}\n")
        peer = None
    runs, tile_s = [], 0.0
    for slide, write in _SLIDES.items():
        path = folder / "slide"
        write(path, side_px)
        runs += race(path, slide, case, folder, rounds, peer)
        if slide == "SVS":
            tile_s = first_tile(path, case, folder)
        path.unlink()
    return runs, tile_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4,096 x 4,096 pixels, once: shows that it runs")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    options = parser.parse_args()
    side_px, rounds = (4096, 1) if options.quick else (60_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        runs, tile_s = run(side_px, rounds, Path(folder))
    if options.json:
        json.dump({"runs": [asdict(each) for each in runs], "first_tile_s": tile_s}, sys.stdout, indent=2)
        return
    print(report(runs, tile_s))


if __name__ == "__main__":
    main()
