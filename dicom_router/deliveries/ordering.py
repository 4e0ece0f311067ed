"""Ordering: that a study is to be sent somewhere, kept as a row before anything else happens."""

from dataclasses import dataclass

from psycopg_pool import ConnectionPool

from dicom_router.deliveries.waking import wake
from exchange.deliveries import Priority
from storage.driver_errors import mapped_errors

# What was delivered may have grown: it waits again, and only what is missing goes. What a person cancelled,
# and what they are to look at, stays as it is.
_ORDER = """
    insert into delivery as d (destination, study_uid, round, priority, because, transfer_syntax)
    values (%s, %s, %s, %s::text::delivery_priority, %s, %s)
    on conflict (destination, study_uid, round) do update set
        orders = d.orders + 1,
        priority = least(d.priority, excluded.priority),
        because = excluded.because,
        transfer_syntax = excluded.transfer_syntax,
        ordered_at = now(),
        state = case d.state when 'delivered' then 'waiting' else d.state end,
        tries = case d.state when 'delivered' then 0 else d.tries end,
        next_try = case d.state when 'delivered' then now() else d.next_try end,
        give_up_from = case d.state when 'delivered' then now() else d.give_up_from end,
        ended_at = case d.state when 'delivered' then null else d.ended_at end
    returning id, state = 'waiting' and next_try <= now()
"""
_UNSERVED = "select 1 where not exists (select from turn where destination = %s and until > now())"


@dataclass(frozen=True, slots=True)
class PostgresDeliveries:
    """The deliveries that are ordered. Every verb raises IndexUnavailable."""

    pool: ConnectionPool

    def order(
        self,
        study_uid: str,
        destination: str,
        *,
        priority: Priority = Priority.MEDIUM,
        because: str,
        round: int = 1,
        transfer_syntax: str | None = None,
    ) -> int:
        """Have a study sent to a destination; the delivery's number. Ordered again, it is the same one.

        Order again whenever the study has grown: exactly what the destination lacks will go. `because` is
        shown to people. Another `round` sends all of it once more.
        """
        with mapped_errors(), self.pool.connection() as connection:
            values = (destination, study_uid, round, priority.value, because, transfer_syntax)
            row = connection.execute(_ORDER, values).fetchone()
            assert row is not None
            number, is_due = row
            connection.commit()
            # Who is at work for it looks once more after it has ended: either it sees this row, or we see
            # that it has ended.
            if is_due and connection.execute(_UNSERVED, (destination,)).fetchone():
                wake(connection, destination)
        return int(number)
