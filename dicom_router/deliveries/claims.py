"""What is due: claimed for a turn, noted as it is sent, and ended. Every verb raises IndexUnavailable.

A claim holds as long as its turn does. Whatever is written at the end of a claim asks first whether it still
holds, so a process that was thought dead changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.turns import Turn
from exchange.backoff import GiveUp, Patience, after_failure
from storage.driver_errors import mapped_errors

#: What a person reads is no longer than this.
SAID_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send."""

    id: int
    study_uid: str
    because: str
    transfer_syntax: str | None
    orders: int  # when it was claimed
    tries: int  # that failed
    round: int  # from the second on, its destination has had all of it before


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance that a delivery is to bring."""

    delivery_id: int
    instance_id: int
    object_id: int
    is_taken: bool  # its destination answered for it before


# One that failed before is sent alone, so that whatever it does to us or to its destination is its own.
_CLAIM = """
    with next as (
        select id, priority, next_try, tries from delivery
        where destination = %(name)s and state = 'waiting' and next_try <= now()
            and not is_in_doubt(study_uid, destination)
        order by priority, next_try, id limit %(most)s for update skip locked
    ), placed as (
        select id, tries, first_value(tries) over w as first_tries, row_number() over w as place from next
        window w as (order by priority, next_try, id)
    ), due as (
        select id, place from placed
        where case when first_tries > 0 then place = 1 else tries = 0 end
    )
    update delivery d set state = 'sending', claim = %(token)s from due where d.id = due.id
    returning due.place, d.id, d.study_uid, d.because, d.transfer_syntax, d.orders, d.tries,
        d.round
"""
_WANTED = """
    select d.id, n.id, n.object_id, f.object_id is not null
    from unnest(%s::bigint[]) asked(id) join delivery d on d.id = asked.id
    join study s on s.uid = d.study_uid join series r on r.study_id = s.id
    join instance n on n.series_id = r.id and not n.hidden
    left join forwarded f on f.delivery_id = d.id and f.instance_id = n.id and f.object_id = n.object_id
"""
_MISSING = f"{_WANTED} where f.object_id is null"
_NOTE = """
    insert into forwarded (delivery_id, instance_id, object_id)
    select * from unnest(%s::bigint[], %s::bigint[], %s::bigint[])
    on conflict (delivery_id, instance_id) do update set object_id = excluded.object_id, at = excluded.at
"""
_DONE = """
    update delivery d set
        state = case when d.orders > done.orders then 'waiting' else 'delivered' end,
        ended_at = case when d.orders > done.orders then null else now() end,
        tries = 0, next_try = now(), give_up_from = now(), claim = null, last_error = null
    from unnest(%s::bigint[], %s::int[]) done(id, orders)
    where d.id = done.id and d.claim = %s
"""
_FAILED = """
    update delivery set state = %s, tries = %s, next_try = coalesce(%s, next_try), last_error = %s,
        ended_at = case when %s = 'dead' then now() end, claim = null
    where id = %s and claim = %s
"""
_ABANDONED = """
    select id, study_uid, because, transfer_syntax, orders, tries, round, claim, now() from delivery d
    where state = 'sending'
        and not exists (select from turn t where t.token = d.claim and t.until > now())
"""
_GIVE_UP = """
    update delivery d set state = 'dead', ended_at = now(),
        last_error = left(format('its destination has failed for %%s days: %%s', %s::int, b.last_error), %s)
    from breaker b
    where b.destination = d.destination and b.failures > 0 and d.state = 'waiting'
        and d.give_up_from <= now() - %s * interval '1 second'
"""
_DUE = """
    select distinct d.destination from delivery d left join breaker b on b.destination = d.destination
    where d.state = 'waiting' and d.next_try <= now() and (b.open_until is null or b.open_until <= now())
        and not is_in_doubt(d.study_uid, d.destination)
