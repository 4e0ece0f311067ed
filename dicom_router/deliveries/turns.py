"""Turns at a destination: how many send to it at one time, over all processes.

A turn is a row that its holder renews. A holder that dies renews nothing: its turn ends soon after, and what
it had claimed waits again. No connection is held for it, and nobody waits for a lock.
"""

from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID, uuid4

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors

#: A turn that was not renewed for so long is over.
TURN_S = 30
#: To be renewed this often: two renewals may fail.
RENEW_EVERY_S = 10.0

_TAKE = """
    with free as (
        select place from generate_series(1, %(most)s) place where not exists
            (select from turn t where t.destination = %(name)s and t.number = place and t.until > now())
        order by place limit 1
    )
    insert into turn (destination, number, token, until)
        select %(name)s, place, %(token)s, now() + %(lasting)s * interval '1 second' from free
    on conflict (destination, number) do update set token = excluded.token, until = excluded.until
        where turn.until <= now()
    returning number
"""
_RENEW = (
    "update turn set until = now() + %s * interval '1 second'"
    " where token = any(%s) and until > now() returning token"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send to a destination, one of as many as it takes associations."""

    destination: str
    number: int  # from one
    token: UUID


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one process. Threads may share it."""

    pool: ConnectionPool
    _held: dict[UUID, Turn] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, destination: str, most: int) -> Turn | None:
        """A turn, where fewer than `most` are taken."""
        token = uuid4()
        values = {"name": destination, "most": most, "token": token, "lasting": TURN_S}
        for _ in range(most):  # another may take the same number at the same time
            with mapped_errors(), self.pool.connection() as connection:
                row = connection.execute(_TAKE, values).fetchone()
                taken = connection.execute(
                    "select count(*) from turn where destination = %s and until > now()", (destination,)
                ).fetchone()
            if row is not None:
                turn = Turn(destination, row[0], token)
                with self._lock:
                    self._held[token] = turn
                return turn
            if taken is not None and taken[0] >= most:
                return None
        return None

    def give_back(self, turn: Turn) -> None:
        """It is free for others at once."""
        with self._lock:
            self._held.pop(turn.token, None)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("delete from turn where token = %s", (turn.token,))

    def is_ours(self, turn: Turn) -> bool:
        """Whether it was still ours when it was last renewed."""
        with self._lock:
            return turn.token in self._held

    def renew(self) -> None:
        """All that are held. One that ended meanwhile is not ours any more."""
        with self._lock:
            tokens = list(self._held)
        if not tokens:
            return
        with mapped_errors(), self.pool.connection() as connection:
            kept = {token for (token,) in connection.execute(_RENEW, (TURN_S, tokens))}
        with self._lock:
            for token in set(tokens) - kept:
                self._held.pop(token, None)
