"""What was withdrawn and has been kept for long enough goes for good: rows and originals, then bytes."""

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
    " or exists (select from study s where s.uid = w.study_uid and s.has_hidden)"
    " or exists (select from original f where f.study_uid = w.study_uid and is_withdrawn_with(f, w)))"
    " order by id"
)
_PURGE = "select purge_withdrawn(%(number)s) union all select purge_originals(%(number)s)"


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
            rows = connection.execute(_PURGE, {"number": number}).fetchall()
        keys = [key for (key,) in rows]
        count += len(keys)
        for key in keys:
            with suppress(Unavailable):
                objects.delete(key)
    return Purged(len(due), count)
