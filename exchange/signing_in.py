"""Signing in with a password and, where the account has one, a second factor: step by step."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from exchange import passwords
from exchange.accounts import Account, PostgresAccounts, UnknownAccount, checked_name, now
from exchange.sessions import PostgresSessions, Stage
from exchange.throttle import Throttle, known_browsers, second_factors, strangers
from storage.errors import BadInput


class Refused(Enum):
    """Why somebody did not come in. The page says less than this; the audit says all of it."""

    UNKNOWN = "no account of that name"
    PASSWORD = "wrong password"  # noqa: S105
    CODE = "wrong or used code"
    DISABLED = "the account is disabled"
    OVERDUE = "the first password was not used in time"
    WAIT = "too many attempts"


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody came one step further."""

    account: Account
    stage: Stage


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody did not."""

    because: Refused
    account: Account | None = None  # where there is one
    wait_s: float = 0.0


def stage_after(account: Account, is_second_factor_shown: bool, is_second_factor_wanted: bool) -> Stage:
    """What is still to be done once the password, and perhaps the second factor, were right."""
    if account.has_second_factor and not is_second_factor_shown:
        return Stage.CODE
    if account.is_local and account.has_first_password:
        return Stage.PASSWORD
    if account.is_local and is_second_factor_wanted and not account.has_second_factor:
        return Stage.ENROL
    return Stage.DONE


@dataclass(frozen=True, slots=True)
class SigningIn:
    """Blocking: it asks the database and hashes passwords."""

    accounts: PostgresAccounts
    sessions: PostgresSessions
    throttle: Throttle
    is_second_factor_wanted: bool

    def by_password(self, name: str, password: str, address: str, browser: str | None) -> Passed | Stopped:
        """`browser` is the cookie of one in which somebody has signed in before."""
        name = name.strip().lower()
        account = self._named(name)
        buckets = strangers(name, address)
        if account is not None and browser and self.sessions.knows_browser(browser, account.id):
            buckets = known_browsers(name, browser)
        if wait_s := self.throttle.begin(buckets):
            return Stopped(Refused.WAIT, account, wait_s)
        kept = account.password_hash if account else None
        is_right = passwords.matches(kept, password)
        if account is None:
            return Stopped(Refused.UNKNOWN)
        if not is_right:
            return Stopped(Refused.PASSWORD, account)
        self.throttle.succeeded(buckets)
        if account.disabled_at is not None:
            return Stopped(Refused.DISABLED, account)
        if account.is_overdue(now()):
            return Stopped(Refused.OVERDUE, account)
        if kept is not None and passwords.is_outdated(kept):
            self.accounts.rehash(account, password)
        return Passed(account, stage_after(account, False, self.is_second_factor_wanted))

    def by_code(self, account_number: int, code: str, at: datetime | None = None) -> Passed | Stopped:
        """The second step, of somebody whose password was right."""
        account = self.accounts.numbered(account_number)
        buckets = second_factors(account.name)
        if wait_s := self.throttle.begin(buckets):
            return Stopped(Refused.WAIT, account, wait_s)
        if not self.accounts.use_code(account, code, at or now()):
            return Stopped(Refused.CODE, account)
        self.throttle.succeeded(buckets)
        return Passed(account, stage_after(account, True, self.is_second_factor_wanted))

    def change_password(self, account_number: int, old: str, new: str, address: str) -> Passed | Stopped:
        """By its owner, who knows the old one. Raises WeakPassword."""
        account = self.owns(account_number, old, address)
        if isinstance(account, Stopped):
            return account
        self.accounts.change_password(account, new)
        self.sessions.end_all(account.id)
        return self.come_so_far(account.id)

    def owns(self, account_number: int, password: str, address: str) -> Account | Stopped:
        """The account, to somebody who signed in to it and knows its password still."""
        account = self.accounts.numbered(account_number)
        buckets = strangers(account.name, address)
        if wait_s := self.throttle.begin(buckets):
            return Stopped(Refused.WAIT, account, wait_s)
        if not passwords.matches(account.password_hash, password):
            return Stopped(Refused.PASSWORD, account)
        self.throttle.succeeded(buckets)
        return account

    def come_so_far(self, account_number: int) -> Passed:
        """After a change that ends all sessions of an account: where its owner, who made it, goes on."""
        account = self.accounts.numbered(account_number)
        return Passed(account, stage_after(account, True, self.is_second_factor_wanted))

    def _named(self, name: str) -> Account | None:
        """A local account: those of a provider have other names."""
        try:
            return self.accounts.named(checked_name(name))
        except (BadInput, UnknownAccount):
            return None
