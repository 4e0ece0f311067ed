"""One range of bytes of a body (RFC 9110 §14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer_api.byte_ranges import ByteRange, Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes=0-9", ByteRange(0, 10)),
        ("bytes=5-", ByteRange(5, 100)),
        ("bytes=-7", ByteRange(93, 100)),
        ("bytes=-700", ByteRange(0, 100)),
        ("bytes=90-700", ByteRange(90, 100)),
        ("Bytes=99-99", ByteRange(99, 100)),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("", None),
    ],
)
def test_ranges(text: str, found: ByteRange | None) -> None:
    assert parse_range(text, 100) == found


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_behind_the_end(text: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(text, 100)


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_the_slice_that_it_names(body: bytes, first: int, last: int) -> None:
    try:
        found = parse_range(f"bytes={first}-{last}", len(body))
    except Unsatisfiable:
        assert first >= len(body)
        return
    if found is None:
        assert last < first
    else:
        assert body[found.start : found.stop] == body[first : last + 1] != b""


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=20), st.integers(0, 100))
def test_whatever_is_asked_lies_within_the_body(text: str, size: int) -> None:
    try:
        found = parse_range(text, size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found.start < found.stop <= size
