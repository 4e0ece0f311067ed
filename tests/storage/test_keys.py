"""Keys of objects."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from storage.keys import fresh_key, fresh_piece_key, is_key, is_piece


@given(st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- they get a zone
def test_a_fresh_key_is_a_key_and_only_itself(at: datetime) -> None:
    key = fresh_key(at)
    assert is_key(key)
    assert key != fresh_key(at)


def test_a_piece_of_an_upload_is_told_from_an_object() -> None:
    now = datetime.now(UTC)
    assert is_key(fresh_piece_key(now))
    assert is_piece(fresh_piece_key(now))
    assert not is_piece(fresh_key(now))


def test_a_key_is_filed_under_the_hour_in_utc() -> None:
    at = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert fresh_key(at).startswith("2025/12/31/23/")


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    assert not is_key(text)
    assert not is_key(fresh_key(datetime.now(UTC)) + "x" + text)
