"""Numbers that gave way to others, read: what is now called by which number."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import Connection

from exchange.people.clusters import relation_of
from exchange.people.person import Identifier, Said
from exchange.people.standing import survivors_of

_TIES = """
    with recursive reached (id) as (
        select r.id from unnest(%s::text[], %s::text[]) k (issuer, value)
            join person_record r on r.issuer = k.issuer and r.value = k.value
        union
        select s.into_id from reached c join person_statement s on s.from_id = c.id and s.kind = 'merged'
    ), said as (
        select s.* from person_statement s where s.from_id in (select id from reached)
        union
        select s.* from person_statement s where s.into_id in (select id from reached)
    )
    select s.kind, a.issuer, a.value, coalesce(b.issuer, a.issuer), coalesce(b.value, a.value),
        s.said_at, s.said_by
    from said s join person_record a on a.id = s.from_id left join person_record b on b.id = s.into_id
    where s.kind in ('merged', 'apart')
"""
_NEWS = """
    with recursive news as materialized (
        select id, from_id, into_id from person_statement
        where id > %s and kind in ('merged', 'apart') order by id limit %s
    ), behind (id) as (
        select from_id from news union select into_id from news where into_id is not null
        union
        select s.from_id from behind c join person_statement s on s.into_id = c.id and s.kind = 'merged'
    )
    select (select max(id) from news), r.issuer, r.value from behind join person_record r using (id)
"""


_REACHING = """
    with recursive behind (id) as (
        select r.id from unnest(%s::text[], %s::text[]) k (issuer, value)
            join person_record r on r.issuer = k.issuer and r.value = k.value
        union
        select s.from_id from behind c join person_statement s on s.into_id = c.id and s.kind = 'merged'
    )
    select r.issuer, r.value from behind join person_record r using (id)
"""


def reaching(connection: Connection[Any], numbers: Collection[Identifier]) -> Sequence[Identifier]:
    """Some numbers, and all that ever gave way to one of them."""
    rows = connection.execute(
        _REACHING, ([each.issuer for each in numbers], [each.value for each in numbers])
    ).fetchall()
    return [Identifier(value, issuer) for issuer, value in rows]


def given_way(
    connection: Connection[Any], numbers: Collection[Identifier]
) -> Mapping[Identifier, Identifier]:
    """Those of some numbers that were merged, and which number each is now."""
    wanted = sorted(set(numbers))
    rows = connection.execute(
        _TIES, ([each.issuer for each in wanted], [each.value for each in wanted])
    ).fetchall()
    relations = [
        (relation_of(kind, Identifier(one, of_one), Identifier(other, of_other)), Said(at, by))
        for kind, of_one, one, of_other, other, at, by in rows
    ]
    found = survivors_of(relations)
    return {each: found[each] for each in wanted if found.get(each, each) != each}


def merged_since(
    connection: Connection[Any], place: int, limit: int = 100
) -> tuple[int, Sequence[Identifier]]:
    """The numbers that merges, or their undoing, said after that place may have changed; and the next place.

    Statements are numbered in the order in which they are committed (exchange.people.clusters.take_turn).
    """
    rows = connection.execute(_NEWS, (place, limit)).fetchall()
    return (rows[0][0] if rows else place), [Identifier(value, issuer) for _, issuer, value in rows]
