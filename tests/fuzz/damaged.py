"""Damaged files, the way that real ones go."""

import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ologies.case import Case
from ologies.confined import ENDED, Job, wrap_all
from ologies.errors import OlogyError
from ologies.recognition import Kind
from ologies.wrapping import Wrapping, wrap
from tests.fuzz.changes import changed
from tests.fuzz.seeds import Seed

#: Files of one kind that are tried where nobody asks for more: so many, or fewer of so many bytes in all.
USUAL_FILES = 300
USUAL_BYTES = 12_000_000

#: Files that lie there at the same time.
AT_ONCE = 200

#: Findings of one kind that are kept.
KEPT = 20

FINDINGS = Path(".fuzz")


@dataclass(slots=True)
class Result:
    """What became of one kind's damaged files."""

    kind: str
    seed: str  # how the SHA-256 of the whole file begins: made by other libraries, it may be another
    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def watched(path: Path, case: Case, into: Path) -> Wrapping:
    """In the confined process: a traceback is left beside the file for what is no error of ours."""
    try:
        return wrap(path, case, into)
    except (OlogyError, MemoryError, OSError):
        raise
    except Exception:
        path.with_suffix(".traceback").write_text(traceback.format_exc())
        raise


def usual_files(seed: Seed) -> int:
    """How many are tried where nobody says how many."""
    return min(USUAL_FILES, USUAL_BYTES // len(seed.content) + 1)


def fuzz(kind: Kind, seed: Seed, first: int, files: int) -> Result:
    """So many from that number on, or until there are findings enough."""
    result = Result(kind.value, sha256(seed.content).hexdigest()[:8])
    for start in range(first, first + files, AT_ONCE):
        if len(result.findings) >= KEPT:
            break
        with tempfile.TemporaryDirectory() as folder:
            numbers = range(start, min(start + AT_ONCE, first + files))
            paths = [Path(folder) / f"{kind.name}-{number}" for number in numbers]
            for name, content in seed.beside.items():
                Path(folder, name).write_bytes(content)
            for path in paths:
                path.write_bytes(changed(seed.content, int(path.name.rpartition("-")[2])))
            for done in wrap_all([Job(path, seed.case) for path in paths], Path(folder), work=watched):
                result.files += 1
                outcome = done.outcome
                result.outcomes[type(outcome).__name__] += 1
                told = done.job.path.with_suffix(".traceback")
                if told.exists() or str(outcome) == ENDED:
                    result.findings.append(_keep(done.job.path, told))
    return result


def _keep(path: Path, told: Path) -> str:
    FINDINGS.mkdir(exist_ok=True)
    kept = FINDINGS / path.name
    kept.write_bytes(path.read_bytes())
    if told.exists():
        kept.with_suffix(".traceback").write_text(told.read_text())
    return str(kept)
