"""Where the parts meet: from settings to a router, an archive, an object store."""

import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg_pool import ConnectionPool

from dicom_router.acceptor import Router
from dicom_router.deliveries.ordering import PostgresDeliveries
from dicom_router.reading import Reading
from dicom_router.requestor import Calling
from dicom_router.rules.coercing import Coercing
from dicom_router.rules.desk import RuleDesk
from dicom_router.rules.routing import Routing
from dicom_router.sender import Sender
from dicom_router.services import commitment, finding, getting, moving, performing, worklist
from dicom_router.services.retrieving import Retrieving
from dicom_router.services.table import Services
from dicom_router.storing import Reader
from dicom_router.tls.profile import handshake, shown_by
from dicom_router.tls.reload import ReloadedContext
from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.feeds import Feed
from exchange.hl7.listener import Listener, Secure, Secured
from exchange.hl7.namespace import Namespace
from exchange.manifests.manifest import Here
from exchange.orders import PostgresOrders
from exchange.performed import PostgresPerformed
from exchange.registry import PostgresRegistry
from imx.certificates import tls_client, tls_files
from imx.configuration import BadSettings
from imx.connections import READING_CONNECTIONS
from imx.folder import DataFolder
from imx.part_settings import OPEN_TRUST, api_settings, router_settings, spool_folder
from imx.settings import Settings
from storage.codecs.workers import Workers
from storage.commitments import Commitments
from storage.files import FileObjects
from storage.index import PostgresIndex
from storage.ingest import Ingest
from storage.objects import ObjectStore
from storage.originals import Originals
from storage.staging import StagedObjects
from storage.transcoding import Transcoder

if TYPE_CHECKING:
    from fastapi import FastAPI

    from imx.watching.watch import Watch
    from viewer_api.keeping import Keeping


def database_url(settings: Settings) -> str:
    """Of a part that runs on its own: it needs to be told."""
    if settings.database.url is None:
        raise BadSettings("set database.url (IMX_DATABASE_URL), or run the whole service with imx serve")
    return settings.database.url.text


def here_of(settings: Settings) -> Here:
    """How others get what is kept here; without a public address, how this machine does."""
    return Here(settings.http.public_url or f"http://127.0.0.1:{settings.http.port}", settings.dicom.ae_title)


def open_objects(settings: Settings) -> ObjectStore:
    """Local files in the data folder, or a bucket."""
    if settings.objects.url is None:
        folder = DataFolder(settings.data)
        folder.create()
        return FileObjects(folder.objects, settings.storage.watermark)
    from storage.s3 import connect  # minio: a long import that a service on local files does without

    access, secret = settings.objects.access_key, settings.objects.secret_key
    if access is None or secret is None:
        raise BadSettings(
            "objects.url needs objects.access_key and objects.secret_key (or their _file forms)"
        )
    try:
        return connect(settings.objects.url, access.text, secret.text)
    except ValueError as error:
        raise BadSettings(f"objects.url: {error}") from error


def staged_objects(settings: Settings, pool: ConnectionPool) -> StagedObjects:
    """The object store and what still waits for it: what every part reads."""
    return StagedObjects(open_objects(settings), pool)


def open_reading(settings: Settings, pool: ConnectionPool) -> Reading:
    """For threads: the router's, or a command's. The caller closes it."""
    assert isinstance(pool.conninfo, str)  # as imx.pool makes it
    return Reading(pool.conninfo, staged_objects(settings, pool), READING_CONNECTIONS)


def build_ingest(settings: Settings, pool: ConnectionPool) -> Ingest:
    return Ingest(staged_objects(settings, pool), PostgresIndex(pool), settings.storage.object_limit)


def build_keeping(settings: Settings, pool: ConnectionPool) -> "Keeping":
    """The one intake for what was wrapped."""
    from viewer_api.keeping import Keeping  # the ologies and their codecs: few parts need them

    door = build_ingest(settings, pool)
    return Keeping(door, Originals(door.objects, pool))


