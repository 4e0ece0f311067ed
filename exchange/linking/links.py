"""Links, in the database: one of each study as it stands, and every decision there was."""

from collections.abc import Sequence
from typing import Any

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


def studies_of(connection: Connection[Any], person_id: int) -> Sequence[str]:
    """The UIDs of the studies that are linked to somebody, by whichever of their records."""
    rows = connection.execute(
        "select s.uid from person_record r join study_link l on l.person_id = r.id"
        " join study s on s.id = l.study_id where r.current_id = (select coalesce(current_id, id)"
        " from person_record where id = %s) order by s.study_date desc nulls last, s.uid",
        (person_id,),
    ).fetchall()
    return [uid for (uid,) in rows]


def keep_link(
    connection: Connection[Any], study_id: int, decided: Decided, by: str, because: str = "", *, by_hand: bool
) -> None:
    """Put a decision in force, and write it down beside those before it."""
    evidence = Jsonb(
        {
            "facts": _EVIDENCE.dump_python(decided.evidence, mode="json"),
            "proposed": list(decided.proposed),
        }
    )
    values = (study_id, decided.state.value, decided.person_id, evidence, by)
    connection.execute(
        "insert into study_link (study_id, state, person_id, evidence, decided_by, is_by_hand)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (study_id) do update set state = excluded.state,"
        " person_id = excluded.person_id, evidence = excluded.evidence, decided_by = excluded.decided_by,"
        " is_by_hand = excluded.is_by_hand, decided_at = now()",
        (*values, by_hand),
    )
    connection.execute(
        "insert into link_decision (study_id, state, person_id, evidence, decided_by, because)"
        " values (%s, %s, %s, %s, %s, %s)",
        (*values, because),
    )


def _decided(state: str, person_id: int | None, stored: Any) -> Decided:
    return Decided(
        LinkState(state), person_id, _EVIDENCE.validate_python(stored["facts"]), tuple(stored["proposed"])
    )
