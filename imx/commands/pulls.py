"""`imx pull`: bring another archive's studies in, once or again and again."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

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
from dicom_router.requestor import Callee, Calling
from dicom_router.settings import CallingSettings
from exchange.registry import DuplicatePolicy, Peer, PostgresRegistry
from imx.certificates import tls_client
from imx.commands.options import ConfigOption, DataOption, JsonOption, settings_from, who
from imx.commands.printing import print_rows
from imx.commands.progress import progress_bar
from imx.commands.pull_options import (
    BytesOption,
    CredentialsOption,
    FirstOption,
    HoursOption,
    LastOption,
    MirrorOption,
    NameOption,
    RecentOption,
    StudiesOption,
    TrustOption,
    address_from,
    credentials_from,
)
from imx.database import open_database
from imx.errors import CommandFailed
from imx.settings import Settings
from imx.wiring import build_ingest

pulls = typer.Typer(
    help="Bring another archive's studies in: a migration, or a mirror. Start one again to go on.",
    no_args_is_help=True,
)

#: Ends with this status when the source went away, or the run was asked to stop: start it again to go on.
UNFINISHED = 3

#: A PACS may be silent for long: while it fetches from tape, or moves a series.
SILENCE_LIMIT_S = 900.0
STALL_LIMIT_S = 120.0


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


@pulls.command("peer")
def peer_command(
    ae_title: Annotated[
        str, typer.Argument(help="The AE title of a peer that can be called (imx peer add).")
    ],
    by: Annotated[
        Way, typer.Option(help="get: on our own association. move: to our running router.")
    ] = Way.GET,
    first: FirstOption = None,
    last: LastOption = None,
    studies_per_minute: StudiesOption = None,
    bytes_per_s: BytesOption = None,
    hours: HoursOption = None,
    mirror: MirrorOption = None,
    recent_days: RecentOption = 7,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """From a PACS by DICOM: C-FIND with C-GET or C-MOVE.

    Ends with status 0 when every study is whole, 1 when some are short, 3 when it has to be started again.
    """
    from dicom_router.pulling.getting import GetSource
    from dicom_router.pulling.moving import MoveSource

    if by not in (Way.GET, Way.MOVE):
        raise typer.BadParameter("a peer is asked by get or move", param_hint="--by")
    settings = settings_from(data, config)
    terms = Terms(
        Limits(studies_per_minute, bytes_per_s, hours),
        mirror,
        recent_days,
        as_json,
    )
    with open_database(settings) as pool:
        peer = _callable_peer(PostgresRegistry(pool), ae_title)
        if by is Way.MOVE and not peer.may_store:
            raise CommandFailed(f"{ae_title} may not store here: imx peer add {ae_title} --store")
        callee = Callee.of(peer)
        ours, calling = settings.dicom.ae_title, _calling(settings)
        source: Source = GetSource(callee, ours, calling)
        if by is Way.MOVE:
            source = MoveSource(callee, ours, calling, destination=ours)
        sender = _sender_of(peer, callee.host)
        _pull(settings, pool, Asked(by, peer.ae_title, Window(first, last), sender), source, terms)


@pulls.command("dicomweb")
def dicomweb_command(
    url: Annotated[str, typer.Argument(help="Of the service, such as https://pacs.example/dicom-web.")],
    trust: TrustOption,
    name: NameOption = "PULL",
    first: FirstOption = None,
    last: LastOption = None,
    credentials_file: CredentialsOption = None,
    studies_per_minute: StudiesOption = None,
    bytes_per_s: BytesOption = None,
    hours: HoursOption = None,
    mirror: MirrorOption = None,
    recent_days: RecentOption = 7,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """From a DICOMweb service: QIDO-RS and WADO-RS, every object as it is stored.

    Ends with status 0 when every study is whole, 1 when some are short, 3 when it has to be started again.
    """
    from dicom_router.pulling.dicomweb import DicomWebSource

    settings = settings_from(data, config)
    terms = Terms(
        Limits(studies_per_minute, bytes_per_s, hours),
        mirror,
        recent_days,
        as_json,
    )
    address = address_from(url)
    source = DicomWebSource(address, credentials_from(credentials_file))
    with open_database(settings) as pool:
        sender = _sender(PostgresRegistry(pool), trust, name, address)
        _pull(settings, pool, Asked(Way.DICOMWEB, address, Window(first, last), sender), source, terms)


@pulls.command("orthanc")
def orthanc_command(
    url: Annotated[str, typer.Argument(help="Of its REST API, such as http://pacs.example:8042.")],
    trust: TrustOption,
    name: NameOption = "ORTHANC",
    first: FirstOption = None,
    last: LastOption = None,
    credentials_file: CredentialsOption = None,
    studies_per_minute: StudiesOption = None,
    bytes_per_s: BytesOption = None,
    hours: HoursOption = None,
    mirror: MirrorOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """From an Orthanc, by its REST API; a mirror follows its change feed.

    Ends with status 0 when every study is whole, 1 when some are short, 3 when it has to be started again.
    """
    from dicom_router.pulling.orthanc import OrthancSource

    settings = settings_from(data, config)
    terms = Terms(
        Limits(studies_per_minute, bytes_per_s, hours),
        mirror,
        1,
        as_json,
    )
    address = address_from(url)
    source = OrthancSource(address, credentials_from(credentials_file))
    with open_database(settings) as pool:
        sender = _sender(PostgresRegistry(pool), trust, name, address)
        _pull(settings, pool, Asked(Way.ORTHANC, address, Window(first, last), sender), source, terms)


@pulls.command("list")
def list_command(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every pull, and how far it is."""
    with open_database(settings_from(data, config)) as pool:
        known = Pulls(pool)
        print_rows([_summary(job, known.counts(job)) for job in known.all()], as_json)