"""


@dataclass(frozen=True, slots=True)
class Claims:
    """The deliveries that are due, for those who send them."""

    pool: ConnectionPool
    patience: Patience

    def claim(self, turn: Turn, most: int) -> list[Claimed]:
        """The most urgent, up to so many; one alone where it failed before."""
        values = {"name": turn.destination, "token": turn.token, "most": most}
        with mapped_errors(), self.pool.connection() as connection:
            rows = sorted(connection.execute(_CLAIM, values).fetchall())
        return [Claimed(*row[1:]) for row in rows]

    def wanted(self, claimed: Sequence[Claimed], *, with_taken: bool) -> list[Wanted]:
        """What their destination has not taken yet; or all of it, taken or not."""
        with mapped_errors(), self.pool.connection() as connection:
            statement = _WANTED if with_taken else _MISSING
            rows = connection.execute(statement, ([each.id for each in claimed],)).fetchall()
        return [Wanted(*row) for row in rows]

    def has_taken_any(self, claimed: Claimed) -> bool:
        """Whether its destination took anything of it."""
        with mapped_errors(), self.pool.connection() as connection:
            found = connection.execute(
                "select 1 from forwarded where delivery_id = %s limit 1", (claimed.id,)
            ).fetchone()
        return found is not None

    def note(self, taken: Sequence[Wanted]) -> None:
        """The destination answers for these: durable when this returns."""
        columns = [
            [each.delivery_id for each in taken],
            [each.instance_id for each in taken],
            [each.object_id for each in taken],
        ]
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_NOTE, columns)

    def take_back(self, lacking: Sequence[Wanted]) -> None:
        """The destination lacks these after all."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "delete from forwarded f using unnest(%s::bigint[], %s::bigint[]) gone(delivery, instance)"
                " where f.delivery_id = gone.delivery and f.instance_id = gone.instance",
                ([each.delivery_id for each in lacking], [each.instance_id for each in lacking]),
            )

    def done(self, turn: Turn, claimed: Sequence[Claimed]) -> None:
        """Nothing of them was missing. What was ordered again meanwhile waits for another look."""
        values = ([each.id for each in claimed], [each.orders for each in claimed], turn.token)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_DONE, values)

    def failed(self, turn: Turn, claimed: Claimed, why: str, luck: float) -> bool:
        """Through its own fault: it waits for its next try, or for a person; whether the latter."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute("select now()").fetchone()
            assert row is not None
            return self._failed(connection, claimed, turn.token, row[0], why, luck)

    def wait(self, turn: Turn, claimed: Sequence[Claimed], why: str) -> None:
        """Through their destination's fault: they wait until its breaker lets them try again."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update delivery set state = 'waiting', claim = null, last_error = %s"
                " where id = any(%s) and claim = %s",
                (why[:SAID_LIMIT], [each.id for each in claimed], turn.token),
            )

    def release(self, turn: Turn) -> None:
        """Whatever is claimed and was not ended waits again, as if it had not been claimed."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update delivery set state = 'waiting', claim = null where claim = %s and state = 'sending'",
                (turn.token,),
            )

    def recover(self, luck: float) -> int:
        """What was claimed by those who died waits again; how many. It counts as a try."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_ABANDONED).fetchall()
            for *of_claimed, claim, now in rows:
                why = "whoever sent it ended before it was done"
                self._failed(connection, Claimed(*of_claimed), claim, now, why, luck)
        return len(rows)

    def give_up_unreachable(self) -> int:
        """What has waited too long for a destination that fails is left to a person; how many."""
        days = max(1, round(self.patience.unreachable_s / 86400))
        with mapped_errors(), self.pool.connection() as connection:
            return connection.execute(_GIVE_UP, (days, SAID_LIMIT, self.patience.unreachable_s)).rowcount

    def due(self) -> list[str]:
        """The destinations that something waits for, and whose breakers let it through."""
        with mapped_errors(), self.pool.connection() as connection:
            return [name for (name,) in connection.execute(_DUE)]

    def is_due(self, destination: str) -> bool:
        """Whether that one is among them."""
        with mapped_errors(), self.pool.connection() as connection:
            return connection.execute(f"{_DUE} and d.destination = %s", (destination,)).fetchone() is not None

    def _failed(
        self, connection: Connection, claimed: Claimed, claim: UUID, now: datetime, why: str, luck: float
    ) -> bool:
        tries = claimed.tries + 1
        verdict = after_failure(tries, now, self.patience, luck)
        is_dead = isinstance(verdict, GiveUp)
        state = "dead" if is_dead else "waiting"
        said = f"{verdict.because}: {why}" if isinstance(verdict, GiveUp) else why
        at = None if isinstance(verdict, GiveUp) else verdict.at
        values = (state, tries, at, said[:SAID_LIMIT], state, claimed.id, claim)
        connection.execute(_FAILED, values)
        return is_dead
