"""What is found in an order that its reader asks for, page after page (FHIR R4 §3.1.1.5.5 `_sort`).

A key is digits, so that all keys compare alike; what has none counts as the least. Of equals the newest row
goes first. A page begins after the keys and the number of the last row before it: whatever is stored
meanwhile, nothing is shown twice, and nothing passed over that stays where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from exchange.record.finding import COLUMNS, STUDIES, Condition, FoundStudy, all_of


@dataclass(frozen=True, slots=True)
class By:
    """One key."""

    text: str  # SQL
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class SortedPlace:
    """After which row a page begins."""

    keys: tuple[str, ...]
    id: int
    unit: str = ""  # which of the resources that are made of the row


@dataclass(frozen=True, slots=True)
class SortedStudy:
    """A study, and the one resource of it that stands in this place."""

    study: FoundStudy
    place: SortedPlace


#: For studies of which one resource each is made.
ONE_EACH = "select '' as id"


def moment(text: str) -> str:
    """The key of a timestamp."""
    return f"coalesce(to_char({text} at time zone 'UTC', 'YYYYMMDDHH24MISSUS'), '')"


def digits(text: str) -> str:
    """The key of digits that a sender may have written with others."""
    return f"regexp_replace(coalesce({text}, ''), '[^0-9]', '', 'g')"


def keys_of(by: Sequence[By]) -> sql.SQL:
    """The keys as columns of what is `found`."""
    return sql.SQL("".join(f', ({key.text}) collate "C" as k{at}' for at, key in enumerate(by)))


def order_of(by: Sequence[By]) -> sql.SQL:
    """The order of what is `found`, by its keys and then its number."""
    keys = (f"found.k{at}{' desc' if key.is_descending else ''}, " for at, key in enumerate(by))
    return sql.SQL(f"{''.join(keys)}found.id desc")


def after_of(by: Sequence[By], place: SortedPlace | None, *, with_units: bool = False) -> Condition:
    """That `found` stands behind a place."""
    if place is None:
        return Condition(sql.SQL("true"), ())
    last = ("(found.id, found.unit) < (%s, %s)", [place.id, place.unit])
    behind, values = last if with_units else ("found.id < %s", [place.id])
    for at, (key, value) in reversed(list(enumerate(zip(by, place.keys, strict=True)))):
        behind = f"(found.k{at} {'<' if key.is_descending else '>'} %s or found.k{at} = %s and {behind})"
        values = [value, value, *values]
    return Condition(sql.SQL(behind), tuple(values))


def find_sorted(
    connection: Connection[Any],
    conditions: Sequence[Condition],
    units: str,
    by: Sequence[By],
    limit: int,
    after: SortedPlace | None = None,
) -> list[SortedStudy]:
    """A page of studies, one row for each of the `units` of a study `s`: SQL that selects their `id`.

    The keys are SQL over the study and its `unit`.
    """
    behind = after_of(by, after, with_units=True)
    rows = connection.execute(
        sql.SQL(
            "select {columns}, found.unit{names} from"
            " (select s.id, coalesce(p.current_id, p.id) as person_id,"
            ' unit.id collate "C" as unit{keys}{tables} cross join lateral ({units}) unit'
            " where {conditions} offset 0) found join study s on s.id = found.id"
            " where {behind} order by {order}, found.unit desc limit {limit}"
        ).format(
            columns=sql.SQL(COLUMNS),
            names=sql.SQL("".join(f", found.k{at}" for at in range(len(by)))),
            keys=keys_of(by),
            tables=sql.SQL(STUDIES),
            units=sql.SQL(units),
            conditions=all_of(conditions),
            behind=behind.text,
            order=order_of(by),
            limit=sql.Literal(limit),
        ),
        [*(value for each in conditions for value in each.values), *behind.values],
    ).fetchall()
    return [SortedStudy(FoundStudy(*row[:6]), SortedPlace(tuple(row[7:]), row[0], row[6])) for row in rows]
