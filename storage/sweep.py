"""Take away bytes that no row knows: what a crash left between the bytes and the row."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.keys import is_piece
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

    A key just written may get its row in the next moment. So the sweep first takes the key, by a row of its
    own under it: whoever comes second finds it taken, a sweep that waits for a sender's commit and leaves
    the key alone, or a sender, who hears "try again". No age loses anything, not even zero. A piece of an
    upload has its row before it is written: one without will never have one.

    Objects from before this database held the archive stay: it may be empty, or a restored dump, and know
    nothing of what was kept. `imx rebuild` gives them rows.
    """
    before = datetime.now(UTC) - older_than
    since = _opened_at(pool)
    count = size = 0
    old = ((each.key, each.size) for each in objects.list() if since <= each.modified_at <= before)
    for batch in _batches(old):
        sizes = dict(batch)
        pieces = {key for key in sizes if is_piece(key)}
        for key in [*_taken(pool, sizes, sizes.keys() - pieces), *_unknown(pool, pieces)]:
            objects.delete(key)
            count += 1
            size += sizes[key]
    return Swept(count, size, objects.abort_stale(before))


def _opened_at(pool: ConnectionPool) -> datetime:
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute("select opened_at from feed").fetchone()
    assert row is not None
    opened_at: datetime = row[0]
    return opened_at


def _unknown(pool: ConnectionPool, pieces: Set[str]) -> list[str]:
    """Pieces of no upload."""
    if not pieces:
        return []
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select key from unnest(%s::text[]) as given (key)"
            " where not exists (select from upload_piece p where p.key = given.key)",
            (list(pieces),),
        )
        return [key for (key,) in rows]


def _taken(pool: ConnectionPool, sizes: dict[str, int], keys: Set[str]) -> list[str]:
    """Keys that no row knew and that now are the sweep's, for good."""
    if not keys:
        return []
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            """
            with fresh as (
                insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at,
                                    swept_at)
                select key, size, 0, '', '', '', '', now(), now()
                from unnest(%(keys)s::text[], %(sizes)s::bigint[]) as given (key, size)
                on conflict (key) do nothing returning key
            )
            select key from fresh
            union
            select key from object where key = any (%(keys)s) and swept_at is not null
            """,
            {"keys": list(keys), "sizes": [sizes[key] for key in keys]},
        )
        return [key for (key,) in rows]


def _batches(items: Iterator[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
