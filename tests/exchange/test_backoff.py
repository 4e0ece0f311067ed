"""When to try again: properties of the pure decisions."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exchange.backoff import Breaker, GiveUp, Patience, Permit, after_failure, pause

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PATIENCE = Patience()

lucks = st.floats(0, 1)
failures = st.integers(1, 10_000)


@given(failures, lucks)
def test_a_pause_is_never_longer_than_the_longest_and_never_nothing(count: int, luck: float) -> None:
    found = pause(count, PATIENCE, luck).total_seconds()

    assert PATIENCE.pause_s / 2 <= found <= PATIENCE.longest_pause_s


@given(failures, lucks)
def test_a_later_pause_is_no_shorter(count: int, luck: float) -> None:
    assert pause(count, PATIENCE, luck) <= pause(count + 1, PATIENCE, luck)


def test_those_that_failed_together_come_back_apart() -> None:
    assert pause(5, PATIENCE, 0.0) * 2 == pause(5, PATIENCE, 1.0)


@given(st.integers(1, 100), lucks)
def test_a_study_that_fails_is_given_up_after_so_many_tries(tries: int, luck: float) -> None:
    verdict = after_failure(tries, NOW, PATIENCE, luck)

    assert isinstance(verdict, GiveUp) == (tries >= PATIENCE.tries)
    assert isinstance(verdict, GiveUp) or verdict.at > NOW


@given(st.integers(0, 50), lucks)
def test_a_breaker_opens_after_a_few_failures_and_lets_one_through_later(count: int, luck: float) -> None:
    breaker = Breaker()
    for _ in range(count):
        breaker = breaker.failed(NOW, PATIENCE, luck)

    assert breaker.failures == count
    if count < PATIENCE.failures:
        assert breaker.permits(NOW) is Permit.ALL
    else:
        assert breaker.permits(NOW) is Permit.NONE
        assert breaker.open_until is not None
        assert breaker.permits(breaker.open_until) is Permit.ONE
