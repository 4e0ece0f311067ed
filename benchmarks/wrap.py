"""How fast a batch becomes DICOM: photographs and ECGs a second, on one core and on all of them.

`python -m benchmarks.wrap` takes some minutes. The files are made here: pictures of 3 megapixels as a phone
takes them, half of them lying on their side; ten seconds of eight leads at 500 Hz as HL7 annotated ECG.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.figures import table
from ologies.confined import Job, wrap_all
from ologies.ecg.leads import MEASURED
from ologies.wrapping import Wrapping
from tests.ologies.material import a_case, an_aecg

#: A telephone's picture, smaller than most.
SIDE_PX = (2048, 1536)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of one kind, on so many processes, in how long."""

    kind: str
    files: int
    processes: int
    seconds: float

    @property
    def a_second(self) -> float:
        return self.files / self.seconds


def photographs(number: int) -> Iterator[bytes]:
    """Noise that compresses as a photograph does: smooth, with grain; every second one is to be turned."""
    random = np.random.default_rng(7)
    columns, rows = SIDE_PX
    coarse = Image.fromarray(random.integers(0, 255, (rows // 64, columns // 64, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(SIDE_PX, Image.Resampling.BICUBIC), dtype=np.int16)
    for each in range(number):
        grain = random.integers(-4, 5, (rows, columns, 1), dtype=np.int16)
        image = Image.fromarray(np.clip(np.roll(smooth, each, axis=1) + grain, 0, 255).astype(np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 6 if each % 2 else 1
        written = BytesIO()
        image.save(written, "JPEG", quality=88, exif=exif)
        yield written.getvalue()


def ecgs(number: int) -> Iterator[bytes]:
    """Eight leads, each a beat a second with grain."""
    random = np.random.default_rng(7)
    beat = np.tile(np.exp(-((np.arange(500) - 200) ** 2) / 50) * 400, 10)
    for _ in range(number):
        yield an_aecg({lead: (beat + random.integers(-5, 6, 5000)).astype(int).tolist() for lead in MEASURED})


def rate_of(kind: str, files: Sequence[Path], processes: int) -> Rate:
    """Every file wrapped once; one that is not is a fault of the benchmark."""
    case = a_case()
    began = time.perf_counter()
    for done in wrap_all([Job(path, case) for path in files], files[0].parent, processes):
        assert isinstance(done.outcome, Wrapping), done.outcome
    return Rate(kind, len(files), processes, time.perf_counter() - began)


def run(number: int, folder: Path) -> list[Rate]:
    """Each kind on one process and on as many as there are processors."""
    kinds: dict[str, Callable[[int], Iterator[bytes]]] = {"photographs": photographs, "ECGs": ecgs}
    rates = []
    for kind, make in kinds.items():
        files = []
        for each, content in enumerate(make(number)):
            files.append(folder / f"{kind}-{each}")
            files[-1].write_bytes(content)
        rates += [rate_of(kind, files, processes) for processes in (1, os.cpu_count() or 1)]
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="six of each")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rates = run(6 if options.quick else 1000, Path(folder))
    if options.json:
        json.dump([asdict(each) for each in rates], sys.stdout, indent=2)
        return
    rows = [
        [each.kind, f"{each.files:,}", str(each.processes), f"{each.seconds:.1f} s", f"{each.a_second:.1f}"]
        for each in rates
    ]
    print(table(["files", "number", "processes", "took", "a second"], rows))


if __name__ == "__main__":
    main()
