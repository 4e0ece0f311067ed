"""Multipart bodies, however the network cuts them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.pulling.errors import SourceAway, SourceFailed
from dicom_router.pulling.multipart import Multipart, boundary_of

TYPE = 'multipart/related; type="application/dicom"; boundary=B0'


def body(parts: list[bytes], preamble: bytes = b"") -> bytes:
    pieces = [b"\r\n--B0\r\nContent-Type: application/dicom\r\n\r\n" + part for part in parts]
    return (preamble + b"".join(pieces) + b"\r\n--B0--").removeprefix(b"\r\n" if not preamble else b"")


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        if data:
            yield data[:size]
            data = data[size:]
    if data:
        yield data


PARTS = st.lists(
    st.binary(max_size=60) | st.sampled_from([b"\r\n--B", b"\r\n\r\n--", b"--B0--\r\n"]), max_size=5
)


@given(PARTS, st.lists(st.integers(1, 9), max_size=80), st.sampled_from([b"", b"before"]))
def test_parts_are_what_was_sent(parts: list[bytes], sizes: list[int], preamble: bytes) -> None:
    reader = Multipart(TYPE, cut(body(parts, preamble), sizes))

    assert [b"".join(part) for part in reader.parts()] == parts


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.data())
def test_a_part_may_be_left_unread(parts: list[bytes], data: st.DataObject) -> None:
    read = data.draw(st.sets(st.integers(0, len(parts) - 1)))
    reader = Multipart(TYPE, cut(body(parts), [7] * 50))

    seen = {number: b"".join(part) for number, part in enumerate(reader.parts()) if number in read}

    assert seen == {number: parts[number] for number in read}


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=3), st.data())
def test_a_body_that_is_cut_is_not_whole(parts: list[bytes], data: st.DataObject) -> None:
    whole = body(parts)
    reader = Multipart(TYPE, iter([whole[: data.draw(st.integers(0, len(whole) - 1))]]))

    with pytest.raises(SourceAway):
        list(map(list, reader.parts()))


def test_a_large_part_is_never_held() -> None:
    piece = bytes(64 * 1024)

    def stream() -> Iterator[bytes]:
        yield b"--B0\r\n\r\n"
        for _ in range(500):
            yield piece
        yield b"\r\n--B0--"

    reader = Multipart(TYPE, stream())
    largest = 0
    for part in reader.parts():
        for chunk in part:
            largest = max(largest, len(chunk), len(reader._buffer))

    assert largest < 3 * len(piece)


def test_an_endless_header_is_refused() -> None:
    def stream() -> Iterator[bytes]:
        yield b"--B0\r\n"
        while True:
            yield b"X: y\r\n" * 1000

    with pytest.raises(SourceFailed):
        next(Multipart(TYPE, stream()).parts())


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/related", "application/dicom; boundary=x"]
)
def test_what_is_no_multipart_body_is_refused(kind: str) -> None:
    with pytest.raises(SourceFailed):
        boundary_of(kind)


def test_a_boundary_may_stand_in_quotes() -> None:
    assert boundary_of('Multipart/Related; boundary="a b"; type="application/dicom"') == "a b"
