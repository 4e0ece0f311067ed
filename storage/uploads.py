"""Uploads: begun, found, given their case, removed. Any process goes on from their rows.

A piece is an object of its own, durable before `received` counts it (storage.upload_writing).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import AlreadyDecided, NoRoom, Unavailable
from storage.objects import ObjectStore
from storage.upload import (
    OPEN,
    Named,
    NoSuchUpload,
    PersonsLimit,
    State,
    Upload,
    Uploader,
    UploadSettings,
)
from storage.upload_pieces import forget_all, forget_stale
from storage.upload_rows import UPLOAD_COLUMNS, one_upload

_MINE = "actor_kind = %s and actor = %s and actor_trust = %s"
_BEGIN = f"""
    insert into upload (id, actor_kind, actor, actor_trust, trust, issuer, address, name, metadata, batch,
        path, length, state, expires_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now() + %s * interval '1 s')
    returning {UPLOAD_COLUMNS}
"""
_HELD = f"""
    select count(*), coalesce(sum(length), 0)::bigint from upload
    where {_MINE} and state not in ('kept', 'removed')
"""
_CASE = f"""
    update upload set of_case = %s, made = null, expires_at = now() + %s * interval '1 s', tries = 0,
        next_try = now(), state = case when state = 'receiving' then state else 'waiting' end
    where id = %s and state = any (%s) returning {UPLOAD_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class Uploads:
    """Begins, continues, shows and removes them. Blocking; every verb raises IndexUnavailable."""

    pool: ConnectionPool
    objects: ObjectStore
    settings: UploadSettings

    def begin(self, whose: Uploader, length: int, named: Named) -> Upload:
        """A new one. Raises NoRoom, and PersonsLimit of it."""
        room = self.objects.room()
        self.objects.require_room()
        if room is not None and length > room:
            raise NoRoom("there is less room than the file is long")
        state = State.RECEIVING if length else State.WHOLE
        values = (
            uuid4(), *whose.key, whose.trust, whose.issuer, whose.address, named.name, named.metadata,
            named.batch, named.path, length, state.value, self.settings.keep_s,
        )  # fmt: skip
        with self._rows() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 2))", (repr(whose.key),))
            count, held = connection.execute(_HELD, whose.key).fetchone() or (0, 0)
            if count >= self.settings.count_limit or held + length > self.settings.person_limit:
                raise PersonsLimit("remove files that are not needed, or wait until these are finished")
            return one_upload(connection, _BEGIN, values)

    def find(self, whose: Uploader, number: UUID) -> Upload:
        """Raises NoSuchUpload, for another person's too."""
        with self._rows() as connection:
            return one_upload(
                connection,
                f"select {UPLOAD_COLUMNS} from upload where id = %s and {_MINE} and state <> 'removed'"
                " and (expires_at > now() or state = 'converting')",
                (number, *whose.key),
            )

    def again(self, number: UUID) -> Upload:
        """As it stands now, for whoever has been admitted to it."""
        with self._rows() as connection:
            return one_upload(connection, f"select {UPLOAD_COLUMNS} from upload where id = %s", (number,))

    def of(self, whose: Uploader, after: int = 0) -> list[Upload]:
        """All of that person, the newest first; those that changed `after` that number."""
        with self._rows() as connection:
            cursor = connection.cursor(row_factory=class_row(Upload))
            return cursor.execute(
                f"select {UPLOAD_COLUMNS} from upload where {_MINE} and changed > %s and state <> 'removed'"
                " and expires_at > now() order by created_at desc, id",
                (*whose.key, after),
            ).fetchall()

    def say_case(self, number: UUID, case: Mapping[str, Any]) -> Upload:
        """Whose it is. It is converted as soon as it is whole. Raises AlreadyDecided once that has begun."""
        states = [state.value for state in OPEN]
        with self._rows() as connection:
            try:
                return one_upload(connection, _CASE, (Jsonb(case), self.settings.keep_s, number, states))
            except NoSuchUpload as error:
                raise AlreadyDecided("it is being converted, or has been") from error

    def remove(self, number: UUID) -> None:
        """For good, with all its bytes. Raises AlreadyDecided while it is being converted."""
        with self._rows() as connection:
            removed = connection.execute(
                "update upload set state = 'removed', writer = null where id = %s and state <> 'converting'",
                (number,),
            )
            if removed.rowcount != 1:
                raise AlreadyDecided("it is being converted just now")
        with suppress(Unavailable):  # else the upkeep does it
            forget_all(self.pool, self.objects, number)

    def tidy(self) -> int:
        """Delete what expired, was removed, or is kept as DICOM now, and pieces that never came; how many.

        Safe to stop anywhere, and for several at once.
        """
        with self._rows() as connection:
            connection.execute(
                "update upload set state = 'removed', writer = null"
                " where expires_at < now() and state not in ('converting', 'removed')"
            )
            gone = connection.execute(
                "select id from upload u where state = 'removed' or (state = 'kept'"
                " and exists (select from upload_piece p where p.upload = u.id) and not exists ("
                "   select from upload o where u.batch <> '' and o.batch = u.batch and o.actor = u.actor"
                "   and o.state not in ('kept', 'refused', 'removed'))) limit 1000"
            ).fetchall()
        forget_stale(self.pool, self.objects)
        for (number,) in gone:
            forget_all(self.pool, self.objects, number)
        return len(gone)

    @contextmanager
    def _rows(self) -> Iterator[Connection[Any]]:
        with mapped_errors(), self.pool.connection() as connection:
            yield connection
