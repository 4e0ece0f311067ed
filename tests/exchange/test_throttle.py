"""The wait grows with each failure, is never for ever, and a stranger's failures do not keep an owner out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from exchange.throttle import (
    BY_ACCOUNT,
    BY_ACCOUNT_AND_ADDRESS,
    BY_ADDRESS,
    BY_BROWSER,
    BY_SECOND_FACTOR,
    Allowance,
    Throttle,
    known_browsers,
    network,
    second_factors,
    strangers,
)

ALL = (BY_ACCOUNT, BY_ACCOUNT_AND_ADDRESS, BY_ADDRESS, BY_BROWSER, BY_SECOND_FACTOR)


@pytest.fixture
def throttle(database: str) -> Iterator[Throttle]:
    with ConnectionPool(database, min_size=1, max_size=8) as pool:
        yield Throttle(pool)


def later(throttle: Throttle, seconds: float) -> None:
    """As if that time had passed."""
    with throttle.pool.connection() as connection:
        connection.execute(
            "update sign_in_attempt set wait_until = wait_until - %s * interval '1 s',"
            " last_at = last_at - %s * interval '1 s'",
            (seconds, seconds),
        )


@given(st.sampled_from(ALL), st.integers(0, 10_000))
def test_a_wait_grows_and_has_an_end(allowance: Allowance, failures: int) -> None:
    wait_s = allowance.wait_s(failures)
    assert 0 <= wait_s <= allowance.wait_s(failures + 1) <= 900
    assert (wait_s == 0) == (failures < allowance.free)


def test_the_fifth_failure_makes_one_wait_and_the_next_longer(throttle: Throttle) -> None:
    tried = strangers("ann", "10.0.0.1")
    assert [throttle.begin(tried) for _ in range(5)] == [0.0] * 5
    assert 25 < throttle.begin(tried) <= 30
    assert 25 < throttle.begin(tried) <= 30  # to try while waiting makes it no longer
    later(throttle, 31)
    assert throttle.begin(tried) == 0.0
    assert 55 < throttle.begin(tried) <= 60


def test_a_success_is_no_failure(throttle: Throttle) -> None:
    tried = strangers("ann", "10.0.0.1")
    for _ in range(300):
        assert throttle.begin(tried) == 0.0
        throttle.succeeded(tried)


def test_failures_are_forgotten_after_a_quiet_hour(throttle: Throttle) -> None:
    tried = strangers("ann", "10.0.0.1")
    for _ in range(5):
        throttle.begin(tried)
    later(throttle, 3700)
    assert [throttle.begin(tried) for _ in range(5)] == [0.0] * 5


def test_another_account_or_address_need_not_wait(throttle: Throttle) -> None:
    for _ in range(6):
        throttle.begin(strangers("ann", "10.0.0.1"))
    assert throttle.begin(strangers("ann", "10.0.0.1")) > 0
    assert throttle.begin(strangers("bob", "10.0.0.1")) == 0.0
    assert throttle.begin(strangers("ann", "10.0.0.2")) == 0.0


def test_many_addresses_do_not_get_many_guesses_and_the_owner_still_comes_in(throttle: Throttle) -> None:
    waits = [throttle.begin(strangers("ann", f"10.0.{number}.1")) for number in range(60)]
    assert waits.count(0.0) == 50
    assert throttle.begin(known_browsers("ann", "a cookie of ann's own")) == 0.0


def test_one_address_does_not_get_many_names(throttle: Throttle) -> None:
    waits = [throttle.begin(strangers(f"name{number}", "10.0.0.1")) for number in range(120)]
    assert waits.count(0.0) == 100
    assert max(waits) <= 60


def test_a_thousand_at_once_are_no_more_than_in_turn(throttle: Throttle) -> None:
    tried = strangers("ann", "10.0.0.1")
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: throttle.begin(tried), range(100)))
    assert waits.count(0.0) == 5


def test_somebody_who_spoke_with_the_owner_ends_the_wait(throttle: Throttle) -> None:
    for _ in range(6):
        throttle.begin(strangers("ann", "10.0.0.1"))
        throttle.begin(second_factors("ann"))
    throttle.forget("ann")
    assert throttle.begin(strangers("ann", "10.0.0.1")) == 0.0
    assert throttle.begin(second_factors("ann")) == 0.0


def test_what_is_old_goes(throttle: Throttle, database: str) -> None:
    throttle.begin(strangers("ann", "10.0.0.1"))
    later(throttle, 90_000)
    throttle.begin(strangers("bob", "10.0.0.2"))
    with psycopg.connect(database) as connection:
        assert connection.execute("select count(*) from sign_in_attempt").fetchone() == (3,)


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_who_holds_an_address_holds_its_network(address: str, holder: str) -> None:
    assert network(address) == holder
