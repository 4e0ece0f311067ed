"""Instances of a study as rules see them: how they came, and what they say as they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from dicom_router.rules.criteria import Facts
from storage.answers import read_members
from storage.columns import INSTANCE_UID, STUDY_UID
from storage.corrections import IN_FORCE, Member, correct_json, in_force, those_of
from storage.query import AnyOf, Level, Query
from storage.search import plan


@dataclass(frozen=True, slots=True)
class Arrived:
    """One instance."""

    id: int
    identity_id: int
    uid: str
    peer: str
    trust: str
    key: str
    data_offset: int
    transfer_syntax: str
    received_at: datetime
    members: Mapping[str, Member]

    def facts(self, came_at: datetime) -> Facts:
        """What rules look at."""
        return Facts(self.trust, self.peer, self.members, came_at)


_ROWS = sql.SQL(
    "select s.id, n.id, n.identity_id, n.uid, o.peer, o.trust, o.key, o.data_offset, o.transfer_syntax,"
    " o.received_at, i.json, n.json_before, n.json_patient, n.json_after"
    " from ({}) f join instance n on n.id = f.id join series r on r.id = n.series_id"
    " join study s on s.id = r.study_id join object o on o.id = n.object_id"
    " join identity i on i.id = n.identity_id order by n.id"
)


def arrived(
    connection: Connection[Any], study_uid: str, instance_uids: Sequence[str] | None = None
) -> list[Arrived]:
    """Those that may be seen, of the study or of these UIDs; corrections in force are applied."""
    matches = {STUDY_UID: AnyOf((study_uid,))}
    if instance_uids is not None:
        matches[INSTANCE_UID] = AnyOf(tuple(instance_uids))
    visible = plan(Query(Level.INSTANCE, matches)).ids()
    rows = connection.execute(_ROWS.format(visible.text), visible.values).fetchall()
    corrections = [
        in_force(row[1:])
        for row in connection.execute(
            IN_FORCE, ([row[1] for row in rows], list({row[0] for row in rows}))
        ).fetchall()
    ]
    found = []
    for _, number, identity_id, uid, peer, trust, key, offset, syntax, received_at, *pieces in rows:
        members = correct_json(
            read_members(*pieces), those_of(corrections, identity_id, number), with_originals=False
        )
        found.append(
            Arrived(number, identity_id, uid, peer, trust, key, offset, syntax, received_at, members)
        )
    return found


def visible_count(connection: Connection[Any], study_uid: str) -> int:
    """How many instances of a study may be seen."""
    visible = plan(Query(Level.INSTANCE, {STUDY_UID: AnyOf((study_uid,))})).ids()
    text = sql.SQL("select count(*) from ({}) f").format(visible.text)
    row = connection.execute(text, visible.values).fetchone()
    return int(row[0]) if row else 0