def build_watch(settings: Settings, pool: ConnectionPool, stop: threading.Event) -> "Watch":
    """The folder that scanners write into. Raises BadSettings, UnknownTrust and Unavailable."""
    from imx.watching.cases import Cases  # the ologies and their codecs again
    from imx.watching.folder import WatchedFolder
    from imx.watching.watch import Watch
    from ologies.case import Case, read_case
    from ologies.errors import BadCase

    ours = settings.watch
    if ours.folder is None:
        raise BadSettings("set watch.folder and watch.trust: without them nothing is watched")
    owner = PostgresRegistry(pool).trust(ours.trust.strip().upper())
    try:
        shared = read_case(ours.case) if ours.case else Case()
    except BadCase as error:
        raise BadSettings(f"watch.case: {error}") from error
    return Watch(
        folder=WatchedFolder(ours.folder.absolute()),
        cases=Cases(PostgresOrders(pool), owner.issuer, shared, ours.by_barcode),
        keeping=build_keeping(settings, pool),
        owner=owner,
        scratch=Path(spool_folder(settings) or tempfile.gettempdir()),
        quiet_s=ours.quiet_s,
        stop=stop,
    )


def build_router(
    settings: Settings,
    pool: ConnectionPool,
    reading: Reading,
    plain: socket.socket,
    tls: socket.socket | None,
) -> Router:
    """The DIMSE edge on sockets that a parent opened."""
    context = tls_context(settings)
    secured = [(tls, context)] if tls and context else []
    return Router(
        router_settings(settings),
        build_ingest(settings, pool),
        PostgresRegistry(pool),
        [plain],
        services=dimse_services(settings, reading, pool),
        tls=secured,
    )


def dimse_services(settings: Settings, reading: Reading, pool: ConnectionPool) -> Services:
    """What the DIMSE edge offers besides storage and verification. Each service is one line."""
    registry = PostgresRegistry(pool)
    sender = build_sender(settings, reading.objects)
    retrieving = Retrieving(reading, registry.trusts)
    return {
        **finding.services(reading),
        **getting.services(retrieving, sender.reader),
        **moving.services(retrieving, registry, sender),
        **worklist.services(reading, PostgresOrders(pool)),
        **commitment.services(build_commitments(settings, registry.pool, reading.objects)),
        **performing.services(PostgresPerformed(pool)),
    }


def build_commitments(settings: Settings, pool: ConnectionPool, objects: ObjectStore) -> Commitments:
    """What peers ask the archive to answer for."""
    return Commitments(pool, objects, settings.commitment)


def build_sender(settings: Settings, objects: ObjectStore) -> Sender:
    """What everything that leaves by C-STORE goes through."""
    reader = Reader(objects=objects, transcoder=Transcoder(Workers()))
    return Sender(reader=reader, calling=build_calling(settings))


def build_calling(settings: Settings) -> Calling:
    """How we call peers."""
    return Calling(tls=tls_client(settings.tls))


def build_hl7(
    settings: Settings, pool: ConnectionPool, plain: socket.socket | None, tls: socket.socket | None
) -> Listener:
    """The HL7 door on sockets that a parent opened."""
    sockets: dict[socket.socket, Secure | None] = {plain: None} if plain else {}
    if tls is not None and (context := tls_context(settings)) is not None:

        def secured(connection: socket.socket) -> Secured:
            ours = handshake(connection, context(), settings.dicom.artim_s)
            return Secured(ours, shown_by(ours).fingerprint)

        sockets[tls] = secured
    return Listener(hl7_desk(settings, pool), sockets, PostgresRegistry(pool).note_refusal)


def hl7_desk(settings: Settings, pool: ConnectionPool) -> Desk:
    """Where HL7 messages are taken."""
    stranger = Namespace(OPEN_TRUST.ods_code, OPEN_TRUST.issuer, feed=Feed(is_any_authority=True))
    return Desk(pool, HANDLERS, stranger if settings.open else None)


def tls_context(settings: Settings) -> ReloadedContext | None:
    """Of a TLS listener, where there is a certificate for it."""
    files = tls_files(settings.tls)
    return ReloadedContext(files) if files else None


def build_routing(pool: ConnectionPool, objects: StagedObjects) -> Routing:
    """From what comes to what is to be sent."""
    return Routing(pool, Coercing(pool, objects), PostgresDeliveries(pool))


def build_api(settings: Settings, pool: ConnectionPool) -> "FastAPI":
    """The HTTP edge; whoever runs it brings the socket. The pool is for objects; rows have their own."""
    from viewer_api.app import ApiParts, create_app  # codecs and FastAPI: no other part needs them

    door = build_ingest(settings, pool)
    parts = ApiParts(
        settings=api_settings(settings),
        objects=door.objects,
        door=door,
        database=database_url(settings),
        pool=pool,
        rules=RuleDesk(pool),
    )
    return create_app(parts)
