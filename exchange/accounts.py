"""Who may sign in: accounts of a site's own, and those for whom a region's identity provider vouches."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from psycopg import Connection, Cursor, errors
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from exchange import passwords, second_factor
from exchange.policy import Role
from storage.driver_errors import mapped_errors
from storage.errors import BadInput, NotHeld

#: A local account has no "@" in its name; one of a provider has. So none is taken for another.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")

#: A password that somebody else set is good for so long.
FIRST_PASSWORD_DAYS = 7


class Did(Enum):
    """What was done to an account."""

    CREATED = "created"
    CHANGED = "role or trust changed"
    DISABLED = "disabled"
    ENABLED = "enabled"
    PASSWORD_RESET = "password reset"  # noqa: S105 -- by an administrator
    PASSWORD_CHANGED = "password changed"  # noqa: S105 -- by its owner
    SECOND_FACTOR_SET = "second factor set"
    SECOND_FACTOR_REMOVED = "second factor removed"
    RECOVERY_USED = "recovery code used"
    RECOVERY_MADE = "recovery codes made"
    SESSION_ENDED = "a session ended"
    SESSIONS_ENDED = "signed out everywhere"
    TOKEN_MADE = "token made"  # noqa: S105
    TOKEN_REVOKED = "token revoked"  # noqa: S105


class UnknownAccount(NotHeld):
    """There is no account of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an account {name}")


class AccountExists(BadInput):
    """Another account has this name."""


@dataclass(frozen=True, slots=True)
class Account:
    """One, and what it signs in with. Its secrets are for the functions here alone."""

    id: int
    name: str
    issuer: str  # OIDC issuer; "" for a local account
    role: str
    trust: str
    password_hash: str | None
    password_by: str
    password_at: datetime | None
    totp_secret: str | None
    totp_step: int | None
    recovery_left: int
    created_at: datetime
    signed_in_at: datetime | None
    disabled_at: datetime | None

    @property
    def is_local(self) -> bool:
        """Whether it signs in here, with a password."""
        return self.issuer == ""

    @property
    def has_second_factor(self) -> bool:
        return self.totp_secret is not None

    @property
    def has_first_password(self) -> bool:
        """Somebody else set the password: it opens the page that changes it, and no other."""
        return self.password_by != self.name

    def is_overdue(self, now: datetime) -> bool:
        """The first password was not used in time."""
        if not self.has_first_password or self.password_at is None:
            return False
        return now - self.password_at > timedelta(days=FIRST_PASSWORD_DAYS)


_ACCOUNT = """
    select id, name, issuer, role, trust, password_hash, password_by, password_at, totp_secret, totp_step,
        cardinality(recovery) as recovery_left, created_at, signed_in_at, disabled_at
    from account
"""
_ADD_VOUCHED = """
    insert into account (name, issuer, subject, role, trust) values (%s, %s, %s, %s, %s)
    on conflict do nothing returning id
"""
_NOTE = "insert into account_change (by, name, did) values (%s, %s, %s)"
_END_SESSIONS = """
    update session set ended_at = now()
    where ended_at is null and account = (select id from account where name = %s)
"""


def checked_name(name: str) -> str:
    """Raises BadInput."""
    folded = name.strip().lower()
    if not _NAME.fullmatch(folded):
        raise BadInput("an account's name is 2 to 64 letters, figures, dots, dashes and underscores")
    return folded


