"""The pull jobs and their studies, in the database: a run that is killed anywhere goes on from here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from dicom_router.pulling.source import StudyThere, Way
from dicom_router.pulling.window import Window
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError

#: First half of the advisory lock that a run holds; the second is its job. Any number that is ours alone.
_LOCK = 9027


class State(Enum):
    """Where a study is."""

    WAITING = "waiting"  # to be compared, and fetched where something is missing
    HELD = "held"  # all that the source lists and counts is kept here
    SHORT = "short"  # it is not, and `because` says why


class AlreadyRunning(ArchiveError):
    """Another process works on the same pull."""

    def __init__(self) -> None:
        super().__init__("this pull runs already: wait for it, or end it")


class NoSuchPull(ArchiveError):
    """No pull by that number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no pull {number}: see imx pull list")


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and a range of its study dates."""

    id: int
    way: Way
    source: str
    trust: str
    window: Window
    place: int  # in the source's own change feed
    gaps: tuple[str, ...]
    notes: tuple[str, ...]
    asked_by: str
    created_at: datetime
    listed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What the source has of one study against what is kept here."""

    study_uid: str
    state: State
    expected: int
    held: int
    because: str = ""
    series: Sequence[dict[str, Any]] = field(default_factory=tuple)  # the short ones, and what they lack


@dataclass(frozen=True, slots=True)
class Counts:
    """A whole pull in numbers."""

    waiting: int
    held: int
    short: int
    instances_expected: int
    instances_held: int

    @property
    def studies(self) -> int:
        """All that the source named."""
        return self.waiting + self.held + self.short


_COLUMNS = (
    "id, way, source, trust, first_day, last_day, place, gaps, notes, asked_by, created_at, listed_at"
    " from pull"
)


