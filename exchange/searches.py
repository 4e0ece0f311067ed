"""What somebody looks for, kept for a while under a key: so that no address holds a patient's name.

The key says nothing to whoever reads it in a log or a browser's history, and counts for its maker alone.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from exchange.policy import Actor
from storage.driver_errors import mapped_errors

#: A shift, and time to go home.
KEPT_FOR = "12 hours"

_KEEP = (
    f"with gone as (delete from kept_search where kept_at < now() - interval '{KEPT_FOR}')"
    " insert into kept_search (key, actor_kind, actor, trust, criteria) values (%s, %s, %s, %s, %s)"
)
_READ = (
    "select criteria from kept_search where key = %s and actor_kind = %s and actor = %s and trust = %s"
    f" and kept_at >= now() - interval '{KEPT_FOR}'"
)


@dataclass(frozen=True, slots=True)
class KeptSearches:
    """Searches of everybody."""

    pool: AsyncConnectionPool

    async def keep(self, actor: Actor, criteria: Mapping[str, str]) -> str:
        """The key under which it is kept. Raises IndexUnavailable."""
        key = secrets.token_urlsafe(16)
        values = (key, actor.kind.value, actor.name, actor.trust, Jsonb(dict(criteria)))
        with mapped_errors():
            async with self.pool.connection() as connection:
                await connection.execute(_KEEP, values)
        return key

    async def read(self, actor: Actor, key: str) -> Mapping[str, str] | None:
        """What that actor kept; None where there is nothing any more. Raises IndexUnavailable."""
        values = (key, actor.kind.value, actor.name, actor.trust)
        with mapped_errors():
            async with self.pool.connection() as connection:
                row = await (await connection.execute(_READ, values)).fetchone()
        return dict(row[0]) if row else None
