"""Reports that belong to no study yet, as a person sees them and decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from exchange.custody import is_of_trust
from exchange.reports.case import Case, case_of
from exchange.reports.considering import decide, put
from exchange.reports.question import Place, State, question_of
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


class NoSuchReport(NotHeld):
    """No report by that id, of those whom the asker may decide about."""

    def __init__(self, uid: UUID) -> None:
        super().__init__(f"report {uid}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A report as a list shows it: no name, no text."""

    id: UUID
    trust: str
    source: str
    number: str
    accession: str
    status: str
    state: str
    study_uid: str  # to which it belongs
    study_uids: list[str]  # to which it may belong
    because: str
    changed_at: datetime
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """One time that something was said of a report."""

    at: datetime
    by: str  # message control ID, or the document's UID
    status: str
    kept_at: datetime


_HISTORY = """
    select said_at, said_by, status, kept_at from report_version where report_id = %s order by said_at, id
"""
_LISTED = """
    select r.uid as id, r.trust, r.source,
        coalesce(r.content -> 'notice' -> 'number' ->> 'value', r.number) as number,
        coalesce(r.accessions[1], '') as accession, r.status, r.state,
        coalesce(r.study_uid, '') as study_uid, array(select s.uid from study s
            where s.uid = r.study_named or (s.accession = any(r.accessions)
            and s.accession_issuer = r.accession_issuer) order by 1 limit 50) as study_uids,
        r.because, r.changed_at, r.decided_by
    from report r where r.merged_into is null and (%(trust)s = '' or r.trust = %(trust)s)
"""


@dataclass(frozen=True, slots=True)
class PostgresReports:
    """What a person sees and decides. `trust` is that of whoever asks, "" for somebody of none."""

    pool: ConnectionPool

    def waiting(self, trust: str = "", limit: int = 1000) -> Sequence[Listed]:
        """Those that may belong to a study and wait for a person, then those that name none that is here."""
        order = " and r.state <> 'matched' order by r.state, r.changed_at desc limit %(limit)s"
        return self._listed(order, trust=trust, limit=limit)

    def of_study(self, study_uid: str, trust: str = "") -> Sequence[Listed]:
        """Those that belong to a study."""
        return self._listed(" and r.study_uid = %(study)s order by r.id", trust=trust, study=study_uid)

    def listed(self, uid: UUID, trust: str = "") -> Listed:
        """One. Raises NoSuchReport."""
        found = self._listed(" and r.uid = %(uid)s", trust=trust, uid=uid)
        if not found:
            raise NoSuchReport(uid)
        return found[0]

    def case(self, uid: UUID, trust: str = "") -> Case:
        """Both sides. Raises NoSuchReport."""
        with mapped_errors(), self.pool.connection() as connection:
            found = case_of(connection, self._number(uid, trust))
        if found is None:
            raise NoSuchReport(uid)
        return found

    def history(self, uid: UUID, trust: str = "") -> Sequence[Heard]:
        """When what was said of it, the earliest first. Raises NoSuchReport."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_HISTORY, (self._number(uid, trust),)).fetchall()
        return [Heard(*row) for row in rows]

    def match(self, uid: UUID, study_uid: str, by: str, trust: str = "") -> None:
        """It belongs to this study. Raises NoSuchReport, and NotHeld for no study, or another trust's."""
        with mapped_errors(), self.pool.connection() as connection:
            asked = question_of(connection, self._number(uid, trust), also=study_uid)
            if asked is None:
                raise NoSuchReport(uid)
            is_theirs = is_of_trust(connection, study_uid, trust or None)
            if not is_theirs or not any(each.uid == study_uid for each in asked.studies):
                raise NotHeld(f"study {study_uid}")
            put(connection, asked, Place(State.MATCHED, study_uid, f"{by} said so"), by)

    def dismiss(self, uid: UUID, by: str, trust: str = "") -> None:
        """It belongs to none of the studies that it may name. Raises NoSuchReport."""
        with mapped_errors(), self.pool.connection() as connection:
            asked = question_of(connection, self._number(uid, trust))
            if asked is None:
                raise NoSuchReport(uid)
            put(connection, asked, Place(State.UNMATCHED, "", f"{by} said so"), by)

    def reconsider(self, uid: UUID, trust: str = "") -> None:
        """What a person said no longer counts; the rules decide. Raises NoSuchReport."""
        report_id = self._number(uid, trust)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("update report set decided_for = null where id = %s", (report_id,))
            decide(connection, report_id)

    def _number(self, uid: UUID, trust: str) -> int:
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select id from report where uid = %s and merged_into is null and (%s = '' or trust = %s)",
                (uid, trust, trust),
            ).fetchone()
        if row is None:
            raise NoSuchReport(uid)
        number: int = row[0]
        return number

    def _listed(self, condition: str, **named: object) -> Sequence[Listed]:
        with mapped_errors(), self.pool.connection() as connection:
            return (
                connection.cursor(row_factory=class_row(Listed))
                .execute(_LISTED + condition, named)
                .fetchall()
            )
