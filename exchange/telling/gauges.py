"""How the telling stands, as numbers for /metrics."""

from dataclasses import dataclass, field

from psycopg_pool import ConnectionPool

from exchange.telling import metrics
from storage.driver_errors import mapped_errors

_COUNTS = """
    select subscriber, state, count(*), extract(epoch from now() - min(since))::float8
    from telling where state in ('waiting', 'dead') group by subscriber, state
"""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Tellings by subscriber and state."""

    pool: ConnectionPool
    _shown: set[tuple[str, str]] = field(default_factory=set)  # what falls to nothing is shown as nothing

    def show(self) -> None:
        """As the rows say now."""
        with mapped_errors(), self.pool.connection() as connection:
            counts = connection.execute(_COUNTS).fetchall()
            breakers = connection.execute(
                "select name, coalesce(open_until > now(), false) from subscriber"
            ).fetchall()
            outbox = connection.execute("select count(*) from outbox").fetchone()
        now = {(name, state): (count, oldest_s) for name, state, count, oldest_s in counts}
        self._shown.update(now)
        for name, state in self._shown:
            count, oldest_s = now.get((name, state), (0, 0.0))
            metrics.TELLINGS.labels(name, state).set(count)
            if state == "waiting":
                metrics.OLDEST.labels(name).set(max(0.0, oldest_s))
        for name, is_open in breakers:
            metrics.OPEN.labels(name).set(is_open)
        if outbox is not None:
            metrics.OUTBOX.set(outbox[0])
