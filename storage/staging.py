"""Small objects wait in the database until they are put into the object store.

Kept with their rows, in one commit, they cost one flush instead of three, and no round trip to S3. Soon
afterwards the worker puts each into the store, durable, and only then takes it out of the database. A reader
looks in both places, so it never matters where an object is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg_pool import ConnectionPool

from storage.errors import ObjectMissing
from storage.index import mapped_errors
from storage.objects import Bytes, Listed, ObjectStore

#: An object up to here is staged. Larger ones cost more twice written than flushed.
STAGED_BYTES = 64 * 1024
_BATCH = 50


@dataclass(frozen=True, slots=True)
class StagedObjects:
    """The object store and what still waits for it, as one ObjectStore."""

    store: ObjectStore
    pool: ConnectionPool

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
        length = STAGED_BYTES * 2 if stop is None else max(0, stop - start)
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select substr(bytes, %b, %b) from staged where key = %s", (start + 1, length, key)
            ).fetchone()
        return bytes(row[0]) if row else None


def move_staged(objects: StagedObjects, older_than: timedelta) -> int:
    """Put what has waited for longer than `older_than` into the store; how many.

    Safe to stop anywhere, and for several at once: an object that is put twice is the same.
    """
    moved = 0
    before = datetime.now(UTC) - older_than
    while batch := _oldest(objects.pool, before):
        for key, content in batch:
            objects.store.put(key, (content,))
        with mapped_errors(), objects.pool.connection() as connection:
            connection.execute("delete from staged where key = any (%s)", ([key for key, _ in batch],))
        moved += len(batch)
    return moved


def waiting(pool: ConnectionPool) -> tuple[int, timedelta]:
    """How many objects wait, and for how long the oldest has."""
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute(
            "select count(*), coalesce(clock_timestamp() - min(staged_at), interval '0') from staged"
        ).fetchone()
    return (row[0], row[1]) if row else (0, timedelta(0))


def _oldest(pool: ConnectionPool, before: datetime) -> list[tuple[str, bytes]]:
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select key, bytes from staged where staged_at <= %b order by staged_at limit %b",
            (before, _BATCH),
        ).fetchall()
    return [(key, bytes(content)) for key, content in rows]
