"""Links as people who run the archive list them: how each stands, without a word of whom it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from exchange.linking.failing import count_failing
from exchange.linking.link import LinkState, Verdict

_LIST = """
    select s.uid, (select d.trust from identity d where d.study_id = s.id order by d.id limit 1), l.state,
        l.evidence -> 'facts', cardinality(l.proposed), l.decided_at, l.decided_by, l.is_by_hand,
        l.objection is not null
    from study_link l join study s on s.id = l.study_id
    where (%(state)s::text is null or l.state = %(state)s) and (not %(objected)s or l.objection is not null)
        and (%(trust)s = ''
            or exists (select from identity d where d.study_id = s.id and d.trust = %(trust)s))
    order by l.decided_at desc, l.study_id desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One study's link."""

    study_uid: str
    trust: str
    state: LinkState
    against: tuple[str, ...]  # the facts that disagree, or that keep it from linking, by name
    proposed: int  # how many people could be meant
    at: datetime
    by: str
    is_by_hand: bool
    is_objected: bool  # facts have changed since a person decided


def listed(
    connection: Connection[Any], state: LinkState | None, trust: str, limit: int, *, objected: bool = False
) -> Sequence[Listed]:
    """The latest decided first; with `objected`, those that people decided and facts speak against since."""
    values = {"state": state.value if state else None, "trust": trust, "limit": limit, "objected": objected}
    return [
        Listed(uid, of or "", LinkState(found), _against(facts), proposed, at, by, by_hand, is_objected)
        for uid, of, found, facts, proposed, at, by, by_hand, is_objected in connection.execute(_LIST, values)
    ]


def counts(connection: Connection[Any]) -> Mapping[str, int]:
    """How many studies stand how, were not looked at yet, are due again, failed, or are objected to."""
    found = {state.value: 0 for state in LinkState}
    found.update(connection.execute("select state, count(*) from study_link group by state").fetchall())
    [row] = connection.execute(
        "select (select count(*) from study s where not exists (select from study_link l"
        " where l.study_id = s.id)), (select count(*) from link_due where tries = 0),"
        " (select count(*) from study_link where objection is not null)"
    ).fetchall()
    return {
        **found,
        "not looked at": row[0],
        "due": row[1],
        "failing": count_failing(connection),
        "objected": row[2],
    }


def _against(facts: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    disagree = [each["fact"] for each in facts if each["verdict"] == Verdict.DISAGREES.value]
    doubts = [each["words"] for each in facts if each["fact"] == "doubt"]  # these hold no detail of anybody
    return tuple(dict.fromkeys((*disagree, *doubts)))
