"""What was withdrawn and has been kept for long enough goes for good: its rows, then its bytes."""

from contextlib import suppress
from dataclasses import dataclass

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import Unavailable
from storage.objects import ObjectStore

#: Once, and again where something of it has come since.
_DUE = (
    "select id from withdrawal w where keep_until <= now() and undone_at is null and decision = 'approve'"
    " and restores is null and (purged_at is null"
    " or exists (select from study s where s.uid = w.study_uid and s.has_hidden)) order by id"
)


@dataclass(frozen=True, slots=True)
class Purged:
    """What one round did."""

    withdrawals: int
    objects: int


def purge(objects: ObjectStore, pool: ConnectionPool) -> Purged:
    """Purge every withdrawal whose retention is over.

    An object is marked as swept in the commit that takes its rows away, so bytes that cannot be deleted now
    are deleted by the sweep. Stop it anywhere.
    """
    with mapped_errors(), pool.connection() as connection:
        due = [number for (number,) in connection.execute(_DUE).fetchall()]
    count = 0
    for number in due:
        with mapped_errors(), pool.connection() as connection:
            keys = [key for (key,) in connection.execute("select purge_withdrawn(%s)", (number,)).fetchall()]
        count += len(keys)
        for key in keys:
            with suppress(Unavailable):
                objects.delete(key)
    return Purged(len(due), count)
