"""Multipart bodies, however they are cut into pieces."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer_api.parts_in import BadMultipart, parts_in

PARTS = st.lists(
    st.tuples(st.sampled_from(["application/dicom", "Image/JPEG; q=1"]), st.binary(max_size=300))
)


def body_of(parts: list[tuple[str, bytes]], boundary: str = "xyz") -> bytes:
    made = b"".join(
        f"--{boundary}\r\nContent-Type: {media}\r\n\r\n".encode() + content + b"\r\n"
        for media, content in parts
    )
    return made + f"--{boundary}--\r\n".encode()


def taken(body: bytes) -> list[bytes]:
    return [b"".join(part.chunks) for part in parts_in([body], "xyz")]


def pieces(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield body[at : at + size]
        at += size
    yield body[at:]


@given(PARTS.filter(len), st.lists(st.integers(1, 80), max_size=60))
def test_every_part_comes_whole(parts: list[tuple[str, bytes]], sizes: list[int]) -> None:
    found = [
        (part.media_type, b"".join(part.chunks)) for part in parts_in(pieces(body_of(parts), sizes), "xyz")
    ]

    assert found == [(media.partition(";")[0].lower(), content) for media, content in parts]


def test_what_is_not_read_of_a_part_is_read_over() -> None:
    body = body_of([("a/b", b"1" * 1000), ("c/d", b"2")])

    assert [part.media_type for part in parts_in(pieces(body, [10] * 50), "xyz")] == ["a/b", "c/d"]


@given(PARTS.filter(len), st.data())
def test_a_body_that_breaks_off_is_never_taken_for_whole(
    parts: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    body = body_of(parts)
    end = data.draw(st.integers(0, len(body) - 5))

    with pytest.raises(BadMultipart):
        taken(body[:end])


@given(st.binary(max_size=400))
def test_garbage_is_refused(body: bytes) -> None:
    with pytest.raises(BadMultipart):
        taken(body)


def test_headers_beyond_all_measure_are_refused() -> None:
    body = b"--xyz\r\nContent-Type: " + b"a" * 100_000 + b"\r\n\r\n1\r\n--xyz--\r\n"

    with pytest.raises(BadMultipart):
        list(parts_in([body], "xyz"))


def test_a_body_of_any_number_of_parts_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer_api.parts_in.PARTS_LIMIT", 3)

    assert taken(body_of([("a/b", b"1")] * 3)) == [b"1"] * 3
    with pytest.raises(BadMultipart):
        taken(body_of([("a/b", b"1")] * 4))