@pulls.command("report")
def report_command(
    number: Annotated[int, typer.Argument(help="Of the pull: imx pull list.")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every study that is not whole, and why. Ends with status 1 when there is one."""
    with open_database(settings_from(data, config)) as pool:
        known = Pulls(pool)
        job = known.by_number(number)
        print_rows([_row(each) for each in known.unsettled(job)], as_json)
        if not _is_whole(job, known.counts(job)):
            raise typer.Exit(1)


def _pull(settings: Settings, pool: ConnectionPool, asked: Asked, source: Source, terms: Terms) -> None:
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
                sys.stdout.write(json.dumps(_row(found), ensure_ascii=False) + "\n")
                sys.stdout.flush()
            elif found.state is not State.HELD:
                bar.console.print(
                    escape(f"{found.study_uid}: {found.held} of {found.expected}: {found.because}"),
                    soft_wrap=True,
                )


def _end(known: Pulls, job: Job, terms: Terms, console: Console) -> None:
    counts = known.counts(job)
    if terms.as_json:
        sys.stdout.write(json.dumps(_summary(job, counts), default=str) + "\n")
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
    if not _is_whole(job, counts):
        raise typer.Exit(1)


def _is_whole(job: Job, counts: Counts) -> bool:
    return not (counts.waiting or counts.short or job.gaps)


def _row(found: Reckoning) -> dict[str, Any]:
    return {**asdict(found), "state": found.state.value, "series": list(found.series)}


def _summary(job: Job, counts: Counts) -> dict[str, Any]:
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


def _callable_peer(registry: PostgresRegistry, ae_title: str) -> Peer:
    peer = registry.destination(ae_title)
    if peer is None:
        raise CommandFailed(
            f"no single peer {ae_title} has a host and a port: imx peer add {ae_title} --host … --port …"
        )
    return peer


def _calling(settings: Settings) -> Calling:
    """With more patience than we have for those who wait with us."""
    limits = CallingSettings(
        idle_s=SILENCE_LIMIT_S, stall_s=STALL_LIMIT_S, object_limit=settings.storage.object_limit
    )
    return Calling(settings=limits, tls=tls_client(settings.tls))


def _sender_of(peer: Peer, address: str) -> Sender:
    return Sender(
        name=peer.ae_title,
        trust=peer.trust.ods_code,
        issuer=peer.issuer,
        address=address,
        may_replace=peer.duplicates is DuplicatePolicy.REPLACE,
        trust_issuer=peer.trust.issuer,
    )


def _sender(registry: PostgresRegistry, ods_code: str, name: str, url: str) -> Sender:
    """What the registry knows of the peer of that name, or a name of that trust."""
    trust = registry.trust(ods_code.strip().upper())
    host = urlsplit(url).hostname or ""
    for peer in registry.peers():
        if peer.ae_title == name and peer.trust.ods_code == trust.ods_code:
            return _sender_of(peer, host)
    return Sender(name=name, trust=trust.ods_code, issuer=trust.issuer, address=host)
