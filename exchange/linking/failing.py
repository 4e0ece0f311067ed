"""Studies that a fault of ours kept from being decided: tried again by themselves, until they are.

Each waits as a row, ever longer, with what the record is to hear of it once it is decided, so that neither a
restart nor another fault loses either. Nobody gives up: what mends the fault may be the next release.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.backoff import Patience, pause
from exchange.telling.outbox import Because
from storage.driver_errors import mapped_errors

#: From ten seconds to an hour between two tries.
PATIENCE = Patience()

_PUT_OFF = """
    insert into link_due as k (study_id, heard, tries, due_at, fault)
        values (%(study)s, %(heard)s, %(tries)s, now() + %(pause)s, %(fault)s)
        on conflict (study_id) do update set
            heard = array(select distinct unnest(k.heard || excluded.heard) order by 1),
            tries = excluded.tries, due_at = excluded.due_at, fault = excluded.fault,
            since = case when k.tries = 0 then now() else k.since end
"""
_FAILING = """
    select s.uid, (select d.trust from identity d where d.study_id = s.id order by d.id limit 1), l.state,
        k.fault, k.tries, k.since, k.due_at
    from link_due k join study s on s.id = k.study_id left join study_link l on l.study_id = k.study_id
    where k.tries > 0 order by k.since, k.study_id limit %s
"""


@dataclass(frozen=True, slots=True)
class Failing:
    """A study that waits for us, and why."""

    study_uid: str
    trust: str
    state: str  # of its link as it stands meanwhile, "" where nobody ever decided
    fault: str
    tries: int
    since: datetime
    again_at: datetime


def put_off(pool: ConnectionPool, study_uid: str, heard: Collection[Because], fault: Exception) -> None:
    """Deciding it failed once more."""
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute(
            "select s.id, coalesce(k.tries, 0) + 1 from study s left join link_due k on k.study_id = s.id"
            " where s.uid = %s",
            (study_uid,),
        ).fetchone()
        if row is None:
            return
        study_id, tries = row
        connection.execute(
            _PUT_OFF,
            {
                "study": study_id,
                "heard": sorted(each.value for each in heard),
                "tries": tries,
                "pause": pause(tries, PATIENCE, random.random()),  # noqa: S311 -- luck, no secret
                "fault": type(fault).__name__,
            },
        )


def owed(connection: Connection[Any], study_ids: Collection[int]) -> Mapping[int, frozenset[Because]]:
    """Of studies that are being decided, those that were due, and what the record is to hear of each.

    They are due no longer, if this transaction is kept.
    """
    rows = connection.execute(
        "delete from link_due where study_id = any(%s) returning study_id, heard",
        (list(study_ids),),
    ).fetchall()
    return {id: frozenset(map(Because, heard)) for id, heard in rows}


def due_again(connection: Connection[Any], limit: int) -> Sequence[str]:
    """Those whose time has come, by UID."""
    rows = connection.execute(
        "select s.uid from link_due k join study s on s.id = k.study_id"
        " where k.tries > 0 and k.due_at <= now() order by k.due_at limit %s",
        (limit,),
    ).fetchall()
    return [uid for (uid,) in rows]


def failing(connection: Connection[Any], limit: int) -> Sequence[Failing]:
    """Those that wait longest first."""
    rows = connection.execute(_FAILING, (limit,)).fetchall()
    return [Failing(uid, trust or "", state or "", *rest) for uid, trust, state, *rest in rows]


def count_failing(connection: Connection[Any]) -> int:
    """How many."""
    row = connection.execute("select count(*) from link_due where tries > 0").fetchone()
    return int(row[0]) if row else 0
