"""Damaged files, the way that real ones go, until a time is over."""

import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ologies.case import Case
from ologies.confined import ENDED, Job, wrap_all
from ologies.errors import OlogyError
from ologies.recognition import Kind
from ologies.wrapping import Wrapping, wrap
from tests.fuzz.changes import changed
from tests.fuzz.seeds import Seed

#: Files that are made before the clock is looked at again.
AT_ONCE = 200

#: Findings of one kind that are kept.
KEPT = 20

FINDINGS = Path(".fuzz")


@dataclass(slots=True)
class Result:
    """What became of one kind's damaged files."""

    kind: str
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


def fuzz(kind: Kind, seed: Seed, seconds: float, first: int) -> Result:
    """Until its time is over."""
    result, numbers = Result(kind.value), count(first)
    until = time.monotonic() + seconds
    while time.monotonic() < until and len(result.findings) < KEPT:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{kind.name}-{next(numbers)}" for _ in range(AT_ONCE)]
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
                if time.monotonic() > until:
                    break
    return result


def _keep(path: Path, told: Path) -> str:
    FINDINGS.mkdir(exist_ok=True)
    kept = FINDINGS / path.name
    kept.write_bytes(path.read_bytes())
    if told.exists():
        kept.with_suffix(".traceback").write_text(told.read_text())
    return str(kept)
