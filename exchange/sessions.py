"""Sessions: a browser's cookie stands for the person who signed in with it, for a time.

The cookie is 256 random bits; we keep its SHA-256. A session ends when it was not used for a while, when it
is too old, when its owner signs out, and when the account is disabled.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from exchange.believed import Believed
from exchange.policy import Actor, ActorKind, Role
from storage.driver_errors import mapped_errors

#: Of an account, sessions and browsers beyond so many go, the oldest first.
_MOST = 20
_BROWSER_DAYS = 180
_SHOWN = 200  # characters of a User-Agent

#: A session that only waits for its second step lives no longer.
STEP_S = 900


class Stage(Enum):
    """How far somebody has come in signing in. Only the last opens anything but the next step."""

    CODE = "second factor"  # the password was right; the code is to come
    PASSWORD = "new password"  # noqa: S105 -- it was somebody else's choice, and must be changed
    ENROL = "enrol"  # this site wants a second factor of everybody
    DONE = "done"


@dataclass(frozen=True)
class Lasting:
    """How long a session lasts."""

    idle_s: float = 3600.0  # without a request
    longest_s: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a session, and how far they have come."""

    session: int
    account: int
    actor: Actor
    stage: Stage


@dataclass(frozen=True, slots=True)
class Session:
    """One, as its owner sees it."""

    id: int
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime


_BEGIN = """
    insert into session (digest, account, stage, address, browser, ends_at)
    values (%s, %s, %s, %s, %s, now() + %s * interval '1 s')
"""
_END_OLDEST = """
    update session set ended_at = now() where id in (
        select id from session where account = %s and ended_at is null order by seen_at desc offset %s)
"""
_SWEEP = """
    delete from session where coalesce(ended_at, ends_at) < now() - interval '30 days'
"""
_FIND = """
    select s.id, s.account, a.name, a.role, a.trust, coalesce(t.issuer, ''), s.stage,
        s.seen_at < now() - interval '1 min'
    from session s
    join account a on a.id = s.account
    left join trust t on t.ods_code = a.trust
    where s.digest = %s and s.ended_at is null and s.ends_at > now() and a.disabled_at is null
        and s.seen_at > now() - %s * interval '1 s'
"""
_MINE = """
    select id, address, browser, created_at, seen_at from session
    where account = %s and ended_at is null and ends_at > now() and seen_at > now() - %s * interval '1 s'
        and stage = 'done'
    order by seen_at desc
"""
_KNOW = """
    insert into known_browser (digest, account) values (%s, %s)
    on conflict (digest, account) do update set seen_at = now()
"""
_FORGET_BROWSERS = """
    delete from known_browser where account = %s and (seen_at < now() - %s * interval '1 day' or digest in (
        select digest from known_browser where account = %s order by seen_at desc offset %s))
"""


def digest_of(cookie: str) -> bytes:
    """What is kept of a cookie."""
    return hashlib.sha256(cookie.encode()).digest()


def new_cookie() -> str:
    """256 bits."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class PostgresSessions:
    """Begins and ends sessions. Blocking."""

    pool: ConnectionPool
    lasting: Lasting

    def begin(self, account: int, stage: Stage, address: str, browser: str, before: str | None) -> str:
        """A new session; its cookie. What the browser held `before` opens nothing any more."""
        cookie = new_cookie()
        lasts_s = self.lasting.longest_s if stage is Stage.DONE else STEP_S
        values = (digest_of(cookie), account, stage.value, address, browser[:_SHOWN], lasts_s)
        with mapped_errors(), self.pool.connection() as connection:
            if before is not None:
                connection.execute(
                    "update session set ended_at = now() where digest = %s and ended_at is null",
                    (digest_of(before),),
                )
            connection.execute(_BEGIN, values)
            connection.execute(_END_OLDEST, (account, _MOST))
            connection.execute(_SWEEP)
            if stage is Stage.DONE:
                connection.execute("update account set signed_in_at = now() where id = %s", (account,))
        return cookie

    def end(self, cookie: str) -> None:
        """Sign out."""
        self._end("digest = %s", digest_of(cookie))

    def end_one(self, account: int, number: int) -> None:
        """Another of the same account."""
        self._end("account = %s and id = %s", account, number)

    def end_all(self, account: int, but: int | None = None) -> None:
        """Sign out everywhere; `but` one stays."""
        self._end("account = %s and id is distinct from %s", account, but)

    def of(self, account: int) -> list[Session]:
        """Those that are good, the last used first."""
        with mapped_errors(), self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Session))
            return cursor.execute(_MINE, (account, self.lasting.idle_s)).fetchall()

    def know_browser(self, cookie: str, account: int) -> None:
        """Somebody has signed in there, all the way."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_KNOW, (digest_of(cookie), account))
            connection.execute(_FORGET_BROWSERS, (account, _BROWSER_DAYS, account, _MOST))

    def knows_browser(self, cookie: str, account: int) -> bool:
        """Whether that account has signed in there."""
        with mapped_errors(), self.pool.connection() as connection:
            found = connection.execute(
                "select from known_browser where digest = %s and account = %s"
                " and seen_at > now() - %s * interval '1 day'",
                (digest_of(cookie), account, _BROWSER_DAYS),
            ).fetchone()
        return found is not None

    def _end(self, condition: str, *values: object) -> None:
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                f"update session set ended_at = now() where ended_at is null and {condition}", values
            )


class SessionHolders:
    """Who holds a session, without blocking. What was found is believed for a few seconds."""

    def __init__(self, pool: AsyncConnectionPool, lasting: Lasting) -> None:
        self._pool = pool
        self._lasting = lasting
        self._believed: Believed[Holder | None] = Believed()

    async def holder(self, cookie: str) -> Holder | None:
        """Who a session stands for; None for one that is unknown or has ended."""
        digest = digest_of(cookie)
        return await self._believed.find(digest, lambda: self._find(digest))

    def forget(self) -> None:
        """Something was changed here: believe nothing of before."""
        self._believed.forget_all()

    async def _find(self, digest: bytes) -> Holder | None:
        with mapped_errors():
            async with self._pool.connection() as connection:
                return await self._found(connection, digest)

    async def _found(self, connection: AsyncConnection[Any], digest: bytes) -> Holder | None:
        row = await (await connection.execute(_FIND, (digest, self._lasting.idle_s))).fetchone()
        if row is None:
            return None
        session, account, name, role, trust, issuer, stage, is_stale = row
        if is_stale:
            await connection.execute("update session set seen_at = now() where id = %s", (session,))
        actor = Actor(ActorKind.ACCOUNT, name, trust, Role(role), issuer=issuer)
        return Holder(session, account, actor, Stage(stage))
