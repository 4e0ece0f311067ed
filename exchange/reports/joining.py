"""Reports beside one study that are one, found anew whenever anything of them changes."""

from collections.abc import Collection
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.reports.report import ReportSource
from exchange.reports.retelling import Telling, told_again
from exchange.reports.telling import versions_of
from exchange.telling import outbox
from storage.driver_errors import mapped_errors

_BESIDE = """
    select id, trust, source, same_as from report where study_uid = %s and merged_into is null
    order by id for no key update
"""


def join(pool: ConnectionPool, study_uids: Collection[str]) -> None:
    """Of each of these studies, in a transaction of its own."""
    for study_uid in sorted(study_uids):
        with mapped_errors(), pool.connection() as connection:
            _join(connection, study_uid)


def _join(connection: Connection[Any], study_uid: str) -> None:
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"reports beside\n{study_uid}",)
    )
    rows = connection.execute(_BESIDE, (study_uid,)).fetchall()
    stood = {id: same_as for id, _, _, same_as in rows}
    if len(rows) == 1 and stood[rows[0][0]] is None:
        return
    now = told_again(
        [
            Telling(id, trust, ReportSource(source), versions_of(connection, id))
            for id, trust, source, _ in rows
        ]
    )
    moved = {id for id in stood if stood[id] != now.get(id)}
    if not moved:
        return
    for id in sorted(moved):
        connection.execute("update report set same_as = %s where id = %s", (now.get(id), id))
    touched = moved | {now[id] for id in moved & now.keys()} | {stood[id] for id in moved} - {None}
    connection.execute("update report set changed_at = now() where id = any(%s)", (sorted(touched),))
    outbox.note(connection, [study_uid], outbox.Because.REPORT)
