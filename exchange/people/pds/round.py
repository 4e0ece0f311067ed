"""A round of the worker: asks the PDS about whoever is due, and tells the directory what it says.

No transaction is open while the PDS is asked; what it says and that it was asked are one. While it is away
nobody is traced, and nothing else waits for that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import structlog
from psycopg_pool import ConnectionPool

from exchange.people.numbers import is_nhs_number
from exchange.people.pds.client import Held, NoMatch, Pds, Unknown, can_be_traced
from exchange.people.pds.due import Due, due_now, enlist, enlist_one, enlist_told, next_due, note_trace
from exchange.people.pds.errors import PdsError, PdsRefused, PdsUnavailable, PdsUnreadable
from exchange.people.pds.tracing import (
    Outcome,
    Traced,
    Wanted,
    let_go,
    trace_of_local_number,
    trace_of_nhs_number,
)
from exchange.people.person import Identifier, NumberStatus, Said
from exchange.people.telling import tell
from storage.driver_errors import mapped_errors
from storage.errors import is_outage

log = structlog.get_logger(__name__)

#: Asked about before we look again who has come to be due.
BATCH = 50

#: When somebody is asked about again of whom nobody can read the answer; after so many, it is away.
AGAIN, IN_A_ROW = timedelta(hours=1), 5

#: What the PDS refuses because of whom it is asked about, not because of who we are.
_OF_ONE = frozenset({400, 422})

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Tracing:
    """Who is traced, and asked about again after `refresh`."""

    pool: ConnectionPool
    pds: Pds
    refresh: timedelta
    stop: Event
    clock: Callable[[], datetime] = _now
    hear_every: timedelta = timedelta(minutes=1)
    _looked_at: datetime = _EVER
    _heard_at: datetime = _EVER

    def run(self) -> int:
        """Everybody who is due; how many. Where the PDS does not answer, the rest waits."""
        count = 0
        in_a_row = 0  # of which nobody can read what was answered
        try:
            for each in self._due():
                try:
                    self.trace(each)
                    in_a_row = 0
                except Exception as error:
                    if is_outage(error) and not isinstance(error, PdsUnreadable):
                        raise
                    self._put_off(each, error)
                    in_a_row += 1
                    if in_a_row == IN_A_ROW:
                        raise PdsUnavailable("answers what nobody can read") from None
                count += 1
        except PdsError as error:
            log.warning("pds.later", because=str(error))
        if count:
            log.info("pds.traced", people=count)
        return count

    def _due(self) -> Iterator[Due]:
        """A batch at a time: who was traced may make others due."""
        while not self.stop.is_set():
            began = self.clock()
            with mapped_errors(), self.pool.connection() as connection:
                enlist(connection, self._looked_at)
                if began >= self._heard_at + self.hear_every:
                    enlist_told(connection)
                    self._heard_at = began
                due = next_due(connection, BATCH)
            self._looked_at = began
            if not due:
                return
            for each in due:
                if self.stop.is_set():
                    return
                yield each

    def trace_number(self, identifier: Identifier) -> Traced:
        """One person by hand. Raises PdsError."""
        with mapped_errors(), self.pool.connection() as connection:
            due = due_now(connection, identifier)
        return self.trace(due)

    def trace(self, due: Due) -> Traced:
        """Ask about one of them, and tell what is said."""
        traced, version = self._ask(due)
        at = self.clock()
        is_nhs = due.wanted.identifier.is_nhs
        is_news = not (is_nhs and version and version == due.version and traced.outcome is Outcome.VERIFIED)
        # What a trust says of its own is asked about again when it changes, or the PDS may have been mended.
        is_settled = traced.outcome is (Outcome.SUPERSEDED if is_nhs else Outcome.VERIFIED)
        again_at = None if is_settled else at + self.refresh
        with mapped_errors(), self.pool.connection() as connection:
            if is_news or due.heard_at is None:
                for each in traced.statements:
                    tell(connection, each, Said(at, f"PDS {version}".rstrip()))
            note_trace(connection, due, traced, version, again_at)
            if traced.outcome is Outcome.SUPERSEDED:
                enlist_one(connection, traced.number, at + self.refresh)
        return traced

    def _put_off(self, due: Due, error: Exception) -> None:
        """One of whom the answer cannot be read, or kept: what is known of them stays, the others go on."""
        log.error("pds.unreadable", error=type(error).__name__)
        traced = Traced(Outcome.UNREADABLE, linked_to=due.wanted.linked_to)
        with mapped_errors(), self.pool.connection() as connection:
            note_trace(connection, due, traced, due.version, self.clock() + AGAIN)

    def _ask(self, due: Due) -> tuple[Traced, str]:
        try:
            return self._answered(due.wanted)
        except PdsRefused as error:
            if error.status not in _OF_ONE:
                raise
            log.warning("pds.refused", status=error.status, code=error.code)
            return Traced(Outcome.REFUSED, linked_to=due.wanted.linked_to), ""

    def _answered(self, wanted: Wanted) -> tuple[Traced, str]:
        if wanted.identifier.is_nhs:
            if not is_nhs_number(wanted.identifier.value):
                return Traced(Outcome.NOBODY), ""
            answer = self.pds.retrieve(wanted.identifier.value)
            return trace_of_nhs_number(wanted, answer), _version(answer)
        if wanted.status is NumberStatus.VERIFIED:
            return let_go(wanted), ""
        found: Held | Unknown | NoMatch
        if is_nhs_number(wanted.claims):
            found = self.pds.retrieve(wanted.claims)
        elif can_be_traced(wanted.demographics):
            found = self.pds.trace(wanted.demographics)
        else:
            return Traced(Outcome.TOO_LITTLE, trace_of_local_number(wanted, NoMatch()).statements), ""
        return trace_of_local_number(wanted, found), _version(found)


def _version(answer: Held | Unknown | NoMatch) -> str:
    return answer.version if isinstance(answer, Held) else ""
