"""Tokens that people make for programs of their own: each may what its owner may, for as long as they may."""

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg import errors
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from exchange.accounts import Account, Did, note
from exchange.tokens import NameTaken, digest_of, new_token
from storage.driver_errors import mapped_errors
from storage.errors import BadInput

LONGEST_DAYS = 365
_MOST = 20
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")


@dataclass(frozen=True, slots=True)
class OwnToken:
    """One, as its owner sees it."""

    id: int
    name: str
    created_at: datetime
    expires_at: datetime


_MINE = """
    select id, name, created_at, expires_at from access_token
    where account = %s and revoked_at is null and expires_at > now() order by id desc
"""


@dataclass(frozen=True, slots=True)
class OwnTokens:
    """Those of one person at a time. Blocking."""

    pool: ConnectionPool

    def of(self, account: int) -> list[OwnToken]:
        """Those that are good, the newest first."""
        with mapped_errors(), self.pool.connection() as connection:
            return connection.cursor(row_factory=class_row(OwnToken)).execute(_MINE, (account,)).fetchall()

    def make(self, account: Account, label: str, days: int) -> str:
        """A new token, shown this once. Raises BadInput, NameTaken."""
        if not account.is_local:
            raise BadInput("programs of people who sign in elsewhere show a token of that place")
        if not _LABEL.fullmatch(label):
            raise BadInput("a token's name is 1 to 40 letters, figures, spaces, dots and dashes")
        if not 1 <= days <= LONGEST_DAYS:
            raise BadInput(f"a token is good for 1 to {LONGEST_DAYS} days")
        text, name = new_token(), f"{account.name}/{label}"
        with mapped_errors(), self.pool.connection() as connection:
            held = len(connection.execute(_MINE, (account.id,)).fetchall())
            if held >= _MOST:
                raise BadInput(f"you have {held} tokens: revoke one first")
            try:
                connection.execute(
                    "insert into access_token (name, role, trust, digest, expires_at, account)"
                    " values (%s, %s, %s, %s, now() + %s * interval '1 day', %s)",
                    (name, account.role, account.trust, digest_of(text), days, account.id),
                )
            except errors.UniqueViolation as error:
                raise NameTaken("you have had a token of this name: choose another") from error
            note(connection, account.name, Did.TOKEN_MADE, account.name)
        return text

    def revoke(self, account: Account, number: int) -> None:
        """From now on it opens nothing."""
        with mapped_errors(), self.pool.connection() as connection:
            revoked = connection.execute(
                "update access_token set revoked_at = now()"
                " where id = %s and account = %s and revoked_at is null",
                (number, account.id),
            )
            if revoked.rowcount:
                note(connection, account.name, Did.TOKEN_REVOKED, account.name)
