"""Programs that show a JWT of the provider's (RFC 6750, RFC 9068)."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from psycopg_pool import AsyncConnectionPool

from exchange.believed import Believed
from exchange.policy import Actor, ActorKind
from storage.driver_errors import mapped_errors
from viewer_api.oidc.claims import BadToken, claims_of, header_of, of_access, person_of
from viewer_api.oidc.provider import Provider

_FIND = """
    select coalesce((select issuer from trust where ods_code = %s), ''),
        exists (select from account where issuer = %s and subject = %s and disabled_at is not null)
"""


@dataclass(frozen=True, slots=True)
class Bearers:
    """Who holds such a token. What was found is believed for a few seconds, and never past its expiry."""

    provider: Provider
    pool: AsyncConnectionPool
    _believed: Believed[tuple[Actor, float]] = field(default_factory=Believed)

    async def holder(self, token: str) -> Actor:
        """Raises BadToken, and ProviderUnavailable where we know too little to say."""
        digest = hashlib.sha256(token.encode()).digest()
        actor, expires_at = await self._believed.find(digest, lambda: self._find(token))
        if expires_at <= datetime.now(UTC).timestamp():
            raise BadToken("the token has expired")
        return actor

    async def _find(self, token: str) -> tuple[Actor, float]:
        settings = self.provider.settings
        key = await self.provider.key(header_of(token))
        claims = of_access(claims_of(token, key, settings, settings.audience, datetime.now(UTC)))
        person = person_of(claims, settings)
        with mapped_errors():
            async with self.pool.connection() as connection:
                values = (person.trust, settings.issuer, person.subject)
                row = await (await connection.execute(_FIND, values)).fetchone()
        issuer, is_disabled = row or ("", True)
        if is_disabled:
            raise BadToken("the account is disabled")
        actor = Actor(ActorKind.ACCOUNT, person.name, person.trust, person.role, issuer=issuer)
        return actor, float(claims["exp"])


def is_jwt(token: str) -> bool:
    """Whether it may be one: tokens of ours hold no dots."""
    return token.count(".") == 2
