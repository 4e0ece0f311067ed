"""What a rule asks of an instance: by the clock, and in words."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dicom_router.rules.criteria import (
    CLOCK,
    Condition,
    Criteria,
    Facts,
    Of,
    Weekday,
    Window,
    holds,
    readings,
)
from storage.query import Exactly, Wildcard

_MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_TIMES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def facts(at: datetime) -> Facts:
    found = {"00080060": {"vr": "CS", "Value": ["CT"]}}
    return Facts("RBL", "CT1", found, at)


@given(_TIMES, _TIMES, _MOMENTS)
def test_a_window_and_the_one_from_its_end_to_its_start_make_a_day(
    start: time, stop: time, at: datetime
) -> None:
    if start == stop:
        return
    one, other = (
        holds(Criteria(window=window), facts(at)) for window in (Window(start, stop), Window(stop, start))
    )

    assert one != other


@given(_MOMENTS)
def test_it_is_some_weekday_once(at: datetime) -> None:
    days = [day for day in Weekday if holds(Criteria(weekdays=frozenset({day})), facts(at))]

    assert days == [Weekday(at.astimezone(CLOCK).weekday())]


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(0, 719))
def test_a_night_belongs_to_the_day_of_its_evening(day: date, minutes: int) -> None:
    evening = datetime.combine(day, time(20), CLOCK)
    at = (evening.replace(tzinfo=None) + timedelta(minutes=minutes)).replace(tzinfo=CLOCK)
    night = Criteria(window=Window(time(20), time(8)), weekdays=frozenset({Weekday(day.weekday())}))

    assert holds(night, facts(at))
    assert not holds(night, facts(at - timedelta(days=1)))


@given(_MOMENTS, st.sampled_from(["CT", "MR"]), st.sampled_from(["RBL", "REM"]), st.booleans())
def test_it_holds_where_every_reading_does(at: datetime, modality: str, trust: str, at_night: bool) -> None:
    criteria = Criteria(
        (
            Condition("trust", Of.TRUST, (), (Exactly(trust),)),
            Condition("modality", Of.ATTRIBUTE, (0x00080060,), (Exactly(modality), Wildcard("X*"))),
        ),
        Window(time(20), time(8)) if at_night else None,
    )
    found = readings(criteria, facts(at))

    assert [each.word for each in found] == ["trust", "modality", *(["time"] if at_night else [])]
    assert holds(criteria, facts(at)) == all(each.holds for each in found)


def test_the_words_say_what_it_is_and_what_is_asked_for() -> None:
    missing = Condition("body_part", Of.ATTRIBUTE, (0x00180015,), (Exactly("HEAD"), Wildcard("H*")))
    (found,) = readings(Criteria((missing,)), facts(datetime(2026, 1, 2, tzinfo=UTC)))

    assert (found.holds, found.because) == (False, "it is missing, and HEAD or H* is asked for")
