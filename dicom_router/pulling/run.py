"""One pull at work: list what the source has, fetch what is missing, reckon study by study.

A process may die anywhere: what came is kept, what is settled is a row, and the next run begins with the
rows that wait. Nothing is believed of a source but what is found here afterwards.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol, TypeVar, runtime_checkable

from psycopg_pool import ConnectionPool

from dicom_router.pulling.errors import CutShort, PullError, SourceAway, SourceFailed
from dicom_router.pulling.jobs import Job, Pulls, Reckoning
from dicom_router.pulling.pace import Pace
from dicom_router.pulling.reckoning import missing, named_missing, reckon
from dicom_router.pulling.source import SeriesThere, Source, StudyThere, Take, Way
from dicom_router.pulling.window import Window, looks_limited
from storage.holdings import Holdings, held, last_refusals

T = TypeVar("T")

#: A study is asked for so often within a run, as long as something of it is missing.
TRIES = 3

#: Rows written, and read, at once.
BATCH = 200

#: Windows that fail one after the other before the source is believed: more than cutting an open window
#: down to a minute takes.
FAILURES = 40

_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@runtime_checkable
class Feed(Protocol):
    """A source that can say what is new."""

    def place(self) -> int:
        """Where its feed stands now."""

    def changed(self, since: int) -> Iterator[tuple[int, StudyThere]]:
        """The studies in which something is new, each with its place."""


@dataclass(slots=True)
class Run:
    """A run of one pull. The caller holds the job (`Pulls.running`)."""

    source: Source
    pulls: Pulls
    job: Job
    pool: ConnectionPool
    take: Take
    pace: Pace
    stop: threading.Event
    tell: Callable[[str], None]  # what a person who waits should know
    patience_s: float = 600.0  # with a source that does not answer
    _gaps: list[str] = field(default_factory=list, init=False)
    _notes: list[str] = field(default_factory=list, init=False)
    _failures: int = field(default=0, init=False)

    def list_all(self) -> None:
        """Ask for everything in the range of the job. Raises SourceAway, SourceFailed."""
        self._gaps, self._notes, self._failures = [], [], 0
        feed = self.source if isinstance(self.source, Feed) else None
        place = self._patiently(feed.place) if feed else 0
        self.pulls.try_short_again(self.job)
        self._list(self.job.window, datetime.now(UTC))
        self.pulls.wholly_listed(self.job, self._gaps, self._notes, place)

    def list_new(self, recent: Window) -> None:
        """Ask for what is new: by the source's own feed, else for the studies of these days again."""
        self.pulls.try_short_again(self.job)
        if not isinstance(self.source, Feed):
            self._failures = 0
            self._list(recent, datetime.now(UTC))
            return
        if self._patiently(self.source.place) < self.pulls.by_number(self.job.id).place:
            self.list_all()  # it is another feed than the one we followed
            return
        while news := self._patiently(self._news):
            self.pulls.listed(self.job, [study for _, study in news], datetime.now(UTC))
            self.pulls.move_to(self.job, news[-1][0])

    def fetch_all(self) -> Iterator[Reckoning]:
        """Every study that waits, the latest first, as each is settled. Raises SourceAway."""
        while batch := self.pulls.waiting(self.job, BATCH):
            for study_uid, said in batch:
                self.pace.study()
                if self.stop.is_set():
                    return
                found = self._fetch(study_uid, said)
                self.pulls.settle(self.job, found)
                yield found

    def _news(self) -> list[tuple[int, StudyThere]]:
        """The next of the source's feed."""
        since = self.pulls.by_number(self.job.id).place
        return list(islice(self.source.changed(since), BATCH)) if isinstance(self.source, Feed) else []

    def _list(self, window: Window, since: datetime) -> int:
        """The studies of a window, divided until its answers are whole; how many no other window had."""
        count, fresh, cut = self._ask(window, since)
        if not (cut or looks_limited(count)):
            return fresh
        halves = window.halves()
        if halves is None:
            self._gaps.append(f"{window}: {cut or f'exactly {count} studies, which may be a limit'}")
            return fresh
        found = sum(self._list(half, since) for half in halves)
        if (cut or found) and (window.is_open or (halves[0].minutes and not window.minutes)):
            lacks = "date" if window.is_open else "time"
            self._notes.append(f"{window}: studies without a {lacks} cannot be asked for apart")
        return fresh + found

    def _ask(self, window: Window, since: datetime) -> tuple[int, int, str]:
        """How many studies one question brought, how many of them are new, and how it was cut, if so."""

        def ask() -> tuple[int, int, str]:
            count = fresh = 0
            cut = ""
            studies = self.source.studies(window)
            try:
                while batch := _batch(studies):
                    count += len(batch.studies)
                    fresh += self.pulls.listed(self.job, batch.studies, since)
                    if batch.ended is not None:
                        raise batch.ended
            except CutShort as error:
                cut = str(error)
            except SourceFailed as error:  # some say so of an answer that would be too long
                self._failures += 1
                if self._failures >= FAILURES:
                    raise
                cut = str(error)
            else:
                self._failures = 0
            return count, fresh, cut

        return self._patiently(ask)

    def _fetch(self, study_uid: str, said: int | None) -> Reckoning:
        """Ask for what is missing until it is here, or asking does not help."""
        there: Sequence[SeriesThere] = ()
        kept = held(self.pool, study_uid)
        answer = ""
        for attempt in range(TRIES):
            try:
                there = self.source.contents(study_uid)
                wanted = missing(there, kept, whole=attempt > 0)
                if not wanted:
                    break
                answer = self.source.fetch(study_uid, wanted, self.take)
            except SourceAway as error:
                answer = str(error)
                self.pulls.note_failure(self.job, study_uid, answer)
                self._patiently(self.source.ping)
            except PullError as error:
                answer = str(error)
            before, kept = kept, held(self.pool, study_uid)
            self._spent(before, kept)
            if self.stop.is_set():
                break
        refusals = last_refusals(self.pool, named_missing(there, kept))
        return reckon(study_uid, said, there, kept, refusals, answer)

    def _spent(self, before: Holdings, after: Holdings) -> None:
        """What a source sent to our router did not pass through here."""
        if self.job.way is Way.MOVE:
            self.pace.spent(after.size - before.size)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Its answer; SourceAway once a source has not answered for as long as we have patience."""
        waited_s = 0.0
        for number in range(10_000):
            try:
                return ask()
            except SourceAway as error:
                pause_s = _PAUSES_S[min(number, len(_PAUSES_S) - 1)]
                if self.stop.is_set() or waited_s + pause_s > self.patience_s:
                    raise
                self.tell(f"the source is away ({error}): again in {pause_s:.0f} seconds")
                self.stop.wait(pause_s)
                waited_s += pause_s
        raise AssertionError


@dataclass(frozen=True, slots=True)
class _Batch:
    studies: Sequence[StudyThere]
    ended: PullError | None


def _batch(studies: Iterator[StudyThere]) -> _Batch | None:
    """The next studies of an answer, and how it ended after them; None at its end."""
    found: list[StudyThere] = []
    try:
        for study in islice(studies, BATCH):
            found.append(study)
    except PullError as error:
        return _Batch(found, error)
    return _Batch(found, None) if found else None
