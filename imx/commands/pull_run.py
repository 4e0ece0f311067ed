"""One run of `imx pull`: rounds until it is done, told as it goes, and how it ended."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import typer
from psycopg_pool import ConnectionPool
from rich.console import Console
from rich.markup import escape

from dicom_router.pulling.errors import SourceAway, SourceFailed
from dicom_router.pulling.jobs import Counts, Job, Pulls, Reckoning, State
from dicom_router.pulling.pace import Limits, Pace
from dicom_router.pulling.run import Run
from dicom_router.pulling.source import Source, Way
from dicom_router.pulling.taking import Sender, Taking
from dicom_router.pulling.window import Window
from imx.commands.options import who
from imx.commands.progress import progress_bar
from imx.errors import CommandFailed
from imx.settings import Settings
from imx.wiring import build_ingest

#: Ends with this status when the source went away, or the run was asked to stop: start it again to go on.
UNFINISHED = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run goes about it."""

    limits: Limits
    mirror_minutes: float | None
    recent_days: int
    as_json: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Which pull, of whose."""

    way: Way
    source: str
    window: Window
    sender: Sender


def pull(settings: Settings, pool: ConnectionPool, asked: Asked, source: Source, terms: Terms) -> None:
    """Once, or again and again where it mirrors. Raises typer.Exit unless every study is whole."""
    known = Pulls(pool)
    job = known.job(asked.way, asked.source, asked.sender.trust, asked.window, who())
    stop = threading.Event()
    console = Console(stderr=True)

    def tell(text: str) -> None:
        console.print(escape(text), style="yellow", soft_wrap=True)

    pace = Pace(terms.limits, stop, tell)
    take = Taking(build_ingest(settings, pool), asked.sender, pace)
    run = Run(source, known, job, pool, take, pace, stop, tell)
    with closing(source), known.running(job), stopped_by_signals(stop):
        try:
            for number in _rounds(terms, stop):
                if number:
                    run.list_new(Window(date.today() - timedelta(days=terms.recent_days)))  # noqa: DTZ011
                else:
                    run.list_all()
                _fetch(run, known, job, terms)
        except SourceAway as error:
            console.print(escape(f"the source is away ({error}): start this again to go on"), style="red")
            raise typer.Exit(UNFINISHED) from error
        except SourceFailed as error:
            raise CommandFailed(f"the source refuses: {error}") from error
    _end(known, known.by_number(job.id), terms, console)


def _rounds(terms: Terms, stop: threading.Event) -> Iterator[int]:
    """One, or as many as a mirror makes."""
    yield 0
    if terms.mirror_minutes is None:
        return
    number = 0
    while not stop.wait(terms.mirror_minutes * 60):
        number += 1
        yield number


def _fetch(run: Run, known: Pulls, job: Job, terms: Terms) -> None:
    counts = known.counts(job)
    with progress_bar() as bar:
        task = bar.add_task(f"from {escape(job.source)}", total=counts.waiting)
        for found in run.fetch_all():
            bar.advance(task)
            if terms.as_json:
                sys.stdout.write(json.dumps(row(found), ensure_ascii=False) + "\n")
                sys.stdout.flush()
            elif found.state is not State.HELD:
                bar.console.print(
                    escape(f"{found.study_uid}: {found.held} of {found.expected}: {found.because}"),
                    soft_wrap=True,
                )


def _end(known: Pulls, job: Job, terms: Terms, console: Console) -> None:
    counts = known.counts(job)
    if terms.as_json:
        sys.stdout.write(json.dumps(summary(job, counts), default=str) + "\n")
    console.print(
        f"{counts.held} of {counts.studies} studies whole, {counts.short} short, {counts.waiting} waiting;"
        f" {counts.instances_held} of {counts.instances_expected} instances (imx pull report {job.id})"
    )
    for gap in job.gaps:
        console.print(escape(f"not listed whole: {gap}"), style="yellow", soft_wrap=True)
    for note in job.notes:
        console.print(escape(f"the source cuts its answers: {note}"), style="yellow", soft_wrap=True)
    if counts.waiting:
        raise typer.Exit(UNFINISHED)
    if not is_whole(job, counts):
        raise typer.Exit(1)


def is_whole(job: Job, counts: Counts) -> bool:
    """Whether nothing is missing, as far as the source could say."""
    return not (counts.waiting or counts.short or job.gaps)


def row(found: Reckoning) -> dict[str, Any]:
    """A study that is not whole, or was just settled."""
    return {**asdict(found), "state": found.state.value, "series": list(found.series)}


def summary(job: Job, counts: Counts) -> dict[str, Any]:
    """A pull, and how far it is."""
    return {
        "pull": job.id,
        "by": job.way.value,
        "source": job.source,
        "trust": job.trust,
        "dates": job.window.days or "all",
        "studies": counts.studies,
        **asdict(counts),
        "gaps": list(job.gaps),
        "notes": list(job.notes),
        "asked_by": job.asked_by,
        "listed_at": job.listed_at,
    }


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first SIGTERM or SIGINT ends the run after the study it is at; the second ends it at once."""

    def on_signal(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
