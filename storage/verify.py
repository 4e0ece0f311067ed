"""Re-read what is kept against its digest, all of it or a little at a time."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import ObjectMissing, ObjectsUnavailable, Unreadable
from storage.objects import ObjectStore
from storage.part10 import META_LIMIT_BYTES, read_meta

_PAGE = 200
#: So many objects that cannot be read are not bad sectors: the store is away.
_UNREAD_LIMIT = 20


class Condition(Enum):
    """How an object was found."""

    SOUND = "sound"
    DIFFERENT = "its bytes differ from their digest"
    MISSING = "it is gone"
    UNREAD = "it could not be read; nothing is noted of it"


@dataclass(frozen=True, slots=True)
class Verified:
    """One object, re-read."""

    key: str
    size: int
    condition: Condition


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    key: str
    size: int
    data_offset: int
    digest: bytes
    transfer_syntax: str
    peer: str
    trust: str


def verify(
    objects: ObjectStore, pool: ConnectionPool, bytes_a_second: float = float("inf")
) -> Iterator[Verified]:
    """Re-read every object that has a row and was last verified before now, the longest ago first.

    Notes when each was verified, and when damage was found. Stop it anywhere: the next run goes on. Raises
    ObjectsUnavailable once many could not be read.
    """
    started = _now(pool)
    unread: list[int] = []
    while rows := _oldest(pool, started, unread):
        for row in rows:
            began = time.monotonic()
            try:
                condition = _condition(objects, row)
            except ObjectsUnavailable:
                unread.append(row.id)
                if len(unread) > _UNREAD_LIMIT:
                    raise
                condition = Condition.UNREAD
            else:
                _note(pool, row, condition)
            yield Verified(row.key, row.size, condition)
            time.sleep(max(0.0, row.size / bytes_a_second - (time.monotonic() - began)))


def reread(objects: ObjectStore, pool: ConnectionPool, object_id: int) -> Condition:
    """Re-read one object now, and note how it was found. Raises Unavailable where it cannot be read."""
    with mapped_errors(), pool.connection() as connection:
        found = connection.execute(
            "select id, key, size, data_offset, digest, transfer_syntax, peer, trust from object"
            " where id = %s",
            (object_id,),
        ).fetchone()
    if found is None:
        return Condition.MISSING
    row = _Row(*found)
    condition = _condition(objects, row)
    _note(pool, row, condition)
    return condition


def _condition(objects: ObjectStore, row: _Row) -> Condition:
    digest = hashlib.sha256()
    size = 0
    try:
        head = b"".join(objects.read(row.key, 0, min(row.data_offset, META_LIMIT_BYTES)))
        for chunk in objects.read(row.key, row.data_offset):
            digest.update(chunk)
            size += len(chunk)
    except ObjectMissing:
        return Condition.MISSING
    is_sound = (digest.digest(), size + row.data_offset) == (row.digest, row.size) and _says(head, row)
    return Condition.SOUND if is_sound else Condition.DIFFERENT


def _says(head: bytes, row: _Row) -> bool:
    """Whether the file meta still says what the row says: an index is made again from it."""
    try:
        meta = read_meta(head)
    except Unreadable:
        return False
    if meta.origin is None or meta.data_offset != row.data_offset:
        return False
    said = (meta.transfer_syntax_uid, meta.origin.peer, meta.origin.trust)
    return said == (row.transfer_syntax, row.peer, row.trust)


def _now(pool: ConnectionPool) -> datetime:
    """By the clock that notes when an object was verified."""
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def _oldest(pool: ConnectionPool, before: datetime, unread: list[int]) -> list[_Row]:
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            """
            select id, key, size, data_offset, digest, transfer_syntax, peer, trust from object
            where swept_at is null and (verified_at is null or verified_at < %s)
              and id <> all (%s)
            order by verified_at nulls first, id limit %s
            """,
            (before, unread, _PAGE),
        ).fetchall()
    return [_Row(*row) for row in rows]


def _note(pool: ConnectionPool, row: _Row, condition: Condition) -> None:
    with mapped_errors(), pool.connection() as connection:
        connection.execute(
            "update object set verified_at = now(),"
            " damaged_at = case when %s then null else coalesce(damaged_at, now()) end where id = %s",
            (condition is Condition.SOUND, row.id),
        )
