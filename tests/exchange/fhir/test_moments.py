"""Dates and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.fhir.moments import as_date, as_moment


@pytest.mark.parametrize(
    ("date", "time", "moment"),
    [
        ("20260701", "101112.123456", "2026-07-01T10:11:12+01:00"),
        ("20261119", "10", "2026-11-19T10:00:00+00:00"),
        ("20261119", "", "2026-11-19"),
        ("202611", "101112", "2026-11"),
        ("20261119", "midday", "2026-11-19"),
        ("20261119", "256161", "2026-11-19"),
        ("20261319", "", ""),
        ("", "101112", ""),
    ],
)
def test_a_moment(date: str, time: str, moment: str) -> None:
    assert as_moment(date, time) == moment


@given(st.text(), st.text())
def test_whatever_was_sent_breaks_nothing(date: str, time: str) -> None:
    assert as_moment(date, time) is not None
    assert as_date(date) is not None
