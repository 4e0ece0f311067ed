"""dcmsend, as Debian ships it, timed from its start to its end."""

import subprocess
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from benchmarks.phantoms import Batch


class Tuning(Enum):
    """What stands in the environment of sender and receiver."""

    STOCK = "stock"
    TUNED = "tuned"

    @property
    def command(self) -> tuple[str, ...]:
        """What goes before a command. DCMTK, and Orthanc with it, read TCP_NODELAY."""
        return ("env", "TCP_NODELAY=1") if self is Tuning.TUNED else ("env", "-u", "TCP_NODELAY")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver listens."""

    ae_title: str
    port: int
    host: str = "127.0.0.1"


class NotSent(Exception):
    """A sender that did not hear success for every file: its time would mean nothing."""


def push(batch: Batch, to: Address, tuning: Tuning, calling: str = "BENCH") -> float:
    """Send each part of the batch by a dcmsend of its own, all at once; seconds until the last is done."""
    started = time.perf_counter()
    senders = [_start(part, to, tuning, calling) for part in batch.parts]
    heard = [sender.communicate()[0] for sender in senders]
    seconds = time.perf_counter() - started
    kept = sum(_successes(part) for part in batch.parts)
    if kept != batch.files:
        last_words = " / ".join(text.strip()[-300:] for text in heard)
        raise NotSent(f"{to.ae_title} kept {kept} of {batch.files}: {last_words}")
    return seconds


def _start(part: Path, to: Address, tuning: Tuning, calling: str) -> "subprocess.Popen[str]":
    titles = ("-aet", calling, "-aec", to.ae_title)
    report = _report_of(part)
    report.unlink(missing_ok=True)
    return subprocess.Popen(
        [*tuning.command, "dcmsend", *titles, "+crf", report, to.host, str(to.port), "+sd", part],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _report_of(part: Path) -> Path:
    return part.with_suffix(".report")


def _successes(part: Path) -> int:
    report = _report_of(part)
    return report.read_text().count("0x0000") if report.exists() else 0
