"""What is sent where, as people see it: every delivery, why it waits or failed, and what they may do."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString

from psycopg_pool import ConnectionPool

from exchange.custody import OF_TRUST
from exchange.decisions import Choice, Decided, decisions
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


class State(Enum):
    """How far a delivery is."""

    WAITING = "waiting"  # for its turn, or for its next try
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"  # no more tries until a person says so
    CANCELLED = "cancelled"  # by a person


class Priority(Enum):
    """How urgent, as DIMSE names it (PS3.7 §9.1.1.1.4)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, as it stands."""

    id: int
    destination: str
    study_uid: str
    round: int
    state: State
    priority: Priority
    because: str  # the rule or person that wants it
    transfer_syntax: str | None
    tries: int
    next_try: datetime | None  # where it waits
    last_error: str | None
    ordered_at: datetime
    ended_at: datetime | None
    taken: int  # instances that the destination answered for
    missing: int  # instances of the study that it did not

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "state": self.state.value,
            "priority": self.priority.value,
        }


_ROWS = """
    select d.id, d.destination, d.study_uid, d.round, d.state, d.priority::text, d.because,
        d.transfer_syntax, d.tries, case d.state when 'waiting' then d.next_try end,
        case when d.state = 'waiting' and is_in_doubt(d.study_uid, d.destination)
            then 'a person decides: its study is contested or inconsistent (imx rules release)'
            else d.last_error end,
        d.ordered_at, d.ended_at,
        (select count(*) from forwarded f where f.delivery_id = d.id),
        case d.state when 'delivered' then 0 else
            (select count(*) from study s join series r on r.study_id = s.id
                join instance n on n.series_id = r.id and not n.hidden
                where s.uid = d.study_uid and not exists (select from forwarded f where f.delivery_id = d.id
                    and f.instance_id = n.id and f.object_id = n.object_id)) end
    from delivery d
"""
_OF_TRUST: LiteralString = f"exists (select from (select d.study_uid as uid) s where {OF_TRUST})"

REPLAY = Choice(
    decision="replay",
    table="delivery",
    whom="destination",
    states=(State.DEAD, State.CANCELLED, State.WAITING),
    change="state = 'waiting', tries = 0, next_try = now(), give_up_from = now(), ended_at = null",
)
CANCEL = Choice(
    decision="cancel",
    table="delivery",
    whom="destination",
    states=(State.WAITING, State.DEAD),
    change="state = 'cancelled', ended_at = now()",
)


@dataclass(frozen=True, slots=True)
class DeliveryDesk:
    """The deliveries, for those who operate the service. Raises IndexUnavailable."""

    pool: ConnectionPool

    def deliveries(
        self,
        states: Collection[State] = (State.WAITING, State.SENDING, State.DEAD),
        destination: str | None = None,
        study_uid: str | None = None,
        limit: int = 100,
        trust: str | None = None,
    ) -> list[Delivery]:
        """Those in these states, dead ones and the most urgent first; of one trust's studies, or of all."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                f"{_ROWS} where d.state = any(%s) and (%s::text is null or d.destination = %s)"
                f" and (%s::text is null or d.study_uid = %s) and {_OF_TRUST}"
                " order by d.state = 'dead' desc, d.priority, d.next_try, d.id limit %s",
                (
                    [state.value for state in states],
                    *(destination, destination, study_uid, study_uid, trust, trust, limit),
                ),
            ).fetchall()
        return [_delivery(row) for row in rows]

    def delivery(self, number: int, trust: str | None = None) -> tuple[Delivery, list[Decided]]:
        """One, and what people decided about it. Raises NotHeld, for another trust's too."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                f"{_ROWS} where d.id = %s and {_OF_TRUST}", (number, trust, trust)
            ).fetchone()
            decided = decisions(connection, "delivery", number)
        if row is None:
            raise NotHeld(f"delivery {number}")
        return _delivery(row), decided

    def replay(self, number: int, by: str) -> str:
        """Try again now, with all its tries; the destination's name. What it has taken is not sent again.

        Raises NotHeld, and NotTheirs where it is delivered or on its way.
        """
        return REPLAY.make(self.pool, number, by)

    def cancel(self, number: int, by: str) -> str:
        """Try no more; the destination's name. Raises NotHeld and NotTheirs."""
        return CANCEL.make(self.pool, number, by)


def _delivery(row: tuple[Any, ...]) -> Delivery:
    number, destination, study, round_, state, priority, *rest = row
    return Delivery(number, destination, study, round_, State(state), Priority(priority), *rest)