@dataclass(frozen=True, slots=True)
class PostgresAccounts:
    """The register of accounts. Every change is written down, with who made it."""

    pool: ConnectionPool

    def create(self, name: str, role: Role, trust: str, by: str) -> str:
        """A local account; its first password, shown this once. Raises AccountExists."""
        name, password = checked_name(name), passwords.first_password()
        with self._changing(name, Did.CREATED, by) as cursor:
            try:
                cursor.execute(
                    "insert into account (name, role, trust, password_hash, password_by, password_at)"
                    " values (%s, %s, %s, %s, %s, now())",
                    (name, role.value, trust, passwords.hashed(password), _somebody(by, name)),
                )
            except errors.UniqueViolation as error:
                raise AccountExists(f"there is an account {name} already: choose another name") from error
        return password

    def all(self) -> list[Account]:
        """By name."""
        with self._reading() as cursor:
            return cursor.execute(f"{_ACCOUNT} order by name").fetchall()

    def named(self, name: str) -> Account:
        """Raises UnknownAccount."""
        with self._reading() as cursor:
            found = cursor.execute(f"{_ACCOUNT} where name = %s", (name,)).fetchone()
        if found is None:
            raise UnknownAccount(name)
        return found

    def numbered(self, number: int) -> Account:
        """Raises UnknownAccount."""
        with self._reading() as cursor:
            found = cursor.execute(f"{_ACCOUNT} where id = %s", (number,)).fetchone()
        if found is None:
            raise UnknownAccount(str(number))
        return found

    def change(self, name: str, role: Role | None, trust: str | None, by: str) -> None:
        """Another role or trust; None leaves it. Raises UnknownAccount."""
        with self._changing(name, Did.CHANGED, by) as cursor:
            cursor.execute(
                "update account set role = coalesce(%s, role), trust = coalesce(%s, trust) where name = %s",
                (role.value if role else None, trust, name),
            )
            _there(cursor, name)

    def disable(self, name: str, by: str) -> None:
        """From now on it does not sign in, and what it holds opens nothing. Raises UnknownAccount."""
        with self._changing(name, Did.DISABLED, by) as cursor:
            cursor.execute("update account set disabled_at = now() where name = %s", (name,))
            _there(cursor, name)
            cursor.execute(_END_SESSIONS, (name,))

    def enable(self, name: str, by: str) -> None:
        """It signs in again, and its tokens are good again. Raises UnknownAccount."""
        with self._changing(name, Did.ENABLED, by) as cursor:
            cursor.execute("update account set disabled_at = null where name = %s", (name,))
            _there(cursor, name)

    def reset_password(self, name: str, by: str) -> str:
        """A new first password, shown this once; every session ends. Raises UnknownAccount, BadInput."""
        if not self.named(name).is_local:
            raise BadInput(f"{name} signs in at another place: its password is set there")
        password = passwords.first_password()
        with self._changing(name, Did.PASSWORD_RESET, by) as cursor:
            cursor.execute(
                "update account set password_hash = %s, password_by = %s, password_at = now()"
                " where name = %s",
                (passwords.hashed(password), _somebody(by, name), name),
            )
            cursor.execute(_END_SESSIONS, (name,))
        return password

    def remove_second_factor(self, name: str, by: str) -> None:
        """The account signs in by password alone again. Raises UnknownAccount."""
        with self._changing(name, Did.SECOND_FACTOR_REMOVED, by) as cursor:
            cursor.execute(
                "update account set totp_secret = null, totp_step = null, recovery = '{}' where name = %s",
                (name,),
            )
            _there(cursor, name)
            cursor.execute(_END_SESSIONS, (name,))

    def vouched(self, issuer: str, subject: str, names: Sequence[str], role: Role, trust: str) -> Account:
        """Somebody for whom a provider vouches, as what it says today. `names`: the first that is free."""
        with mapped_errors(), self.pool.connection() as connection:
            known = connection.execute(
                "update account set role = %s, trust = %s where issuer = %s and subject = %s returning id",
                (role.value, trust, issuer, subject),
            ).fetchone()
            for name in names if known is None else ():
                known = connection.execute(
                    _ADD_VOUCHED, (name, issuer, subject, role.value, trust)
                ).fetchone()
                if known is not None:
                    note(connection, name, Did.CREATED, issuer)
                    break
        if known is None:
            raise AccountExists("another account has the name of this person")
        return self.numbered(known[0])

    # By its owner ---------------------------------------------------------------------------------

    def change_password(self, account: Account, new: str) -> None:
        """Raises WeakPassword."""
        kept = passwords.checked(new, account.name)
        if passwords.matches(account.password_hash, new):
            raise passwords.WeakPassword("the new password is the old one")
        with self._changing(account.name, Did.PASSWORD_CHANGED, account.name) as cursor:
            cursor.execute(
                "update account set password_hash = %s, password_by = name, password_at = now()"
                " where id = %s and password_hash = %s",
                (passwords.hashed(kept), account.id, account.password_hash),
            )

    def set_second_factor(self, account: Account, secret: str, code: str, now: datetime) -> list[str] | None:
        """Recovery codes, shown this once; None where the code is not of that secret."""
        step = second_factor.step_of(secret, code, now, None)
        if step is None:
            return None
        codes = second_factor.new_recovery_codes()
        with self._changing(account.name, Did.SECOND_FACTOR_SET, account.name) as cursor:
            cursor.execute(
                "update account set totp_secret = %s, totp_step = %s, recovery = %s where id = %s",
                (secret, step, [second_factor.recovery_digest(each) for each in codes], account.id),
            )
            cursor.execute(_END_SESSIONS, (account.name,))
        return codes

    def renew_recovery_codes(self, account: Account) -> list[str]:
        """The old ones open nothing any more."""
        codes = second_factor.new_recovery_codes()
        with self._changing(account.name, Did.RECOVERY_MADE, account.name) as cursor:
            cursor.execute(
                "update account set recovery = %s where id = %s",
                ([second_factor.recovery_digest(each) for each in codes], account.id),
            )
        return codes

    def use_code(self, account: Account, code: str, now: datetime) -> bool:
        """Whether this code of the app, or recovery code, opens; it opens once."""
        if account.totp_secret is None:
            return False
        step = second_factor.step_of(account.totp_secret, code, now, account.totp_step)
        with mapped_errors(), self.pool.connection() as connection:
            if step is not None:
                used = connection.execute(
                    "update account set totp_step = %s where id = %s and totp_secret = %s"
                    " and (totp_step is null or totp_step < %s)",
                    (step, account.id, account.totp_secret, step),
                )
                return used.rowcount > 0
            digest = second_factor.recovery_digest(code)
            used = connection.execute(
                "update account set recovery = array_remove(recovery, %s)"
                " where id = %s and %s = any(recovery)",
                (digest, account.id, digest),
            )
            if used.rowcount:
                note(connection, account.name, Did.RECOVERY_USED, account.name)
            return used.rowcount > 0

    def rehash(self, account: Account, password: str) -> None:
        """The same password, with the parameters of today."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update account set password_hash = %s where id = %s and password_hash = %s",
                (passwords.hashed(password), account.id, account.password_hash),
            )

    def note(self, name: str, did: Did, by: str) -> None:
        """Write down what was done with an account elsewhere."""
        with mapped_errors(), self.pool.connection() as connection:
            note(connection, name, did, by)

    @contextmanager
    def _changing(self, name: str, did: Did, by: str) -> Iterator[Cursor]:
        with mapped_errors(), self.pool.connection() as connection:
            yield connection.cursor()
            note(connection, name, did, by)

    @contextmanager
    def _reading(self) -> Iterator[Cursor[Account]]:
        with mapped_errors(), self.pool.connection() as connection:
            yield connection.cursor(row_factory=class_row(Account))


def note(connection: Connection, name: str, did: Did, by: str) -> None:
    """Write down what was done to an account, in the transaction that does it."""
    connection.execute(_NOTE, (by, name, did.value))


def _there(cursor: Cursor, name: str) -> None:
    if cursor.rowcount == 0:
        raise UnknownAccount(name)


def _somebody(by: str, name: str) -> str:
    """Who set a first password: never the account itself, even where the names are the same."""
    return by if by != name else f"{by} at the command line"


def now() -> datetime:
    return datetime.now(UTC)
