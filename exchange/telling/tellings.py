"""What each subscriber holds of each study, and what is due: rows that one teller at a time works off.

A subscriber is told by whoever holds its lease. Whatever is written asks first whether the lease still holds,
so a process that was thought dead changes nothing. Every verb raises IndexUnavailable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from pydantic import TypeAdapter

from exchange.backoff import Breaker, GiveUp, Patience, after_failure
from exchange.telling.thing import Step, Thing
from storage.driver_errors import mapped_errors

#: What a person reads is no longer than this.
SAID_LIMIT = 500
#: Changes that one transaction makes into tellings.
FAN_OUT = 1000
#: What was being told when the subscriber failed waits so much longer than the rest.
BEHIND_S = 2.0

_THINGS = TypeAdapter(tuple[Thing, ...])

_FAN_OUT = """
    with noted as (
        delete from outbox where id in (select id from outbox order by id limit %s for update skip locked)
        returning id, study_uid, because
    ), changed as (
        select study_uid, (array_agg(because order by id desc))[1] as because from noted group by study_uid
    ), due as (
        insert into telling as t (subscriber, study_uid, because)
        select s.name, c.study_uid, c.because from changed c join subscriber s on s.kind <> 'adt'
        order by s.name, c.study_uid
        on conflict (subscriber, study_uid) do update set changes = t.changes + 1,
            because = excluded.because, state = 'waiting', tries = 0, due_at = least(t.due_at, now()),
            since = case when t.state = 'waiting' then t.since else now() end
    )
    select count(*) from noted
"""
_DUE = """
    select s.name from subscriber s where (s.open_until is null or s.open_until <= now())
        and (s.leased_until is null or s.leased_until <= now())
        and exists (select from telling t where t.subscriber = s.name and t.state = 'waiting'
            and t.due_at <= now())
    order by s.name
"""
_LEASE = """
    update subscriber set lease = %s, leased_until = now() + %s * interval '1 second'
    where name = %s and (leased_until is null or leased_until <= now())
"""
_RENEW = """
    update subscriber set leased_until = now() + %s * interval '1 second'
    where name = %s and lease = %s and leased_until > now()
    returning failures, open_until, now()
"""
_NEXT = """
    select id, study_uid, things, changes, tries from telling
    where subscriber = %s and state = 'waiting' and due_at <= now()
    order by (things = '[]'::jsonb), due_at, id limit 1
"""
_IS_OURS = (
    "exists (select from subscriber s where s.name = subscriber and s.lease = %s and s.leased_until > now())"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to tell a subscriber, of one process at a time."""

    subscriber: str
    token: UUID
    lasting_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """A study of which a subscriber is to be told."""

    id: int
    study_uid: str
    held: tuple[Thing, ...]  # at the subscriber
    changes: int  # when it was read
    tries: int  # that failed


class LeaseLost(Exception):
    """Another tells this subscriber by now."""