@dataclass(frozen=True, slots=True)
class Pulls:
    """The tables. Every verb raises IndexUnavailable."""

    pool: ConnectionPool

    def job(self, way: Way, source: str, trust: str, window: Window, asked_by: str) -> Job:
        """The pull of that source and range, as it stands; a new one where there is none."""
        with self._rows() as cursor:
            row = cursor.execute(
                "insert into pull (way, source, trust, first_day, last_day, asked_by)"
                " values (%s, %s, %s, %s, %s, %s)"
                " on conflict (way, source, trust, first_day, last_day)"
                " do update set asked_by = pull.asked_by"
                " returning id",
                (way.value, source, trust, window.first, window.last, asked_by),
            ).fetchone()
        return self.by_number(row["id"] if row else 0)

    def by_number(self, number: int) -> Job:
        """Raises NoSuchPull."""
        with self._rows() as cursor:
            row = cursor.execute(f"select {_COLUMNS} where id = %s", [number]).fetchone()
        if row is None:
            raise NoSuchPull(number)
        return _job(row)

    def all(self) -> list[Job]:
        """Every pull, the newest first."""
        with self._rows() as cursor:
            rows = cursor.execute(f"select {_COLUMNS} order by id desc").fetchall()
        return [_job(row) for row in rows]

    @contextmanager
    def running(self, job: Job) -> Iterator[None]:
        """Hold the job for as long as this lasts; PostgreSQL lets go when the process dies.

        Raises AlreadyRunning.
        """
        with mapped_errors(), self.pool.connection() as connection:
            connection.autocommit = True
            try:
                taken = connection.execute("select pg_try_advisory_lock(%s, %s)", [_LOCK, job.id]).fetchone()
                if not (taken and taken[0]):
                    raise AlreadyRunning
                try:
                    yield
                finally:
                    connection.execute("select pg_advisory_unlock(%s, %s)", [_LOCK, job.id])
            finally:
                if not connection.closed:
                    connection.autocommit = False

    def listed(self, job: Job, studies: Sequence[StudyThere], since: datetime) -> int:
        """Note that the source names these; how many of them it had not named since then.

        One that is held stays so where the source counts what it counted before; all others wait.
        """
        named = {study.uid: study for study in studies}
        with self._rows() as cursor:
            row = cursor.execute(
                "select count(*) as known from pull_study"
                " where pull_id = %s and study_uid = any(%s) and listed_at >= %s",
                [job.id, list(named), since],
            ).fetchone()
            cursor.execute(
                "insert into pull_study (pull_id, study_uid, study_date, said, listed_at)"
                " select %s, uid, day, said, clock_timestamp()"
                " from unnest(%s::text[], %s::text[], %s::int[]) as there(uid, day, said)"
                " on conflict (pull_id, study_uid) do update set"
                " study_date = excluded.study_date, said = excluded.said, listed_at = excluded.listed_at,"
                " state = case when pull_study.state = 'held' and excluded.said = pull_study.expected"
                " then 'held' else 'waiting' end",
                [
                    job.id,
                    list(named),
                    [study.date for study in named.values()],
                    [study.instances for study in named.values()],
                ],
            )
        return len(named) - (row["known"] if row else 0)

    def wholly_listed(self, job: Job, gaps: Sequence[str], notes: Sequence[str], place: int) -> None:
        """The source has been asked for everything; `place` is where its feed stood before."""
        with self._rows() as cursor:
            cursor.execute(
                "update pull set listed_at = now(), gaps = %s, notes = %s, place = %s where id = %s",
                [list(gaps), list(notes), place, job.id],
            )

    def move_to(self, job: Job, place: int) -> None:
        """The source's feed has been followed up to there."""
        with self._rows() as cursor:
            cursor.execute("update pull set place = %s where id = %s", [place, job.id])

    def try_short_again(self, job: Job) -> None:
        """What is short waits again."""
        with self._rows() as cursor:
            cursor.execute(
                "update pull_study set state = 'waiting' where pull_id = %s and state = 'short'", [job.id]
            )

    def waiting(self, job: Job, most: int) -> list[tuple[str, int | None]]:
        """Studies to be fetched, the latest first, with what the source's list counts."""
        with self._rows() as cursor:
            rows = cursor.execute(
                "select study_uid, said from pull_study where pull_id = %s and state = 'waiting'"
                " order by study_date desc, study_uid limit %s",
                [job.id, most],
            ).fetchall()
        return [(row["study_uid"], row["said"]) for row in rows]

    def settle(self, job: Job, found: Reckoning) -> None:
        """Write down what became of a study."""
        with self._rows() as cursor:
            cursor.execute(
                "update pull_study set state = %s, expected = %s, held = %s, because = %s, series = %s,"
                " changed_at = now() where pull_id = %s and study_uid = %s",
                [
                    found.state.value,
                    found.expected,
                    found.held,
                    found.because,
                    Jsonb(list(found.series)),
                    job.id,
                    found.study_uid,
                ],
            )

    def note_failure(self, job: Job, study_uid: str, because: str) -> None:
        """A try that was cut off: the study waits on."""
        with self._rows() as cursor:
            cursor.execute(
                "update pull_study set because = %s, changed_at = now()"
                " where pull_id = %s and study_uid = %s",
                [because, job.id, study_uid],
            )

    def counts(self, job: Job) -> Counts:
        """How far it is."""
        with self._rows() as cursor:
            row = cursor.execute(
                "select count(*) filter (where state = 'waiting') as waiting,"
                " count(*) filter (where state = 'held') as held,"
                " count(*) filter (where state = 'short') as short,"
                " coalesce(sum(coalesce(expected, said, 0)), 0)::bigint as instances_expected,"
                " coalesce(sum(held), 0)::bigint as instances_held from pull_study where pull_id = %s",
                [job.id],
            ).fetchone()
        return Counts(**(row or {}))

    def unsettled(self, job: Job) -> Iterator[Reckoning]:
        """Every study that is not held, by date."""
        last = ("", "")
        while True:
            with self._rows() as cursor:
                rows = cursor.execute(
                    "select study_date, study_uid, state, coalesce(expected, said, 0) as expected,"
                    " coalesce(held, 0) as held, because, series from pull_study"
                    " where pull_id = %s and state <> 'held' and (study_date, study_uid) > (%s, %s)"
                    " order by study_date, study_uid limit 500",
                    [job.id, *last],
                ).fetchall()
            for row in rows:
                last = (row.pop("study_date"), row["study_uid"])
                yield Reckoning(**{**row, "state": State(row["state"])})
            if not rows:
                return

    @contextmanager
    def _rows(self) -> Iterator[Cursor[DictRow]]:
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            yield cursor


def _job(row: DictRow) -> Job:
    first: date | None = row.pop("first_day")
    last: date | None = row.pop("last_day")
    texts = {name: tuple(row.pop(name)) for name in ("gaps", "notes")}
    return Job(**{**row, **texts, "way": Way(row["way"]), "window": Window(first, last)})
