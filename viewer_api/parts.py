"""What the HTTP edge is made of, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from anyio import CapacityLimiter
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from exchange.accounts import PostgresAccounts
from exchange.audit import Audit
from exchange.sessions import PostgresSessions, SessionHolders
from exchange.signing_in import SigningIn
from exchange.throttle import Throttle
from exchange.tokens import TokenHolders
from storage.archive import Archive
from storage.codecs.workers import Workers
from storage.connecting import open_pool
from storage.frame_reading import FrameReader
from storage.ingest import Door
from storage.objects import ObjectStore
from storage.transcoding import Transcoder
from viewer_api.bodies import Sender
from viewer_api.desk import Desk
from viewer_api.oidc.bearers import Bearers
from viewer_api.oidc.provider import Provider
from viewer_api.readers import Readers
from viewer_api.settings import ApiSettings


class Rules(Protocol):
    """Where people see and change the routing rules (dicom_router.rules.desk). Blocking."""

    def in_force(self) -> object | None:
        """The newest rule file, and who loaded it."""

    def load(self, text: str, loaded_by: str) -> object:
        """Put one in force. Raises BadInput, and then nothing changes."""

    def waiting(self, trust: str | None) -> Sequence[object]:
        """What is not sent yet, and for what it waits; of one trust's studies, or of all."""

    def release(self, study_uid: str, released_by: str, trust: str | None) -> int:
        """Send on what waits of a study. Raises NotHeld, for another trust's too."""


@dataclass(frozen=True, kw_only=True)
class ApiParts:
    """What `create_app` is given."""

    settings: ApiSettings
    objects: ObjectStore
    door: Door  # the one way in
    database: str  # conninfo of a migrated PostgreSQL
    pool: ConnectionPool  # to it, for what is asked in threads
    rules: Rules


@dataclass(frozen=True, kw_only=True)
class Working:
    """What the routes work with, made of ApiParts."""

    settings: ApiSettings
    objects: ObjectStore
    door: Door
    pool: AsyncConnectionPool
    desk: Desk
    rules: Rules
    archive: Archive
    readers: Readers
    provider: Provider | None
    signing_in: SigningIn
    sender: Sender
    frame_reader: FrameReader
    transcoder: Transcoder
    drawing: CapacityLimiter  # threads that draw, and so how many pictures are in memory at one time


def working(parts: ApiParts) -> Working:
    """Nothing is opened yet: the pool opens with the application."""
    settings = parts.settings
    provider = Provider(settings.provider) if settings.provider else None
    pool = open_pool(parts.database, settings.connections, settings.patience_s, settings.statement_s)
    return Working(
        settings=settings,
        objects=parts.objects,
        door=parts.door,
        pool=pool,
        desk=Desk(parts.pool, CapacityLimiter(settings.desk_threads)),
        rules=parts.rules,
        archive=Archive(pool),
        provider=provider,
        readers=Readers(
            tokens=TokenHolders(pool),
            sessions=SessionHolders(pool, settings.lasting),
            bearers=Bearers(provider, pool) if provider and provider.settings.audience else None,
            audit=Audit(pool),
            is_open=settings.is_open,
            public_url=settings.public_url,
        ),
        signing_in=SigningIn(
            PostgresAccounts(parts.pool),
            PostgresSessions(parts.pool, settings.lasting),
            Throttle(parts.pool),
            settings.is_second_factor_wanted,
        ),
        sender=Sender(CapacityLimiter(settings.reading_threads)),
        drawing=CapacityLimiter(settings.drawings),
        frame_reader=FrameReader(parts.objects),
        transcoder=Transcoder(Workers()),
    )
