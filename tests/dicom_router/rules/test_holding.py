"""When a study that is held may go."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dicom_router.rules.holding import (
    SETTLED_S,
    Gathered,
    Performed,
    from_json,
    may_be_over,
    standing,
    to_json,
)
from dicom_router.rules.rule import Hold

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)

_HOLDS = st.builds(
    Hold,
    st.none() | st.integers(1, 600),
    st.booleans(),
    st.none() | st.integers(1, 9),
    st.none() | st.just((0x00201208,)),
    st.integers(1, 3600),
)
_GATHERED = st.builds(
    lambda opened, quiet, instances, expected, performed: Gathered(
        NOW - timedelta(seconds=opened + quiet),
        NOW - timedelta(seconds=quiet),
        instances,
        expected,
        performed,
    ),
    st.integers(0, 4000),
    st.integers(0, 1000),
    st.integers(1, 9),
    st.none() | st.integers(1, 9),
    st.builds(Performed, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
)


@given(st.lists(_HOLDS, max_size=3), _GATHERED)
def test_it_goes_once_every_hold_is_over(holds: list[Hold], gathered: Gathered) -> None:
    each = [standing([hold], gathered, NOW).is_complete for hold in holds]

    assert standing(holds, gathered, NOW).is_complete == all(each)


@given(_HOLDS, _GATHERED)
def test_none_waits_for_ever(hold: Hold, gathered: Gathered) -> None:
    at_last = gathered.opened_at + timedelta(seconds=hold.at_most_s)

    assert standing([hold], gathered, at_last).is_complete


@given(_HOLDS, _GATHERED, st.integers(0, 600))
def test_what_may_go_still_may_later(hold: Hold, gathered: Gathered, later_s: int) -> None:
    if standing([hold], gathered, NOW).is_complete:
        assert standing([hold], gathered, NOW + timedelta(seconds=later_s)).is_complete


@given(_HOLDS, _GATHERED)
def test_one_that_is_over_is_never_passed_by(hold: Hold, gathered: Gathered) -> None:
    if standing([hold], gathered, NOW).is_complete:
        assert may_be_over(hold, gathered.opened_at, gathered.latest_at, NOW)


@given(_HOLDS)
def test_the_database_keeps_it_as_it_is(hold: Hold) -> None:
    assert from_json(to_json(hold)) == hold


class TestPerformed:
    HOLD = Hold(is_mpps=True)

    def said(self, performed: Performed, quiet_s: int = SETTLED_S) -> tuple[bool, str]:
        latest = NOW - timedelta(seconds=quiet_s)
        found = standing([self.HOLD], Gathered(latest, latest, 3, None, performed), NOW)
        return found.is_complete, found.because

    def test_all_steps_are_completed_and_what_they_list_is_here(self) -> None:
        assert self.said(Performed(ended=2)) == (True, "the modality's steps have ended")

    def test_one_is_under_way(self) -> None:
        waits = "it waits for the modality's steps to end"
        assert self.said(Performed(ended=1, under_way=1)) == (False, waits)
        assert self.said(Performed()) == (False, waits)

    def test_what_they_list_is_not_all_here(self) -> None:
        assert self.said(Performed(ended=1, missing=1)) == (
            False,
            "it waits for 1 instances that the modality listed",
        )

    def test_the_last_may_be_a_moment_behind(self) -> None:
        assert self.said(Performed(ended=1), quiet_s=1) == (False, "it waits to settle")
