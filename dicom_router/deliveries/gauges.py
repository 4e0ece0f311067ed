"""How deliveries stand, as numbers for /metrics."""

from dataclasses import dataclass, field

from psycopg_pool import ConnectionPool

from dicom_router.metrics import DELIVERIES, OLDEST, OPEN
from storage.driver_errors import mapped_errors

_COUNTS = """
    select destination, state, count(*), extract(epoch from now() - min(ordered_at))::float8
    from delivery where state in ('waiting', 'sending', 'dead') group by destination, state
"""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Deliveries by destination and state. What was delivered is counted as it happens."""

    pool: ConnectionPool
    _shown: set[tuple[str, str]] = field(default_factory=set)  # what falls to nothing is shown as nothing

    def show(self) -> None:
        """As the rows say now."""
        with mapped_errors(), self.pool.connection() as connection:
            counts = connection.execute(_COUNTS).fetchall()
            breakers = connection.execute(
                "select destination, coalesce(open_until > now(), false) from breaker"
            ).fetchall()
        now = {(name, state): (count, oldest_s) for name, state, count, oldest_s in counts}
        self._shown.update(now)
        for name, state in self._shown:
            count, oldest_s = now.get((name, state), (0, 0.0))
            DELIVERIES.labels(name, state).set(count)
            if state == "waiting":
                OLDEST.labels(name).set(oldest_s)
        for name, is_open in breakers:
            OPEN.labels(name).set(is_open)
