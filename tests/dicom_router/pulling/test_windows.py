"""Ranges of study dates: halves miss nothing, and nothing that was cut is believed."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dicom_router.pulling.window import Window, looks_limited

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first = draw(st.none() | DAYS)
    last = draw(st.none() | DAYS.filter(lambda day: first is None or day >= first))
    if first is not None and first == last and draw(st.booleans()):
        begin = draw(st.integers(0, 1439))
        return Window(first, last, (begin, draw(st.integers(begin, 1439))))
    return Window(first, last)


def holds(window: Window, day: date, minute: int) -> bool:
    is_within = (window.first is None or window.first <= day) and (window.last is None or day <= window.last)
    return is_within and (window.minutes is None or window.minutes[0] <= minute <= window.minutes[1])


@given(windows(), DAYS, st.integers(0, 1439))
def test_halves_hold_what_the_whole_holds_and_each_once(window: Window, day: date, minute: int) -> None:
    halves = window.halves()
    if halves is not None:
        assert sum(holds(half, day, minute) for half in halves) == holds(window, day, minute)


@given(windows())
def test_halving_comes_to_an_end(window: Window) -> None:
    depth = 0
    while (halves := window.halves()) is not None:
        window = halves[depth % 2]
        depth += 1
    assert depth < 40


def test_keys_are_ranges_of_the_standard() -> None:
    day = date(2024, 2, 1)
    assert (Window().days, Window().times) == ("", "")
    assert Window(None, day).days == "-20240201"
    assert Window(day, None).days == "20240201-"
    assert Window(day, day + timedelta(days=3)).days == "20240201-20240204"
    assert Window(day, day).days == "20240201"
    assert Window(day, day, (0, 719)).times == "000000-115959.999999"


@given(st.integers(1, 10**6))
def test_a_round_number_is_no_proof_of_an_end(count: int) -> None:
    assert looks_limited(count * 100)
    assert not looks_limited(count * 100 + 1)
