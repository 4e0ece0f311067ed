"""A patient's earlier studies, brought to the workstation before anyone asks.

The same patient is the same identifier with the same issuer: a bare number of another trust is another
patient, and is never looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg import Connection, sql

from dicom_router.rules.criteria import BODY_PART, MODALITY
from dicom_router.rules.rule import Prefetch, Same
from storage.columns import PATIENT_ID, STUDY_DATE
from storage.query import AnyOf, Between, Exactly, Level, Match, Path, Query
from storage.search import plan

ISSUER: Path = (0x00100021,)

#: A workstation keeps what it was given for this long; within it, only what is missing is sent again.
KEPT = timedelta(days=1)

_PATIENTS = """
    select distinct p.identifier, p.issuer from study s join identity i on i.study_id = s.id
    join patient p on p.id = i.patient_id where s.id = %s and p.identifier <> '' and p.only_study is null
    and (not s.has_versions or is_borne(s.id, i.id))
"""
_LIKENESS = """
    select s.uid, coalesce(s.study_date, to_char(s.created_at, 'YYYYMMDD')),
        array(select distinct modality from series r where r.study_id = s.id and modality is not null),
        array(select distinct body_part from series r where r.study_id = s.id and body_part is not null)
    from study s where s.id = %s
"""
_STUDIES = sql.SQL(
    "select s.uid from study s where s.id in (select r.study_id from ({}) f join series r on r.id = f.id)"
    " and s.uid <> %s and not s.contested and not s.inconsistent"
    " order by s.study_date desc nulls last, s.id desc limit %s"
)
_ROUND = """
    select round, now() - ordered_at < %s from delivery where study_uid = %s and destination = %s
    order by round desc limit 1
"""


@dataclass(frozen=True, slots=True)
class Patient:
    """An identifier and its issuer."""

    identifier: str
    issuer: str


def priors(connection: Connection[Any], study_id: int, wanted: Prefetch) -> list[str]:
    """The relevant earlier studies by UID, newest first."""
    found: list[str] = []
    row = connection.execute(_LIKENESS, (study_id,)).fetchone()
    if row is None:
        return found
    uid, day, modalities, body_parts = row
    for identifier, issuer in connection.execute(_PATIENTS, (study_id,)).fetchall():
        query = query_for(Patient(identifier, issuer), wanted, day, modalities, body_parts)
        if query is None:
            continue
        matching = plan(query).ids()
        text = _STUDIES.format(matching.text)
        rows = connection.execute(text, [*matching.values, uid, wanted.at_most]).fetchall()
        found += [prior for (prior,) in rows if prior not in found]
    return found[: wanted.at_most]


def query_for(
    patient: Patient, wanted: Prefetch, day: str, modalities: Sequence[str], body_parts: Sequence[str]
) -> Query | None:
    """What is asked of the index, by series; None where nothing can be like a study that says nothing."""
    matches: dict[Path, Match] = {PATIENT_ID: Exactly(patient.identifier), ISSUER: Exactly(patient.issuer)}
    for same, path, values in (
        (Same.MODALITY, MODALITY, modalities),
        (Same.BODY_PART, BODY_PART, body_parts),
    ):
        if same in wanted.same:
            if not values:
                return None
            matches[path] = AnyOf(tuple(values))
    since = _days_before(day, wanted.within_days) if wanted.within_days else None
    matches[STUDY_DATE] = Between(since, day)
    return Query(Level.SERIES, matches)


def _days_before(day: str, days: int) -> str:
    try:
        then = datetime.strptime(day, "%Y%m%d").date() - timedelta(days=days)  # noqa: DTZ007 - a day
    except (ValueError, OverflowError):
        then = date.min
    return f"{then:%Y%m%d}".zfill(8)


def round_of(connection: Connection[Any], study_uid: str, destination: str) -> int:
    """Which round an order for a prior belongs to: the last one while it is fresh, else one more."""
    row = connection.execute(_ROUND, (KEPT, study_uid, destination)).fetchone()
    if row is None:
        return 1
    number, is_fresh = row
    return int(number) if is_fresh else int(number) + 1
