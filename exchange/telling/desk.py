"""What the record was told, as people see it: every telling, why it waits or failed, and what they may do."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString
from uuid import UUID

from psycopg_pool import ConnectionPool

from exchange.custody import OF_TRUST
from exchange.decisions import Choice, Decided, decisions
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


class State(Enum):
    """How far a subscriber is with a study."""

    WAITING = "waiting"  # for its turn, or for its next try
    TOLD = "told"  # it holds what it should
    DEAD = "dead"  # no more tries until something changes, or a person says so
    CANCELLED = "cancelled"  # by a person; until something changes


@dataclass(frozen=True, slots=True)
class Telling:
    """One study at one subscriber, as it stands."""

    id: int
    subscriber: str
    study_uid: str
    state: State
    because: str  # what changed last
    holds: int  # things of it that the subscriber holds
    in_doubt: int  # of these, what it may or may not hold
    people: tuple[UUID, ...]  # of whom
    tries: int
    since: datetime
    next_try: datetime | None
    told_at: datetime | None
    last_error: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "state": self.state.value}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a subscriber answered for."""

    at: datetime
    subscriber: str
    study_uid: str
    thing: str
    act: str
    person: UUID


_ROWS = """
    select d.id, d.subscriber, d.study_uid, d.state, d.because, jsonb_array_length(d.things),
        (select count(*) from jsonb_array_elements(d.things) t where not (t->>'is_certain')::bool),
        array(select distinct (t->>'person')::uuid from jsonb_array_elements(d.things) t order by 1),
        d.tries, d.since, case d.state when 'waiting' then d.due_at end, d.told_at, d.last_error
    from telling d
"""
_OF_TRUST: LiteralString = f"exists (select from (select d.study_uid as uid) s where {OF_TRUST})"

# What a subscriber was told it is told again: whoever asks has reason to doubt that it still holds it.
REPLAY = Choice(
    decision="replay",
    table="telling",
    whom="subscriber",
    states=(State.DEAD, State.CANCELLED, State.WAITING, State.TOLD),
    change="""
        state = 'waiting', tries = 0, due_at = now(), since = now(), changes = changes + 1,
        because = 'replayed', things = (select coalesce(jsonb_agg(t || '{"is_certain": false}'), '[]')
            from jsonb_array_elements(things) t)
    """,
)
CANCEL = Choice(
    decision="cancel",
    table="telling",
    whom="subscriber",
    states=(State.WAITING, State.DEAD),
    change="state = 'cancelled'",
)


@dataclass(frozen=True, slots=True)
class TellingDesk:
    """The tellings, for those who operate the service. Raises IndexUnavailable."""

    pool: ConnectionPool

    def tellings(
        self,
        states: Collection[State] = (State.WAITING, State.DEAD),
        subscriber: str | None = None,
        study_uid: str | None = None,
        limit: int = 100,
        trust: str | None = None,
    ) -> list[Telling]:
        """Those in these states: dead ones first, what is held before what is not, then the longest waiting.

        Of one trust's studies, or of all.
        """
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                f"{_ROWS} where d.state = any(%s) and (%s::text is null or d.subscriber = %s)"
                f" and (%s::text is null or d.study_uid = %s) and {_OF_TRUST}"
                " order by d.state = 'dead' desc, d.things <> '[]' desc, d.since, d.id limit %s",
                (
                    [state.value for state in states],
                    *(subscriber, subscriber, study_uid, study_uid, trust, trust, limit),
                ),
            ).fetchall()
        return [_telling(row) for row in rows]

    def telling(self, number: int, trust: str | None = None) -> tuple[Telling, list[Told], list[Decided]]:
        """One, what was told, and what people decided. Raises NotHeld, for another trust's too."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                f"{_ROWS} where d.id = %s and {_OF_TRUST}", (number, trust, trust)
            ).fetchone()
            if row is None:
                raise NotHeld(f"telling {number}")
            found = _telling(row)
            told = connection.execute(
                "select at, subscriber, study_uid, thing, act, person from told"
                " where study_uid = %s and subscriber = %s order by id",
                (found.study_uid, found.subscriber),
            ).fetchall()
            return found, [Told(*each) for each in told], decisions(connection, "telling", number)

    def replay(self, number: int, by: str) -> str:
        """Tell it all again now, with all tries anew; the subscriber's name. Raises NotHeld."""
        return REPLAY.make(self.pool, number, by)

    def cancel(self, number: int, by: str) -> str:
        """Try no more until something changes; the subscriber's name. Raises NotHeld and NotTheirs."""
        return CANCEL.make(self.pool, number, by)


def _telling(row: tuple[Any, ...]) -> Telling:
    number, subscriber, study, state, because, holds, in_doubt, people, *rest = row
    return Telling(number, subscriber, study, State(state), because, holds, in_doubt, tuple(people), *rest)
