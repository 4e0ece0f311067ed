"""Access tokens: how a program shows who it is.

A token is shown once, when it is made; we keep its SHA-256. It carries a role, a trust and an expiry; one
that a person made for themselves may what that person may, for as long as they may.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from exchange.believed import Believed
from exchange.policy import Actor, ActorKind, Role
from storage.driver_errors import mapped_errors
from storage.errors import BadInput

_FIND = """
    select a.name, coalesce(o.role, a.role), coalesce(o.trust, a.trust), coalesce(t.issuer, ''), a.expires_at
    from access_token a
    left join account o on o.id = a.account
    left join trust t on t.ods_code = coalesce(o.trust, a.trust)
    where a.digest = %s and a.revoked_at is null and a.expires_at > now() and o.disabled_at is null
"""


class NameTaken(BadInput):
    """Another token has this name."""


@dataclass(frozen=True, slots=True)
class Token:
    """What may be known of a token."""

    name: str
    role: Role
    trust: str  # ODS code; "" for none
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def create(conninfo: str, name: str, role: Role, trust: str, expires_at: datetime) -> str:
    """A new token, shown this once. Raises NameTaken."""
    text = new_token()
    with _connected(conninfo) as connection:
        try:
            connection.execute(
                "insert into access_token (name, role, trust, digest, expires_at)"
                " values (%s, %s, %s, %s, %s)",
                (name, role.value, trust, digest_of(text), expires_at),
            )
        except psycopg.errors.UniqueViolation as error:
            raise NameTaken(f"there is a token named {name} already: choose another name") from error
    return text


def revoke(conninfo: str, name: str) -> bool:
    """From now on it opens nothing. False when there was none to revoke."""
    with _connected(conninfo) as connection:
        revoked = connection.execute(
            "update access_token set revoked_at = now() where name = %s and revoked_at is null", (name,)
        )
        return revoked.rowcount > 0


def tokens(conninfo: str) -> list[Token]:
    """Every token ever made, the newest first."""
    with _connected(conninfo) as connection:
        rows = connection.execute(
            "select name, role, trust, created_at, expires_at, revoked_at from access_token order by id desc"
        ).fetchall()
    return [Token(name, Role(role), *rest) for name, role, *rest in rows]


def holder(conninfo: str, token: str) -> Actor | None:
    """Who a valid token stands for, asked of the database now; None for one that opens nothing. Blocking."""
    with _connected(conninfo) as connection:
        row = connection.execute(_FIND, (digest_of(token),)).fetchone()
    return None if row is None else _actor(row)[0]


@contextmanager
def _connected(conninfo: str) -> Iterator[psycopg.Connection]:
    with mapped_errors(), psycopg.connect(conninfo) as connection:
        yield connection


def new_token() -> str:
    """256 bits; it says whose kind it is, for those who look for secrets that were left lying about."""
    return f"imx_{secrets.token_urlsafe(32)}"


def digest_of(text: str) -> bytes:
    """What is kept of one."""
    return hashlib.sha256(text.encode()).digest()


class TokenHolders:
    """Who holds a token, without blocking. What was found is believed for a few seconds."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._believed: Believed[tuple[Actor, datetime] | None] = Believed()

    async def holder(self, token: str) -> Actor | None:
        """Who a valid token stands for; None for one that is unknown, expired or revoked."""
        digest = digest_of(token)
        known = await self._believed.find(digest, lambda: self._find(digest))
        if known is None:
            return None
        actor, expires_at = known
        return actor if expires_at > datetime.now(UTC) else None

    def forget(self) -> None:
        """One was revoked here: believe nothing of before."""
        self._believed.forget_all()

    async def _find(self, digest: bytes) -> tuple[Actor, datetime] | None:
        with mapped_errors():
            async with self._pool.connection() as connection:
                row = await (await connection.execute(_FIND, (digest,))).fetchone()
        return None if row is None else _actor(row)


def _actor(row: tuple[Any, ...]) -> tuple[Actor, datetime]:
    name, role, trust, issuer, expires_at = row
    return Actor(ActorKind.ACCOUNT, name, trust, Role(role), issuer=issuer), expires_at
