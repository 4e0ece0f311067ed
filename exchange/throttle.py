"""How often somebody may try to sign in: the wait grows with each failure, and never for ever.

What is counted, and for whom:

- a browser in which the account has signed in before is counted by itself: whatever strangers do from
  elsewhere, its owner comes in (OWASP, "Slow down online guessing attacks with device cookies");
- any other is counted by account and address, by account (many addresses guess at one), and by address (one
  guesses at many accounts).

An attempt counts as failed before it is looked at, so a thousand at once are no more than a thousand in turn;
one that succeeds is taken back. While one must wait, trying again makes the wait no longer.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors

#: Failures are forgotten when there was none for so long.
FORGET_S = 3600.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many failures are free; then each doubles the wait."""

    free: int
    first_s: float
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """After so many."""
        over = failures - self.free
        return 0.0 if over < 0 else min(self.longest_s, self.first_s * 2.0 ** min(over, 30))


BY_BROWSER = Allowance(free=5, first_s=30, longest_s=900)
BY_ACCOUNT_AND_ADDRESS = Allowance(free=5, first_s=30, longest_s=900)
BY_ACCOUNT = Allowance(free=50, first_s=30, longest_s=300)
BY_ADDRESS = Allowance(free=100, first_s=1, longest_s=60)  # a hospital may have one address

#: Whoever tries these has the password: to make them wait harms nobody else.
BY_SECOND_FACTOR = Allowance(free=5, first_s=30, longest_s=900)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted together. Digests, since people type passwords as names."""

    digest: bytes
    name: bytes | None  # of the name that was tried


Buckets = Mapping[Bucket, Allowance]


def strangers(name: str, address: str) -> Buckets:
    """What counts an attempt from a browser that the account does not know. Unknown names count too."""
    where = network(address)
    return {
        _bucket("account and address", where, name=name): BY_ACCOUNT_AND_ADDRESS,
        _bucket("account", name=name): BY_ACCOUNT,
        _bucket("address", where): BY_ADDRESS,
    }


def known_browsers(name: str, browser: str) -> Buckets:
    """The same for one that it knows, by its cookie."""
    return {_bucket("browser", browser, name=name): BY_BROWSER}


def second_factors(name: str) -> Buckets:
    """The same for codes, of whatever browser."""
    return {_bucket("second factor", name=name): BY_SECOND_FACTOR}


def network(address: str) -> str:
    """What one holder of addresses has: an IPv4 address, or a /64 of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return str(found)


def _bucket(*said: str, name: str | None = None) -> Bucket:
    return Bucket(_digest(repr((*said, name))), _digest(name) if name is not None else None)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


_LOCK = """
    insert into sign_in_attempt (bucket, name) select * from unnest(%s::bytea[], %s::bytea[]) order by 1
    on conflict do nothing
"""
_READ = """
    select bucket, case when last_at > now() - %s * interval '1 s' then failures else 0 end,
        greatest(extract(epoch from wait_until - now()), 0)::float
    from sign_in_attempt where bucket = any(%s) order by bucket for update
"""
_FAIL = """
    update sign_in_attempt set failures = %s, wait_until = now() + %s * interval '1 s', last_at = now()
    where bucket = %s
"""
_TAKE_BACK = """
    with held as (select bucket from sign_in_attempt where bucket = any(%s) order by bucket for update)
    update sign_in_attempt a set failures = greatest(failures - 1, 0), wait_until = now()
    from held where held.bucket = a.bucket
"""
_SWEEP = """
    delete from sign_in_attempt where bucket in (
        select bucket from sign_in_attempt where last_at < now() - interval '1 day' for update skip locked)
"""


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts attempts in the database, for all processes together."""

    pool: ConnectionPool

    def begin(self, buckets: Buckets) -> float:
        """Seconds to wait; 0 where the attempt may be made, and then it counts as failed already."""
        allowances = {bucket.digest: allowance for bucket, allowance in buckets.items()}
        digests = list(allowances)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_LOCK, (digests, [bucket.name for bucket in buckets]))
            rows = connection.execute(_READ, (FORGET_S, digests)).fetchall()
            wait_s = max(float(left) for _, _, left in rows)
            if wait_s > 0:
                return wait_s
            for digest, failures, _ in rows:
                waits_s = allowances[digest].wait_s(failures + 1)
                connection.execute(_FAIL, (failures + 1, waits_s, digest))
            connection.execute(_SWEEP)
        return 0.0

    def succeeded(self, buckets: Buckets) -> None:
        """It was no failure. What only its owner can count is clear again; what strangers count is not."""
        shared = [each.digest for each, allowance in buckets.items() if allowance in (BY_ACCOUNT, BY_ADDRESS)]
        own = [each.digest for each in buckets if each.digest not in shared]
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_TAKE_BACK, (shared,))
            connection.execute("delete from sign_in_attempt where bucket = any(%s)", (own,))

    def forget(self, name: str) -> None:
        """Whoever tries that name need not wait any more: somebody has spoken with its owner."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("delete from sign_in_attempt where name = %s", (_digest(name),))
