"""Limits: so many studies, so many bytes, and only at night. With a clock of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.pulling.pace import Hours, Limits, Pace

LATEST = datetime(2099, 1, 1)  # noqa: DTZ001 -- hypothesis adds the time zone
MORNING = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Time that passes only while one waits."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return MORNING + timedelta(seconds=self.seconds)


class Waiting(threading.Event):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.waits.append(timeout or 0.0)
        self.clock.seconds += max(0.0, timeout or 0.0)
        return False


def paced(limits: Limits, tell: Callable[[str], None] = lambda _: None) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(limits, Waiting(clock), tell, clock.now, lambda: clock.seconds), clock


def test_so_many_studies_a_minute() -> None:
    pace, clock = paced(Limits(studies_per_minute=30))
    for _ in range(31):
        pace.study()
    assert clock.seconds == pytest.approx(60)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50))
def test_so_many_bytes_a_second(sizes: list[int]) -> None:
    pace, clock = paced(Limits(bytes_per_s=1000))
    assert [len(piece) for piece in pace.through(map(bytes, sizes))] == sizes
    assert clock.seconds == pytest.approx(sum(sizes) / 1000)


def test_time_that_was_not_used_is_not_saved_up() -> None:
    pace, clock = paced(Limits(bytes_per_s=1000))
    clock.seconds = 1000
    pace.spent(5000)
    assert clock.seconds == pytest.approx(1005)


def test_a_run_waits_for_its_hours_and_says_so_once() -> None:
    told: list[str] = []
    pace, clock = paced(Limits(hours=Hours(time(19), time(7))), told.append)
    pace.study()
    assert clock.now().time() == time(19)
    assert told == ["the hours begin in 660 minutes"]
    pace.study()
    assert len(told) == 1


@given(st.times(), st.times(), st.datetimes(timezones=st.just(UTC), max_value=LATEST))
def test_hours_begin_when_the_wait_is_over(first: time, last: time, now: datetime) -> None:
    if first == last:
        return
    hours = Hours(first, last)
    wait_s = hours.wait_s(now)
    assert 0 <= wait_s < 24 * 3600
    if wait_s:
        assert hours.wait_s(now + timedelta(seconds=wait_s)) == 0


@pytest.mark.parametrize("text", ["", "19-7", "19:00", "25:00-07:00", "19:00-19:00"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hour|HH:MM|range|minute|format"):
        Hours.parse(text)


def test_hours_are_read() -> None:
    assert Hours.parse("9:30-17:00") == Hours(time(9, 30), time(17))
