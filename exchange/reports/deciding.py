"""Reports that belong to no study yet, as a person sees them and decides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from exchange.custody import OF_TRUST, is_of_trust
from exchange.linking.reviews import Decider
from exchange.reports.case import Shown, case_of
from exchange.reports.considering import Said, Verb, by_rules, put
from exchange.reports.question import Place, Question, State, question_of
from storage.driver_errors import mapped_errors
from storage.errors import AlreadyDecided, NotHeld


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
    title: str  # of what was done, in words
    accession: str
    status: str
    state: str
    study_uid: str  # to which it belongs
    study_uids: list[str]  # to which it may belong
    because: str
    changed_at: datetime
    decided_by: str | None
    same_as: UUID | None  # the report that it tells of again, beside the same study


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
        coalesce(r.content -> 'codes' -> 0 ->> 'meaning', '') as title,
        coalesce(r.accessions[1], '') as accession, r.status, r.state,
        coalesce(r.study_uid, '') as study_uid, array(select s.uid from study s
            where s.uid = r.study_named or (s.accession = any(r.accessions)
            and s.accession_issuer = r.accession_issuer) order by 1 limit 50) as study_uids,
        r.because, r.changed_at, r.decided_by,
        (select f.uid from report f where f.id = r.same_as) as same_as
    from report r where r.merged_into is null and (%(trust)s = '' or r.trust = %(trust)s)
"""
_OF_STATE: Mapping[str, LiteralString] = {
    "waiting": "r.state <> 'matched' and r.decided_by is null",
    "doubt": "r.state = 'doubt'",
    "unmatched": "r.state = 'unmatched' and r.decided_by is null",
    "decided": "r.decided_by is not null",
}
_COUNTS = """
    select case when decided_by is not null then 'decided' else state end, count(*) from report
    where merged_into is null and (state <> 'matched' or decided_by is not null)
    and (%(trust)s = '' or trust = %(trust)s) group by 1
"""
_NUMBERED: LiteralString = f"""
    select s.uid from study s where s.accession = %s and {OF_TRUST} order by 1 limit 20
"""


@dataclass(frozen=True, slots=True)
class PostgresReports:
    """What a person sees and decides. `trust` is that of whoever asks, "" for somebody of none."""

    pool: ConnectionPool

    def waiting(
        self, trust: str = "", limit: int = 1000, state: str = "", after: int = 0
    ) -> Sequence[Listed]:
        """Those that may belong to a study and wait for a person, then those that name none that is here.

        `state` is waiting, doubt or unmatched for those of which nobody decided, "decided" for the others.
        The first `after` are left out.
        """
        of_state = _OF_STATE.get(state, "r.state <> 'matched'")
        order = f" and {of_state} order by r.state, r.changed_at desc, r.id limit %(limit)s offset %(after)s"
        return self._listed(order, trust=trust, limit=limit, after=after)

    def of_study(self, study_uid: str, trust: str = "") -> Sequence[Listed]:
        """Those that belong to a study."""
        return self._listed(" and r.study_uid = %(study)s order by r.id", trust=trust, study=study_uid)

    def listed(self, uid: UUID, trust: str = "") -> Listed:
        """One. Raises NoSuchReport."""
        found = self._listed(" and r.uid = %(uid)s", trust=trust, uid=uid)
        if not found:
            raise NoSuchReport(uid)
        return found[0]

    def case(self, uid: UUID, trust: str = "", also: str = "") -> Shown:
        """Both sides, and `also` a study that the asker means. Raises NoSuchReport."""
        with mapped_errors(), self.pool.connection() as connection:
            found = case_of(connection, self._number(uid, trust), trust, also)
        if found is None:
            raise NoSuchReport(uid)
        return found

    def numbered(self, uid: UUID, accession: str, trust: str = "") -> Sequence[str]:
        """Studies that bear an accession number, of the asker's trust. Raises NoSuchReport."""
        self._number(uid, trust)
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_NUMBERED, (accession, trust or None, trust or None)).fetchall()
        return [study_uid for (study_uid,) in rows]

    def counts(self, trust: str = "") -> Mapping[str, int]:
        """How many wait for which reason, and of how many somebody's word stands."""
        with mapped_errors(), self.pool.connection() as connection:
            return dict(connection.execute(_COUNTS, {"trust": trust}).fetchall())

    def history(self, uid: UUID, trust: str = "") -> Sequence[Heard]:
        """When what was said of it, the earliest first. Raises NoSuchReport."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_HISTORY, (self._number(uid, trust),)).fetchall()
        return [Heard(*row) for row in rows]

    def match(self, uid: UUID, study_uid: str, by: Decider, seen: str = "") -> None:
        """It belongs to this study. Raises NoSuchReport, AlreadyDecided where it is otherwise than was
        `seen`, and NotHeld for no study, or another trust's."""
        with mapped_errors(), self.pool.connection() as connection:
            asked = self._asked(connection, uid, by, seen, [study_uid])
            is_theirs = is_of_trust(connection, study_uid, by.trust or None)
            if not is_theirs or not any(each.uid == study_uid for each in asked.studies):
                raise NotHeld(f"study {study_uid}")
            place = Place(State.MATCHED, study_uid, f"{by.name} said so")
            put(connection, asked, place, Said(Verb.MATCH, by))

    def dismiss(self, uid: UUID, by: Decider, seen: str = "") -> None:
        """It belongs to none of the studies that it may name. Raises NoSuchReport and AlreadyDecided."""
        with mapped_errors(), self.pool.connection() as connection:
            asked = self._asked(connection, uid, by, seen)
            put(connection, asked, Place(State.UNMATCHED, "", f"{by.name} said so"), Said(Verb.DISMISS, by))

    def reconsider(self, uid: UUID, by: Decider, seen: str = "") -> None:
        """What a person said no longer counts; the rules decide. Raises NoSuchReport and AlreadyDecided."""
        with mapped_errors(), self.pool.connection() as connection:
            asked = self._asked(connection, uid, by, seen)
            if asked.decided_by is None:
                raise AlreadyDecided("the rules decide over this report already")
            put(connection, asked, by_rules(asked), Said(Verb.UNDO, by))

    def _asked(
        self, connection: Connection[Any], uid: UUID, by: Decider, seen: str, also: Collection[str] = ()
    ) -> Question:
        asked = question_of(connection, self._number(uid, by.trust), also)
        if asked is None:
            raise NoSuchReport(uid)
        if seen and seen != asked.seen:
            raise AlreadyDecided("something changed since you looked: look again before you decide")
        return asked

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

    def _listed(self, condition: LiteralString, **named: object) -> Sequence[Listed]:
        with mapped_errors(), self.pool.connection() as connection:
            return (
                connection.cursor(row_factory=class_row(Listed))
                .execute(_LISTED + condition, named)
                .fetchall()
            )
