"""The circuit breakers of destinations, which all processes share."""

from dataclasses import dataclass
from datetime import datetime

from psycopg_pool import ConnectionPool

from dicom_router.deliveries.claims import SAID_LIMIT
from exchange.backoff import Breaker, Patience
from storage.driver_errors import mapped_errors


@dataclass(frozen=True, slots=True)
class Breakers:
    """The circuit breakers of destinations."""

    pool: ConnectionPool
    patience: Patience

    def of(self, destination: str) -> tuple[Breaker, datetime]:
        """Its breaker, and the database's time, by which all processes go."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select b.failures, b.open_until, now() from (values (%s)) asked(name)"
                " left join breaker b on b.destination = asked.name",
                (destination,),
            ).fetchone()
        assert row is not None
        return Breaker(row[0] or 0, row[1]), row[2]

    def failed(self, destination: str, why: str, luck: float) -> None:
        """One more failure in a row."""
        breaker, now = self.of(destination)
        after = breaker.failed(now, self.patience, luck)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "insert into breaker (destination, failures, open_until, last_error, failed_at)"
                " values (%s, %s, %s, %s, %s) on conflict (destination) do update set"
                " failures = excluded.failures, open_until = excluded.open_until,"
                " last_error = excluded.last_error, failed_at = excluded.failed_at",
                (destination, after.failures, after.open_until, why[:SAID_LIMIT], now),
            )

    def works(self, destination: str) -> None:
        """It took something: closed."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update breaker set failures = 0, open_until = null where destination = %s and failures > 0",
                (destination,),
            )
