"""The numbers that depend on each other, brought from the database, decided, and written back.

Whoever changes the directory takes a turn (one advisory lock, held to the end of the transaction): of two
feeds the later sees all that the earlier said, whichever numbers each touches, and no two can deadlock.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.people.person import Identifier, Said
from exchange.people.standing import Facts, standing
from exchange.people.statements import Apart, Linked, Merged, Relation, Unlinked

#: Everything that the standing of some records depends on. `is_whole`: all that may stand otherwise now; of
#: what is only claimed by those, an NHS number and its chain, nobody else's standing changes.
_REACHED = """
    with recursive reached (id, is_whole) as (
        select unnest(%s::bigint[]), true
        union
        select near.id, near.is_whole from reached c cross join lateral (
            select s.into_id, c.is_whole from person_statement s
            where s.from_id = c.id and s.into_id is not null
            union all
            select s.from_id, c.is_whole from person_statement s where s.into_id = c.id
            union all
            select n.id, false from person_record r
            join person_record n on n.issuer = 'NHS' and n.value = r.nhs_number
            where r.id = c.id and r.number_status = '01' and r.issuer <> 'NHS'
            union all
            select r.id, true from person_record n join person_record r on r.nhs_number = n.value
            where c.is_whole and n.id = c.id and n.issuer = 'NHS'
              and r.number_status = '01' and r.issuer <> 'NHS'
        ) near (id, is_whole)
    )
    select r.id, r.issuer, r.value,
           case when r.said_at is null then null when r.number_status = '01' then r.nhs_number else '' end,
           r.current_id, c.is_whole
    from (select id, bool_or(is_whole) is_whole from reached group by id) c
    join person_record r on r.id = c.id
"""
_NUMBERED = """
    with wanted as materialized (
        select k.*, r.id from unnest(%s::text[], %s::text[]) k (issuer, value)
        left join person_record r on r.issuer = k.issuer and r.value = k.value
    ), added as (
        insert into person_record (id, issuer, value, current_id) overriding system value
        select id, issuer, value, id from (
            select nextval(pg_get_serial_sequence('person_record', 'id')) as id, issuer, value
            from wanted where id is null
        ) new
        returning id, issuer, value
    )
    select id, issuer, value from added union all select id, issuer, value from wanted where id is not null
"""
_RELATIONS = """
    select s.kind, s.from_id, s.into_id, s.said_at, s.said_by from person_statement s
    where s.from_id = any(%s) or s.into_id = any(%s)
"""
_SETTLE = """
    update person_record r set current_id = k.current_id, is_considered = false
    from unnest(%s::bigint[], %s::bigint[]) k (id, current_id) where r.id = k.id
"""


@dataclass(frozen=True, slots=True)
class _Node:
    id: int
    identifier: Identifier
    claim: str | None
    current_id: int | None
    is_whole: bool


def take_turn(connection: Connection[Any]) -> None:
    """Nobody else changes the directory until this transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('the directory of people', 0))")


def numbered(connection: Connection[Any], identifiers: Collection[Identifier]) -> Mapping[Identifier, int]:
    """The records of some numbers; one that nobody named before gets one, of which nothing is said yet."""
    wanted = sorted(set(identifiers))
    rows = connection.execute(
        _NUMBERED, ([each.issuer for each in wanted], [each.value for each in wanted])
    ).fetchall()
    return {Identifier(value, issuer): id for id, issuer, value in rows}


def settle(connection: Connection[Any], ids: Collection[int]) -> None:
    """Decide anew for whom these records stand, and all whose standing depends on them.

    The linker hears of each that stands for somebody else now, and of the people it left and came to.
    """
    rows = connection.execute(_REACHED, (list(ids),)).fetchall()
    nodes = [
        _Node(id, Identifier(value, issuer), claim, current, is_whole)
        for id, issuer, value, claim, current, is_whole in rows
    ]
    by_identifier = {each.identifier: each for each in nodes}
    facts = Facts({each.identifier: each.claim for each in nodes}, _relations(connection, nodes))
    decided = {number: by_identifier[into].id for number, into in standing(facts).items()}
    moved = {
        each: decided[each.identifier]
        for each in nodes
        if each.is_whole and each.current_id != decided[each.identifier]
    }
    if not moved:
        return
    people = {*moved.values(), *(each.current_id for each in moved if each.current_id is not None)}
    connection.execute(_SETTLE, ([each.id for each in moved], list(moved.values())))
    connection.execute("update person_record set is_considered = false where id = any(%s)", (list(people),))


def _relations(connection: Connection[Any], nodes: Collection[_Node]) -> list[tuple[Relation, Said]]:
    numbers = {each.id: each.identifier for each in nodes}
    ids = list(numbers)
    rows = connection.execute(_RELATIONS, (ids, ids)).fetchall()
    return [
        (relation_of(kind, numbers[one], numbers.get(other, numbers[one])), Said(at, by))
        for kind, one, other, at, by in rows
    ]


def relation_of(kind: str, one: Identifier, other: Identifier) -> Relation:
    """From a row."""
    match kind:
        case "merged":
            return Merged(one, other)
        case "apart":
            return Apart(one)
        case "linked":
            return Linked(one, other)
        case _:
            return Unlinked(one, other)
