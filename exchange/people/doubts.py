"""What sources say of two numbers and cannot both be so: for a person to clear up with whoever said it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import Connection

from exchange.people.person import Identifier, Said


class Contradiction(Enum):
    """What does not agree."""

    LINKED = "linked, and verified as two people: the link unites nobody"
    MERGED = "merged, and verified as another person than it was merged into"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two numbers, what does not agree, and who said so last."""

    what: Contradiction
    one: Identifier
    other: Identifier
    said: Said


_DOUBTS = """
    select 'LINKED', a.issuer, a.value, b.issuer, b.value, s.said_at, s.said_by
    from (
        select distinct on (from_id, into_id) * from person_statement where kind in ('linked', 'unlinked')
        order by from_id, into_id, said_at desc, said_by desc, kind desc
    ) s
    join person_record a on a.id = s.from_id join person_record b on b.id = s.into_id
    where s.kind = 'linked' and a.current_id <> b.current_id
    union all
    select 'MERGED', r.issuer, r.value, i.issuer, i.value, s.said_at, s.said_by
    from (
        select distinct on (from_id) * from person_statement where kind = 'merged'
        order by from_id, said_at desc, said_by desc
    ) s
    join person_record r on r.id = s.from_id join person_record i on i.id = s.into_id
    join person_record n on n.issuer = 'NHS' and n.value = r.nhs_number
    where r.issuer <> 'NHS' and r.number_status = '01' and n.current_id <> r.current_id
    order by 6 desc, 2, 3 limit %s
"""


def doubts(connection: Connection[Any], limit: int) -> Sequence[Doubt]:
    """The newest so many."""
    rows: Sequence[tuple[str, str, str, str, str, datetime, str]]
    rows = connection.execute(_DOUBTS, (limit,)).fetchall()
    return [
        Doubt(Contradiction[what], Identifier(one, issuer), Identifier(other, of_other), Said(at, by))
        for what, issuer, one, of_other, other, at, by in rows
    ]
