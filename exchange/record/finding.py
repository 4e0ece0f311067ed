"""Finding the studies that the record's readers ask for: by person, number, day, modality or body part.

Conditions are SQL over `study s`, `study_link l` and `person_record p`, all of which must hold. Every search
is of one person, one number, some days or what changed lately: `is_narrow` says of a condition that an index
finds what it is about, and a search without one is not made.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from storage.query import Level
from storage.showing import SHOWS

#: When what is known of a study changed last.
CHANGED = "coalesce((select max(c.at) from record_change c where c.study_uid = s.uid), s.created_at)"
#: Studies, and to whom they are linked.
STUDIES = (
    " from study s left join study_link l on l.study_id = s.id and l.state = 'linked'"
    " left join person_record p on p.id = l.person_id"
)
#: Of FoundStudy: of a study `s` that was `found`.
COLUMNS = (
    f"s.id, s.uid, coalesce(s.study_date, ''), found.person_id, {CHANGED},"
    " (select coalesce(sum(instances_in(r.id)), 0) from series r where r.study_id = s.id)"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must hold of a study."""

    text: sql.SQL | sql.Composed
    values: tuple[object, ...]
    is_narrow: bool = False
    is_of_days: bool = False  # narrow because studies are found in the order of their days


@dataclass(frozen=True, slots=True)
class Place:
    """After which study a page begins: they come newest first."""

    date: str  # "" for a study without one
    id: int


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study, and to whom it is linked now."""

    id: int
    uid: str
    date: str
    person_id: int | None  # directory number
    changed_at: datetime
    instance_count: int

    @property
    def place(self) -> Place:
        """Of the page after it."""
        return Place(self.date, self.id)


def of_people(ids: Collection[int]) -> Condition:
    """Linked to one of these people, by whichever of their records."""
    text = sql.SQL(
        "s.id in (select of_them.study_id from person_record r join study_link of_them on"
        " of_them.person_id = r.id and of_them.state = 'linked'"
        " where r.id = any(%s) or r.current_id = any(%s))"
    )
    return Condition(text, (list(ids), list(ids)), is_narrow=True)


def with_uids(uids: Collection[str]) -> Condition:
    """One of these Study Instance UIDs."""
    return Condition(sql.SQL("s.uid = any(%s)"), (list(uids),), is_narrow=True)


def with_ids(ids: Collection[UUID]) -> Condition:
    """One of these FHIR ids."""
    return Condition(sql.SQL("fhir_id('ImagingStudy', s.uid) = any(%s)"), (list(ids),), is_narrow=True)


def with_accession(accession: str, issuer: str | None) -> Condition:
    """This accession number; of whichever issuer where none is named."""
    if issuer is None:
        return Condition(sql.SQL("s.accession = %s"), (accession,), is_narrow=True)
    text = sql.SQL("(s.accession = %s and s.accession_issuer = %s)")
    return Condition(text, (accession, issuer), is_narrow=True)


def any_of(conditions: Sequence[Condition]) -> Condition:
    """One of these holds; none does where there are none."""
    if not conditions:
        return Condition(sql.SQL("false"), (), is_narrow=True)
    text = sql.SQL("({})").format(sql.SQL(" or ").join([each.text for each in conditions]))
    values = tuple(value for each in conditions for value in each.values)
    return Condition(text, values, all(each.is_narrow for each in conditions))


def with_modality(modalities: Collection[str]) -> Condition:
    """A series of one of these modalities shows."""
    return Condition(_series_that_shows("r.modality = any(%s)"), (list(modalities),))


def with_body_part(body_parts: Collection[str]) -> Condition:
    """A series of one of these body parts shows: Body Part Examined, in whatever case it was sent."""
    return Condition(_series_that_shows("upper(r.body_part) = any(%s)"), (list(body_parts),))


def with_series(uids: Collection[str]) -> Condition:
    """One of these Series Instance UIDs."""
    return Condition(_series_that_shows("r.uid = any(%s)"), (list(uids),), is_narrow=True)


def _series_that_shows(condition: str) -> sql.SQL:
    return sql.SQL(
        f"exists (select from series r where r.study_id = s.id and {SHOWS[Level.SERIES]} and {condition})"
    )


def matching(text: sql.SQL, *values: object, is_narrow: bool = False) -> Condition:
    """Another condition on the study `s`."""
    return Condition(text, values, is_narrow)


def of_days(first: str, last: str, *, is_narrow: bool) -> Condition:
    """Study Date is from one day to another (YYYYMMDD)."""
    text = sql.SQL("s.study_date between %s and %s")
    return Condition(text, (first, last), is_narrow, is_of_days=True)


#: When a study began, as YYYYMMDDHHMMSS: the first and the last moment that it can mean.
STARTED_FIRST = "s.study_date || rpad(split_part(coalesce(s.study_time, ''), '.', 1), 6, '0')"
STARTED_LAST = (
    "s.study_date || split_part(coalesce(s.study_time, ''), '.', 1)"
    " || substr('235959', length(split_part(coalesce(s.study_time, ''), '.', 1)) + 1)"
)


def find(
    connection: Connection[Any], conditions: Sequence[Condition], limit: int, after: Place | None = None
) -> list[FoundStudy]:
    """A page of studies of which something shows, newest first."""
    held = [*conditions, *([_after(after)] if after else [])]
    # Where few can be meant they are all looked up and then sorted: the planner would go through every study
    # from the newest on, in the hope to meet a page of them soon.
    fence = "offset 0" if any(each.is_narrow and not each.is_of_days for each in conditions) else ""
    rows = connection.execute(
        sql.SQL(
            "select {columns}"
            " from (select s.id, s.study_date, coalesce(p.current_id, p.id) as person_id{tables}"
            " where {conditions} {fence}) found join study s on s.id = found.id"
            " order by found.study_date desc nulls last, found.id desc limit {limit}"
        ).format(
            columns=sql.SQL(COLUMNS),
            tables=sql.SQL(STUDIES),
            conditions=all_of(held),
            fence=sql.SQL(fence),
            limit=sql.Literal(limit),
        ),
        [value for each in held for value in each.values],
    ).fetchall()
    return [FoundStudy(*row) for row in rows]


def subjects(
    connection: Connection[Any], conditions: Sequence[Condition], limit: int
) -> list[tuple[str, UUID | None]]:
    """Which studies there are, of all pages, and whose: their UIDs, and people's FHIR ids."""
    return connection.execute(
        sql.SQL(
            "select s.uid, (select w.uid from person_record w where w.id = coalesce(p.current_id, p.id))"
            "{tables} where {conditions} limit {limit}"
        ).format(tables=sql.SQL(STUDIES), conditions=all_of(conditions), limit=sql.Literal(limit)),
        [value for each in conditions for value in each.values],
    ).fetchall()


def all_of(conditions: Sequence[Condition]) -> sql.Composed:
    """All of them hold of a study of which something shows."""
    shows = sql.SQL(SHOWS[Level.STUDY])
    return sql.SQL(" and ").join([shows, *(each.text for each in conditions)])


def _after(place: Place) -> Condition:
    if not place.date:
        return Condition(sql.SQL("s.study_date is null and s.id < %s"), (place.id,))
    text = sql.SQL("((s.study_date, s.id) < (%s, %s) or s.study_date is null)")
    return Condition(text, (place.date, place.id))
