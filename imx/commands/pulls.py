"""`imx pull`: bring another archive's studies in, once or again and again."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from dicom_router.pulling.jobs import Pulls
from dicom_router.pulling.source import Source, Way
from dicom_router.pulling.taking import Sender
from dicom_router.requestor import Callee, Calling
from dicom_router.settings import CallingSettings
from exchange.registry import DuplicatePolicy, Peer, PostgresRegistry
from imx.certificates import tls_client
from imx.commands.group import Group
from imx.commands.options import Question
from imx.commands.printing import print_rows
from imx.commands.pull_options import Extent, NameOption, RecentOption, Service, address_from
from imx.commands.pull_run import Asked, is_whole, pull, row, summary
from imx.database import open_database
from imx.errors import CommandFailed
from imx.settings import Settings

pulls = Group("Bring another archive's studies in: a migration, or a mirror. Start one again to go on.")

#: A PACS may be silent for long: while it fetches from tape, or moves a series.
SILENCE_LIMIT_S = 900.0
STALL_LIMIT_S = 120.0


@pulls.command("peer")
def peer_command(
    ae_title: Annotated[
        str, typer.Argument(help="The AE title of a peer that can be called (imx peer add).")
    ],
    extent: Extent,
    given: Question,
    by: Annotated[
        Way, typer.Option(help="get: on our own association. move: to our running router.")
    ] = Way.GET,
    recent_days: RecentOption = 7,
) -> None:
    """From a PACS by DICOM: C-FIND with C-GET or C-MOVE.

    Ends with status 0 when every study is whole, 1 when some are short, 3 when it has to be started again.
    """
    from dicom_router.pulling.getting import GetSource
    from dicom_router.pulling.moving import MoveSource

    if by not in (Way.GET, Way.MOVE):
        raise typer.BadParameter("a peer is asked by get or move", param_hint="--by")
    settings = given.settings()
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
        asked = Asked(by, peer.ae_title, extent.window, sender)
        pull(settings, pool, asked, source, extent.terms(given.as_json, recent_days))


@pulls.command("dicomweb")
def dicomweb_command(
    url: Annotated[str, typer.Argument(help="Of the service, such as https://pacs.example/dicom-web.")],
    service: Service,
    extent: Extent,
    given: Question,
    name: NameOption = "PULL",
    recent_days: RecentOption = 7,
) -> None:
    """From a DICOMweb service: QIDO-RS and WADO-RS, every object as it is stored.

    Ends with status 0 when every study is whole, 1 when some are short, 3 when it has to be started again.
    """
    from dicom_router.pulling.dicomweb import DicomWebSource

    settings, address = given.settings(), address_from(url)
    source = DicomWebSource(address, service.credentials())
    with open_database(settings) as pool:
        sender = _sender(PostgresRegistry(pool), service.trust, name, address)
        asked = Asked(Way.DICOMWEB, address, extent.window, sender)
        pull(settings, pool, asked, source, extent.terms(given.as_json, recent_days))


@pulls.command("orthanc")
def orthanc_command(
    url: Annotated[str, typer.Argument(help="Of its REST API, such as http://pacs.example:8042.")],
    service: Service,
    extent: Extent,
    given: Question,
    name: NameOption = "ORTHANC",
) -> None:
    """From an Orthanc, by its REST API; a mirror follows its change feed.

    Ends with status 0 when every study is whole, 1 when some are short, 3 when it has to be started again.
    """
    from dicom_router.pulling.orthanc import OrthancSource

    settings, address = given.settings(), address_from(url)
    source = OrthancSource(address, service.credentials())
    with open_database(settings) as pool:
        sender = _sender(PostgresRegistry(pool), service.trust, name, address)
        asked = Asked(Way.ORTHANC, address, extent.window, sender)
        pull(settings, pool, asked, source, extent.terms(given.as_json))


@pulls.command("list")
def list_command(given: Question) -> None:
    """Every pull, and how far it is."""
    with open_database(given.settings()) as pool:
        known = Pulls(pool)
        print_rows([summary(job, known.counts(job)) for job in known.all()], given.as_json)


@pulls.command("report")
def report_command(
    number: Annotated[int, typer.Argument(help="Of the pull: imx pull list.")], given: Question
) -> None:
    """Every study that is not whole, and why. Ends with status 1 when there is one."""
    with open_database(given.settings()) as pool:
        known = Pulls(pool)
        job = known.by_number(number)
        print_rows([row(each) for each in known.unsettled(job)], given.as_json)
        if not is_whole(job, known.counts(job)):
            raise typer.Exit(1)


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
