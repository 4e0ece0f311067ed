"""Multipart answers are taken apart without touching a byte of what they hold."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imx.dicomweb import DicomWebError, Part, parts_of

BOUNDARY = "a-boundary-of-ours"
TYPE = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'


def body_of(contents: list[bytes], preamble: bytes = b"") -> bytes:
    parts = [
        b"\r\n--" + BOUNDARY.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n" + content
        for content in contents
    ]
    return (
        preamble
        + b"".join(parts).removeprefix(b"" if preamble else b"\r\n")
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )


@given(st.lists(st.binary(), max_size=4), st.sampled_from([b"", b"ignored"]))
def test_every_part_comes_back(contents: list[bytes], preamble: bytes) -> None:
    assume(all(BOUNDARY.encode() not in content for content in contents))
    parts = list(parts_of(TYPE, body_of(contents, preamble)))
    assert parts == [Part("application/dicom", content) for content in contents]


@given(st.binary(min_size=1, max_size=60), st.integers(1, 25))
def test_an_answer_that_was_cut_is_not_taken_for_whole(content: bytes, missing: int) -> None:
    with pytest.raises(DicomWebError):
        list(parts_of(TYPE, body_of([content])[: -missing - 4]))


def test_a_plain_answer_is_one_part() -> None:
    assert list(parts_of("application/dicom", b"abc")) == [Part("application/dicom", b"abc")]
