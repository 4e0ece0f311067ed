"""Small objects wait in the database until they are put into the object store.

Kept with their rows, in one commit, they cost one flush instead of three, and no round trip to S3. Soon
afterwards the worker puts each into the store, durable, and only then takes it out of the database. A reader
looks in both places, so it never matters where an object is. Where the worker does not keep up, no more are
staged: small ones go into the store as the larger ones do.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import ObjectMissing, Unavailable
from storage.objects import Bytes, Listed, ObjectStore

#: An object up to here is staged. Larger ones cost more twice written than flushed.
STAGED_BYTES = 64 * 1024

#: Nothing more is staged while more objects wait than this, or one for longer.
WAITING_LIMIT = 50_000
WAITING_AT_MOST = timedelta(minutes=15)

#: How long a look at what waits counts.
_LOOK_S = 5.0
_BATCH = 50
#: Held in the database while objects are moved.
_LOCK = 0x696D786D  # "imxm"
#: Beyond whatever was staged, meta included, in bytes.
_BEYOND = 2 * STAGED_BYTES


@dataclass(slots=True)
class _Look:
    """What the last look at the objects that wait has shown."""

    at: float = -math.inf  # monotonic, in seconds
    may_stage: bool = True


@dataclass(frozen=True, slots=True)
class StagedObjects:
    """The object store and what still waits for it, as one ObjectStore."""

    store: ObjectStore
    pool: ConnectionPool
    _look: _Look = field(default_factory=_Look, init=False, repr=False, compare=False)

    def may_stage(self) -> bool:
        """Whether a small object may wait in the database, going by what waited a few seconds ago."""
        now = monotonic()
        if now - self._look.at >= _LOOK_S:
            self._look.at = now
            count, longest = waiting(self.pool)
            self._look.may_stage = count <= WAITING_LIMIT and longest <= WAITING_AT_MOST
        return self._look.may_stage

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        """See ObjectStore.put. Into the store: what is staged comes with its rows (PostgresIndex.keep)."""
        return self.store.put(key, chunks)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See ObjectStore.read."""
        try:
            return self.store.read(key, start, stop)
        except ObjectMissing:
            staged = self._staged(key, start, stop)
        if staged is None:
            return self.store.read(key, start, stop)  # it was moved between the two looks
        return iter((staged,) if staged else ())

    def at_hand(self, key: str, start: int, stop: int | None) -> bytes | None:
        """See ObjectStore.at_hand. What is staged is asked for, and so waited for."""
        return self.store.at_hand(key, start, stop)

    def size(self, key: str) -> int:
        """See ObjectStore.size."""
        try:
            return self.store.size(key)
        except ObjectMissing:
            with mapped_errors(), self.pool.connection() as connection:
                row = connection.execute("select length(bytes) from staged where key = %s", (key,)).fetchone()
        return int(row[0]) if row else self.store.size(key)

    def list(self) -> Iterator[Listed]:
        """See ObjectStore.list. Only what is in the store."""
        return self.store.list()

    def delete(self, key: str) -> None:
        """See ObjectStore.delete."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("delete from staged where key = %s", (key,))
        self.store.delete(key)

    def abort_stale(self, older_than: datetime) -> int:
        """See ObjectStore.abort_stale."""
        return self.store.abort_stale(older_than)

    def require_room(self) -> None:
        """See ObjectStore.require_room. What is staged needs it too, soon."""
        self.store.require_room()

    def room(self) -> int | None:
        """See ObjectStore.room."""
        return self.store.room()

    def _staged(self, key: str, start: int, stop: int | None) -> bytes | None:
        length = _BEYOND if stop is None else max(0, stop - start)
        part = min(start, _BEYOND) + 1, min(length, _BEYOND)  # substr takes no larger numbers than 2**31
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select substr(bytes, %b, %b) from staged where key = %s", (*part, key)
            ).fetchone()
        return bytes(row[0]) if row else None


def move_staged(objects: StagedObjects, older_than: timedelta) -> int:
    """Put what has waited for longer than `older_than` into the store; how many.

    One does so at a time: another meanwhile moves nothing. Safe to stop anywhere: an object that is put twice
    is the same. One that the store does not take waits on and holds up no other, unless a whole batch is
    refused; the first refusal is raised at the end.
    """
    with _alone(objects.pool) as is_alone:
        return _move(objects, older_than) if is_alone else 0


def waiting(pool: ConnectionPool) -> tuple[int, timedelta]:
    """How many objects wait, and for how long the oldest has."""
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute(
            "select count(*), coalesce(clock_timestamp() - min(staged_at), interval '0') from staged"
        ).fetchone()
    return (row[0], row[1]) if row else (0, timedelta(0))


@contextmanager
def _alone(pool: ConnectionPool) -> Iterator[bool]:
    """Whether nobody else moves, until the block ends. The lock is the connection's, and goes with it."""
    with mapped_errors(), pool.connection() as connection:
        (is_alone,) = connection.execute("select pg_try_advisory_lock(%b)", (_LOCK,)).fetchone() or (False,)
        connection.commit()
        try:
            yield is_alone
        finally:
            if is_alone:
                connection.execute("select pg_advisory_unlock(%b)", (_LOCK,))


def _move(objects: StagedObjects, older_than: timedelta) -> int:
    moved = 0
    refused: dict[str, Unavailable] = {}
    while batch := _oldest(objects.pool, older_than, list(refused)):
        put = []
        for key, content in batch:
            try:
                objects.store.put(key, (content,))
            except Unavailable as error:
                refused[key] = error
            else:
                put.append(key)
        with mapped_errors(), objects.pool.connection() as connection:
            connection.execute("delete from staged where key = any (%s)", (put,))
        moved += len(put)
        if not put:
            break
    if refused:
        raise next(iter(refused.values()))
    return moved


def _oldest(pool: ConnectionPool, older_than: timedelta, but: list[str]) -> list[tuple[str, bytes]]:
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select key, bytes from staged where staged_at <= clock_timestamp() - %b"
            " and key <> all (%b::text[]) order by staged_at limit %b",
            (older_than, but, _BATCH),
        ).fetchall()
    return [(key, bytes(content)) for key, content in rows]
