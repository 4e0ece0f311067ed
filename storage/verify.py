"""Re-read what is kept against its digest, all of it or a little at a time."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from psycopg_pool import ConnectionPool

from storage.errors import ObjectMissing
from storage.index import mapped_errors
from storage.objects import ObjectStore

_PAGE = 200


class Condition(Enum):
    """How an object was found."""

    SOUND = "sound"
    DIFFERENT = "its bytes differ from their digest"
    MISSING = "it is gone"


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


def verify(
    objects: ObjectStore, pool: ConnectionPool, bytes_a_second: float = float("inf")
) -> Iterator[Verified]:
    """Re-read every object that has a row and was last verified before now, the longest ago first.

    Notes when each was verified, and when damage was found. Stop it anywhere: the next run goes on.
    """
    started = datetime.now(UTC)
    while rows := _oldest(pool, started):
        for row in rows:
            began = time.monotonic()
            condition = _condition(objects, row)
            _note(pool, row, condition)
            yield Verified(row.key, row.size, condition)
            time.sleep(max(0.0, row.size / bytes_a_second - (time.monotonic() - began)))


def _condition(objects: ObjectStore, row: _Row) -> Condition:
    digest = hashlib.sha256()
    size = row.data_offset
    try:
        for chunk in objects.read(row.key, row.data_offset):
            digest.update(chunk)
            size += len(chunk)
    except ObjectMissing:
        return Condition.MISSING
    return Condition.SOUND if (digest.digest(), size) == (row.digest, row.size) else Condition.DIFFERENT


def _oldest(pool: ConnectionPool, before: datetime) -> list[_Row]:
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            """
            select id, key, size, data_offset, digest from object
            where swept_at is null and (verified_at is null or verified_at < %s)
            order by verified_at nulls first, id limit %s
            """,
            (before, _PAGE),
        ).fetchall()
    return [_Row(*row) for row in rows]


def _note(pool: ConnectionPool, row: _Row, condition: Condition) -> None:
    with mapped_errors(), pool.connection() as connection:
        connection.execute(
            "update object set verified_at = now(),"
            " damaged_at = case when %s then null else coalesce(damaged_at, now()) end where id = %s",
            (condition is Condition.SOUND, row.id),
        )
