"""Links, in the database: one of each study as it stands, and every decision there was."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from exchange.linking.link import Decided, Evidence, Link, LinkState

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])


def link_of(connection: Connection[Any], study_uid: str) -> Link | None:
    """How a study's link stands; None where nobody has looked at it yet."""
    row = connection.execute(
        "select l.state, l.person_id, l.evidence, l.decided_at, l.decided_by, l.is_by_hand"
        " from study_link l join study s on s.id = l.study_id where s.uid = %s",
        (study_uid,),
    ).fetchone()
    if row is None:
        return None
    state, person_id, stored, at, by, is_by_hand = row
    return Link(study_uid, _decided(state, person_id, stored), at, by, is_by_hand)


def standing_links(connection: Connection[Any], study_ids: Collection[int]) -> Mapping[int, Link]:
    """The same of many studies, by their numbers here."""
    rows = connection.execute(
        "select s.id, s.uid, l.state, l.person_id, l.evidence, l.decided_at, l.decided_by, l.is_by_hand"
        " from study_link l join study s on s.id = l.study_id where l.study_id = any(%s)",
        (list(study_ids),),
    ).fetchall()
    return {
        id: Link(uid, _decided(state, person_id, stored), at, by, is_by_hand)
        for id, uid, state, person_id, stored, at, by, is_by_hand in rows
    }


def studies_of(connection: Connection[Any], person_id: int) -> Sequence[str]:
    """The UIDs of the studies that are linked to somebody, by whichever of their records."""
    rows = connection.execute(
        "select s.uid from person_record r join study_link l on l.person_id = r.id"
        " join study s on s.id = l.study_id where r.current_id = (select coalesce(current_id, id)"
        " from person_record where id = %s) order by s.study_date desc nulls last, s.uid",
        (person_id,),
    ).fetchall()
    return [uid for (uid,) in rows]


def linked_people(connection: Connection[Any], study_uids: Collection[str]) -> Mapping[str, UUID]:
    """The ids of whom studies are linked to, by Study Instance UID: for whom those records stand now."""
    rows = connection.execute(
        "select s.uid, root.uid from study s join study_link l on l.study_id = s.id"
        " join person_record r on r.id = l.person_id"
        " join person_record root on root.id = coalesce(r.current_id, r.id) where s.uid = any(%s)",
        (sorted(study_uids),),
    ).fetchall()
    return dict(rows)


def keep_link(
    connection: Connection[Any], study_id: int, decided: Decided, by: str, because: str = "", *, by_hand: bool
) -> None:
    """Put a decision in force, and write it down beside those before it."""
    values = (study_id, decided.state.value, decided.person_id, _stored(decided), by)
    connection.execute(
        "insert into study_link (study_id, state, person_id, evidence, decided_by, is_by_hand)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (study_id) do update set state = excluded.state,"
        " person_id = excluded.person_id, evidence = excluded.evidence, decided_by = excluded.decided_by,"
        " is_by_hand = excluded.is_by_hand, decided_at = now(), objection = null, objected_at = null",
        (*values, by_hand),
    )
    connection.execute(
        "insert into link_decision (study_id, state, person_id, evidence, decided_by, because)"
        " values (%s, %s, %s, %s, %s, %s)",
        (*values, because),
    )


@dataclass(frozen=True, slots=True)
class Objection:
    """What the linker says of a link that a person decided, since facts changed."""

    decided: Decided
    at: datetime


def objection_to(connection: Connection[Any], study_uid: str) -> Objection | None:
    """To the link of a study; None where there is nothing new to be said."""
    row = connection.execute(
        "select l.objection, l.objected_at from study_link l join study s on s.id = l.study_id"
        " where s.uid = %s and l.objection is not null",
        (study_uid,),
    ).fetchone()
    if row is None:
        return None
    stored, at = row
    return Objection(_decided(stored["state"], stored["person_id"], stored), at)


def object_to(connection: Connection[Any], study_id: int, decided: Decided | None) -> None:
    """Say of a link that a person decided that facts have changed, or that they have not after all."""
    said = _stored(decided).obj if decided else None
    if decided and said:
        said = {**said, "state": decided.state.value, "person_id": decided.person_id}
    connection.execute(
        "update study_link set objection = %s, objected_at = case when %s then now() end where study_id = %s"
        " and objection is distinct from %s",
        (Jsonb(said) if said else None, said is not None, study_id, Jsonb(said) if said else None),
    )


def said_by(connection: Connection[Any], study_id: int, by: str) -> Decided | None:
    """What somebody decided last of a study, whether or not it stands."""
    row = connection.execute(
        "select state, person_id, evidence from link_decision where study_id = %s and decided_by = %s"
        " order by id desc limit 1",
        (study_id, by),
    ).fetchone()
    return _decided(*row) if row else None


def _stored(decided: Decided) -> Jsonb:
    return Jsonb(
        {
            "facts": _EVIDENCE.dump_python(decided.evidence, mode="json"),
            "proposed": list(decided.proposed),
        }
    )


def _decided(state: str, person_id: int | None, stored: Any) -> Decided:
    return Decided(
        LinkState(state), person_id, _EVIDENCE.validate_python(stored["facts"]), tuple(stored["proposed"])
    )
