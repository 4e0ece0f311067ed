"""Finding orders that the record's readers ask for, and for whom each is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import dict_row

from exchange.orders import ORDER_COLUMNS, Placed, placed
from exchange.people.directory import people, standings
from exchange.people.person import Identifier, Person
from exchange.record.finding import Condition
from exchange.record.sorting import By, SortedPlace, after_of, keys_of, order_of

CHANGED = "greatest(content_at, status_at)"


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order as it stands, and for whom it is, as far as the directory knows."""

    placed: Placed
    person: Person | None
    changed_at: datetime
    place: SortedPlace


def of_person(person: Person) -> Condition:
    """For somebody, by any number of theirs."""
    known = [person.identifier, *(each.identifier for each in person.others)]
    text = sql.SQL("(patient_id, issuer) in (select * from unnest(%s::text[], %s::text[]))")
    return Condition(text, ([each.value for each in known], [each.issuer for each in known]), is_narrow=True)


def with_accession(accession: str, issuer: str | None) -> Condition:
    """This accession number; of whichever issuer where none is named."""
    if issuer is None:
        return Condition(sql.SQL("(accession <> '' and accession = %s)"), (accession,), is_narrow=True)
    text = sql.SQL("(accession <> '' and accession = %s and accession_issuer = %s)")
    return Condition(text, (accession, issuer), is_narrow=True)


def with_number(trust: str, number: str) -> Condition:
    """This number of the placer's or the filler's, in a trust."""
    text = sql.SQL("(trust = %s and (number = %s or (placer <> '' and placer = %s)))")
    return Condition(text, (trust, number, number), is_narrow=True)


def with_ids(ids: Collection[UUID]) -> Condition:
    """One of these FHIR ids."""
    text = sql.SQL("fhir_id('ServiceRequest', id::text) = any(%s)")
    return Condition(text, (list(ids),), is_narrow=True)


def find_orders(
    connection: Connection[Any],
    conditions: Sequence[Condition],
    limit: int,
    by: Sequence[By] = (),
    after: SortedPlace | None = None,
) -> list[FoundOrder]:
    """A page of orders of which more is known than a number; newest first, unless `by` says."""
    behind = after_of(by, after)
    rows = (
        connection.cursor(row_factory=dict_row)
        .execute(
            sql.SQL(
                "select * from (select {columns}, {changed} as changed_at{keys} from imaging_order"
                " where is_content and {held}) found where {behind} order by {order} limit {limit}"
            ).format(
                columns=sql.SQL(ORDER_COLUMNS),
                changed=sql.SQL(CHANGED),
                keys=keys_of(by),
                held=sql.SQL(" and ").join([each.text for each in conditions]),
                behind=behind.text,
                order=order_of(by),
                limit=sql.Literal(limit),
            ),
            [*(value for each in conditions for value in each.values), *behind.values],
        )
        .fetchall()
    )
    orders = [placed(row) for row in rows]
    whose = persons_of(connection, orders)
    return [
        FoundOrder(
            order,
            whose.get(order.id),
            row["changed_at"],
            SortedPlace(tuple(row[f"k{at}"] for at in range(len(by))), order.id),
        )
        for order, row in zip(orders, rows, strict=True)
    ]


def persons_of(connection: Connection[Any], orders: Sequence[Placed]) -> Mapping[int, Person]:
    """For whom they are, by number: who has the patient's identifier, and was not born on another day."""
    named = {each.id: Identifier(each.order.patient.identifier, each.order.patient.issuer) for each in orders}
    known = standings(connection, set(named.values()))
    found = people(connection, [each.person_id for each in known.values()])
    whose = {}
    for each in orders:
        standing = known.get(named[each.id])
        person = found.get(standing.person_id) if standing else None
        if person and _may_be(each.order.patient.birth_date, person.demographics.birth_date):
            whose[each.id] = person
    return whose


def _may_be(said: str, known: str) -> bool:
    return not said or not known or said == known