@dataclass(frozen=True, slots=True)
class Tellings:
    """The rows of `telling`, for those who tell."""

    pool: ConnectionPool
    patience: Patience

    def fan_out(self) -> int:
        """Make what changed due for every subscriber, in one transaction; how many changes were noted."""
        with mapped_errors(), self.pool.connection() as connection:
            # Nobody subscribes meanwhile: they would hear neither of this nor of what is linked already.
            connection.execute("lock table subscriber in row share mode")
            row = connection.execute(_FAN_OUT, (FAN_OUT,)).fetchone()
        return int(row[0]) if row else 0

    def due(self) -> list[str]:
        """The subscribers for whom something is due, and whom nobody tells now."""
        with mapped_errors(), self.pool.connection() as connection:
            return [name for (name,) in connection.execute(_DUE)]

    def lease(self, subscriber: str, lasting_s: float) -> Lease | None:
        """The right to tell it, where nobody has it."""
        token = uuid4()
        with mapped_errors(), self.pool.connection() as connection:
            taken = connection.execute(_LEASE, (token, lasting_s, subscriber)).rowcount
        return Lease(subscriber, token, lasting_s) if taken else None

    def give_back(self, lease: Lease) -> None:
        """It is free for others at once."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update subscriber set lease = null, leased_until = null where name = %s and lease = %s",
                (lease.subscriber, lease.token),
            )

    def renew(self, lease: Lease) -> tuple[Breaker, datetime]:
        """For as long again; the subscriber's breaker, and the database's time. Raises LeaseLost."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(_RENEW, (lease.lasting_s, lease.subscriber, lease.token)).fetchone()
        if row is None:
            raise LeaseLost
        return Breaker(row[0], row[1]), row[2]

    def next(self, lease: Lease) -> Due | None:
        """What is due, what waits longest first; but what the subscriber holds already before what is new."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(_NEXT, (lease.subscriber,)).fetchone()
        if row is None:
            return None
        id, study_uid, things, changes, tries = row
        return Due(id, study_uid, _THINGS.validate_python(things), changes, tries)

    def hold(self, lease: Lease, due: Due, held: Sequence[Thing]) -> None:
        """What the subscriber may hold from now on. Raises LeaseLost."""
        with mapped_errors(), self.pool.connection() as connection:
            self._write(connection, lease, due, "things = %s", (_stored(held),))

    def heard(self, lease: Lease, due: Due, held: Sequence[Thing], steps: Sequence[Step]) -> None:
        """The subscriber has answered for these steps: what it holds now, and who was told what.

        The lease lasts for as long again. Raises LeaseLost.
        """
        with mapped_errors(), self.pool.connection() as connection:
            self._write(connection, lease, due, "things = %s", (_stored(held),))
            connection.execute(_RENEW, (lease.lasting_s, lease.subscriber, lease.token))
            for step in steps:
                connection.execute(
                    "insert into told (subscriber, study_uid, thing, act, person)"
                    " values (%s, %s, %s, %s, %s)",
                    (lease.subscriber, due.study_uid, step.key, step.act.value, step.person),
                )

    def done(self, lease: Lease, due: Due, why: str = "") -> None:
        """The subscriber holds what it should, unless more changed meanwhile. `why` says what was left out.

        Raises LeaseLost.
        """
        with mapped_errors(), self.pool.connection() as connection:
            self._write(
                connection, lease, due,
                "state = case when changes > %s then 'waiting' else 'told' end, tries = 0, told_at = now(),"
                " last_error = %s",
                (due.changes, why[:SAID_LIMIT]),
            )  # fmt: skip
            connection.execute(
                "update subscriber set failures = 0, open_until = null where name = %s and failures > 0",
                (lease.subscriber,),
            )

    def failed(self, lease: Lease, due: Due, why: str, luck: float, *, is_final: bool) -> bool:
        """Through its own fault: it waits for its next try, or for a person; whether the latter.

        Unless more changed meanwhile: then it is another thing. Raises LeaseLost.
        """
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute("select now()").fetchone()
            assert row is not None
            verdict = after_failure(due.tries + 1, row[0], self.patience, luck)
            is_dead = is_final or isinstance(verdict, GiveUp)
            said = f"{verdict.because}: {why}" if isinstance(verdict, GiveUp) and not is_final else why
            self._write(
                connection, lease, due,
                "state = case when changes > %s then 'waiting' else %s end, tries = tries + 1,"
                " due_at = coalesce(%s, due_at), last_error = %s",
                (
                    due.changes, "dead" if is_dead else "waiting",
                    None if is_dead or isinstance(verdict, GiveUp) else verdict.at, said[:SAID_LIMIT],
                ),
            )  # fmt: skip
        return is_dead

    def not_heard(self, lease: Lease, due: Due | None, why: str, luck: float) -> None:
        """The subscriber's own fault: its breaker counts, and what is for it waits. Raises LeaseLost.

        What it was being told goes behind the others: if that is what it cannot bear, they are not held up.
        """
        breaker, now = self.renew(lease)
        after = breaker.failed(now, self.patience, luck)
        with mapped_errors(), self.pool.connection() as connection:
            if due is not None:
                later = (after.open_until or now) + timedelta(seconds=BEHIND_S)
                self._write(connection, lease, due, "due_at = %s, last_error = %s", (later, why[:SAID_LIMIT]))
            connection.execute(
                "update subscriber set failures = %s, open_until = %s, last_error = %s, failed_at = now()"
                " where name = %s and lease = %s",
                (after.failures, after.open_until, why[:SAID_LIMIT], lease.subscriber, lease.token),
            )

    def _write(
        self, connection: Connection[Any], lease: Lease, due: Due, change: str, values: tuple[object, ...]
    ) -> None:
        written = connection.execute(
            f"update telling set {change} where id = %s and {_IS_OURS}",
            (*values, due.id, lease.token),
        )
        if not written.rowcount:
            raise LeaseLost


def _stored(held: Sequence[Thing]) -> Jsonb:
    return Jsonb(_THINGS.dump_python(tuple(held), mode="json"))
