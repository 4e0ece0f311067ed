"""Take away bytes that no row knows: what a crash left between the bytes and the row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from psycopg import Connection
from psycopg_pool import ConnectionPool

from storage.index import mapped_errors
from storage.objects import ObjectStore

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    objects: int  # keys without a row, deleted
    bytes: int
    unfinished: int  # puts that never ended, dropped


def sweep(objects: ObjectStore, pool: ConnectionPool, older_than: timedelta) -> Swept:
    """Delete keys without a row, and unfinished puts, that are older than `older_than`.

    A key just written may get its row in the next moment. Each batch is therefore looked at again under a
    lock that `keep` shares until it commits; a `keep` that comes after finds its object gone and says
    "try again". So no age loses anything, not even zero.
    """
    before = datetime.now(UTC) - older_than
    count = size = 0
    old = ((each.key, each.size) for each in objects.list() if each.modified_at <= before)
    for batch in _batches(old):
        sizes = dict(batch)
        with mapped_errors(), pool.connection() as connection:
            suspects = _without_row(connection, list(sizes))
            if not suspects:
                continue
            connection.execute("select pg_advisory_xact_lock(sweep_lock())")
            for key in _without_row(connection, suspects):
                objects.delete(key)
                count += 1
                size += sizes[key]
    return Swept(count, size, objects.abort_stale(before))


def _without_row(connection: Connection, keys: list[str]) -> list[str]:
    rows = connection.execute(
        "select key from unnest(%s::text[]) key"
        " where not exists (select from object o where o.key = key.key)",
        (keys,),
    )
    return [key for (key,) in rows]


def _batches(items: Iterator[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
