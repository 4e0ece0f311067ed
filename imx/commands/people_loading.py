"""A file of people, loaded: how far it is, and what was left out."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TextIO

from psycopg_pool import ConnectionPool
from rich.console import Console

from exchange.hl7.admissions import AHEAD_LIMIT
from exchange.people.bulk import BadFile, Source
from exchange.people.loading import Loaded, load
from exchange.people.person import NHS, NumberStatus, Said
from exchange.registry import PostgresRegistry
from imx.commands.printing import print_one
from imx.errors import CommandFailed
from storage.errors import ArchiveError

#: How often a load says how far it is.
_TELLING_S = 5.0


def load_people(pool: ConnectionPool, file: Path, source: Source, from_line: int) -> tuple[Loaded, float]:
    """What a file says, and how many seconds that took. Raises CommandFailed."""
    began = monotonic()
    progress = _Progress(began)
    try:
        with _opened(file) as text:
            loaded = load(pool, text, source, progress.say, from_line)
    except BadFile as error:
        raise CommandFailed(f"{file}: {error}") from error
    except ArchiveError:
        sys.stderr.write(f"broke off: go on with --from-line {max(progress.lines + 1, from_line)}\n")
        raise
    return loaded, monotonic() - began


def print_loaded(loaded: Loaded, took_s: float, as_json: bool) -> None:
    """What was taken, and what was left out and why."""
    named = [{"line": number, "because": why} for number, why in loaded.named]
    if as_json:
        summary = {
            "lines": loaded.lines,
            "news": loaded.news,
            "left_out": dict(loaded.left_out),
            "named": named,
            "seconds": round(took_s, 1),
        }
        print_one(summary, as_json)
        return
    errors = Console(stderr=True)
    for each in named:
        errors.print(f"line {each['line']}: {each['because']}", highlight=False)
    for why, count in loaded.left_out.most_common():
        errors.print(f"left out: {count:,} with {why}", style="yellow", highlight=False)
    sys.stdout.write(f"{loaded.lines:,} lines in {took_s:.0f} s; {loaded.news:,} said something new\n")


@dataclass(slots=True)
class _Progress:
    """How far a load is, said now and then."""

    began: float
    lines: int = 0
    told: float = 0.0

    def say(self, loaded: Loaded) -> None:
        self.lines = loaded.lines
        now = monotonic()
        if now - max(self.told, self.began) >= _TELLING_S:
            self.told = now
            sys.stderr.write(f"{loaded.lines:,} lines, {loaded.lines / (now - self.began):,.0f} a second\n")


def time_of(file: Path, said_at: str) -> datetime:
    """When what a file says was said: its own time, unless one is given. Raises CommandFailed."""
    if not said_at:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    try:
        at = datetime.fromisoformat(said_at)
    except ValueError as error:
        raise CommandFailed("--said-at is no time: write 2026-03-01T02:00:00Z") from error
    return at if at.tzinfo else at.astimezone()


def source_of(pool: ConnectionPool, trust: str, said: Said) -> Source:
    """In whose name a file of a trust, or of many, speaks. Raises UnknownTrust."""
    registry = PostgresRegistry(pool)
    trusts = registry.trusts()
    statuses = {each.issuer: NumberStatus(each.nhs_number_status) for each in trusts}
    issuer = registry.trust(trust).issuer if trust else ""
    until = datetime.now(UTC) + AHEAD_LIMIT
    return Source(statuses | {NHS: NumberStatus.NOT_TRACED}, issuer, said, until)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as packed:
            yield packed
    else:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield text
