"""The directory, read: who somebody is by a number, by name, or by number in the directory.

Every function works in its caller's connection, so that what is decided by it is one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from exchange.people.person import (
    TRACES,
    Demographics,
    Identifier,
    Known,
    NumberStatus,
    Person,
    Sensitivity,
)
from exchange.people.stored import demographics_of

#: What is read of a record.
_COLUMNS = (
    "r.id, r.uid, r.issuer, r.value, r.nhs_number, r.number_status, r.sensitivity, r.demographics,"
    " r.current_id, r.said_at, coalesce(r.changed_at, r.created_at) as changed_at"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A record, and for whom it stands."""

    id: int
    identifier: Identifier
    status: NumberStatus  # of the NHS number that its source holds for it
    claims: str  # that NHS number, "" where it holds none
    person_id: int  # for whom it stands now


def standings(
    connection: Connection[Any], identifiers: Collection[Identifier]
) -> Mapping[Identifier, Standing]:
    """Those of some identifiers that the directory knows."""
    wanted = sorted(set(identifiers))
    rows = connection.execute(
        "select r.id, r.issuer, r.value, r.number_status, coalesce(r.nhs_number, ''),"
        " coalesce(r.current_id, r.id) from unnest(%s::text[], %s::text[]) k (issuer, value)"
        " join person_record r on r.issuer = k.issuer and r.value = k.value",
        ([each.issuer for each in wanted], [each.value for each in wanted]),
    ).fetchall()
    found = [
        Standing(id, Identifier(value, issuer), NumberStatus(status), claims, person)
        for id, issuer, value, status, claims, person in rows
    ]
    return {each.identifier: each for each in found}


def standing_of(connection: Connection[Any], uid: UUID) -> Standing | None:
    """The record by its FHIR id, and for whom it stands."""
    row = connection.execute(
        "select id, issuer, value, number_status, coalesce(nhs_number, ''), coalesce(current_id, id)"
        " from person_record where uid = %s",
        (uid,),
    ).fetchone()
    if row is None:
        return None
    id, issuer, value, status, claims, person_id = row
    return Standing(id, Identifier(value, issuer), NumberStatus(status), claims, person_id)


def people(connection: Connection[Any], ids: Collection[int]) -> Mapping[int, Person]:
    """People by their numbers in the directory: each for whom that record stands now."""
    found: dict[int, Person] = {}
    asked = connection.execute(
        "select id, coalesce(current_id, id) from person_record where id = any(%s)", (list(set(ids)),)
    ).fetchall()
    roots = _roots(connection, {current for _, current in asked})
    for id, current in asked:
        found[id] = roots[current]
    return found


def person(connection: Connection[Any], id: int) -> Person | None:
    """One of them."""
    return people(connection, [id]).get(id)


def person_with_uid(connection: Connection[Any], uid: UUID) -> Person | None:
    """By the FHIR id of any of their records."""
    row = connection.execute("select id from person_record where uid = %s", (uid,)).fetchone()
    return person(connection, row[0]) if row else None


def person_known_as(connection: Connection[Any], identifier: Identifier) -> Person | None:
    """By a number and who gave it out."""
    row = connection.execute(
        "select id from person_record where issuer = %s and value = %s", (identifier.issuer, identifier.value)
    ).fetchone()
    return person(connection, row[0]) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: int
    uid: UUID
    issuer: str
    value: str
    nhs_number: str | None
    number_status: str
    sensitivity: str
    demographics: Any
    current_id: int | None
    said_at: datetime | None
    changed_at: datetime

    @property
    def identifier(self) -> Identifier:
        return Identifier(self.value, self.issuer)


def _roots(connection: Connection[Any], ids: Collection[int]) -> Mapping[int, Person]:
    rows = (
        connection.cursor(row_factory=class_row(_Row))
        .execute(
            f"select {_COLUMNS} from person_record r where r.id = any(%s) or r.current_id = any(%s)"
            " order by r.issuer, r.value",
            (list(ids), list(ids)),
        )
        .fetchall()
    )
    found: dict[int, list[_Row]] = {id: [] for id in ids}
    for row in rows:
        for id in found.keys() & {row.id, row.current_id}:
            found[id].append(row)
    return {id: _person(id, of_them) for id, of_them in found.items()}


def _person(root_id: int, rows: Sequence[_Row]) -> Person:
    """Of a root and the records that stand for it, whatever order they are in."""
    root = next(each for each in rows if each.id == root_id)
    others = [each for each in rows if each.id != root_id]
    said = _chosen(root, others)
    return Person(
        root.id, root.uid, root.identifier, _status(root, others),
        max((Sensitivity(each.sensitivity) for each in rows), key=list(Sensitivity).index),
        demographics_of(said) if said is not None else Demographics(),
        tuple(
            Known(each.identifier, NumberStatus(each.number_status))
            for each in others
            if each.issuer != TRACES
        ),
        max(each.changed_at for each in rows),
    )  # fmt: skip


#: What settles it, where the NHS or a master index says so of an NHS number itself.
_TRACED = (NumberStatus.VERIFIED, NumberStatus.NO_MATCH, NumberStatus.TO_BE_RESOLVED)


def _status(root: _Row, others: Sequence[_Row]) -> NumberStatus:
    """Of an NHS number: what tracing it came to; else verified, where whoever stands for it holds it so."""
    own = NumberStatus(root.number_status)
    is_held = any(each.number_status == NumberStatus.VERIFIED.value for each in others)
    return NumberStatus.VERIFIED if root.identifier.is_nhs and is_held and own not in _TRACED else own


def _chosen(root: _Row, others: Sequence[_Row]) -> Any:
    """Whose demographics are the person's: those of the root's own source, the NHS or the trust that gave it
    out; else what was said last among those who hold the number as verified, else among all."""
    if root.demographics is not None:
        return root.demographics
    telling = [each for each in others if each.demographics is not None and each.said_at is not None]
    best = max(
        telling,
        key=lambda each: (
            each.number_status == NumberStatus.VERIFIED.value,
            each.said_at,
            each.issuer,
            each.value,
        ),
        default=None,
    )
    return best.demographics if best else None
