"""What waits for a person, the oldest first: studies of which nobody knows whose they are, and those that
somebody linked before facts changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from exchange.custody import OF_TRUST
from exchange.linking.link import LinkState
from exchange.linking.reviews import Review, question, reviews_of
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy

# Each by an index of its own: nearly all studies are linked, and nobody objects.
_TO_LOOK_AT: LiteralString = """select study_id from study_link where state <> 'linked'
        union all select study_id from study_link where objection is not null and state = 'linked'"""
_WAITING = f"""
    select l.study_id, s.uid, l.state, coalesce(l.objected_at, l.decided_at),
        jsonb_array_length(l.evidence -> 'proposed'), l.objection is not null
    from study_link l join study s on s.id = l.study_id
    where l.study_id in ({_TO_LOOK_AT}) and l.study_id > %s
        and (%s::text is null or l.state = %s) and {OF_TRUST}
        and exists (select from series r join instance n on n.series_id = r.id
            where r.study_id = l.study_id and not n.hidden)
    order by l.study_id limit %s
"""
_COUNTS = f"""
    select l.state, count(*) from study_link l join study s on s.id = l.study_id
    where l.study_id in ({_TO_LOOK_AT}) and {OF_TRUST} group by l.state
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A study, and why it waits."""

    number: int  # of the study here: what the next page begins after
    study: SharedStudy
    state: LinkState
    since: datetime  # when it was decided that nobody knows, or facts changed
    proposed: int  # how many people could be meant
    question: Review | None  # what its trust was asked
    is_objected: bool  # a person decided it, and facts have changed since


def waiting(
    connection: Connection[Any],
    trust: str | None = None,
    state: LinkState | None = None,
    after: int = 0,
    limit: int = 100,
) -> Sequence[Waiting]:
    """Of one trust's studies, or of all; those of which nothing shows are left out."""
    wanted = state.value if state else None
    rows = connection.execute(_WAITING, (after, wanted, wanted, trust, trust, limit)).fetchall()
    studies = shared_studies(connection, [uid for _, uid, *_ in rows])
    return [
        Waiting(
            id,
            studies[uid],
            LinkState(state),
            at,
            proposed,
            question(reviews_of(connection, id)),
            is_objected,
        )
        for id, uid, state, at, proposed, is_objected in rows
        if uid in studies
    ]


def counted(connection: Connection[Any], trust: str | None = None) -> Mapping[LinkState, int]:
    """How many wait, by why."""
    rows = connection.execute(_COUNTS, (trust, trust)).fetchall()
    return {LinkState(state): count for state, count in rows}
