"""Streams of any length in fragments that DICOM can hold."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ologies.clips.fragments import fragmented
from ologies.videos import H264_LEVEL_4_1, H265_MAIN
from ologies.writing import Joined, Stretch

PATH = Path("clip")


@pytest.mark.parametrize(
    ("syntax", "length", "written"),
    [
        (H264_LEVEL_4_1, 100, H264_LEVEL_4_1),
        (H264_LEVEL_4_1, 101, f"{H264_LEVEL_4_1}.1"),
        (H265_MAIN, 101, H265_MAIN),
    ],
)
def test_a_long_stream_says_that_it_is_fragmentable(syntax: str, length: int, written: str) -> None:
    assert fragmented(syntax, [Stretch(PATH, 7, length)], limit=100)[0] == written


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(1, 50).map(lambda half: 2 * half))
def test_fragments_are_the_stream(lengths: list[int], limit: int) -> None:
    pieces: list[bytes | Stretch] = [bytes(range(256))[: lengths[0] % 256]]
    pieces += [Stretch(PATH, 1000 * place, length) for place, length in enumerate(lengths)]
    _, made = fragmented(H264_LEVEL_4_1, pieces, limit)
    fragments = [each for each in made.frames if isinstance(each, Joined)]
    assert made.count == len(fragments)
    assert all(each.length == limit for each in fragments[:-1])
    assert 0 < fragments[-1].length <= limit
    assert _places(piece for each in fragments for piece in each.pieces) == _places(pieces)


def _places(pieces: object) -> list[object]:
    """Each byte: itself, or where it lies."""
    assert hasattr(pieces, "__iter__")
    return [
        byte
        for piece in pieces
        for byte in (piece if isinstance(piece, bytes) else range(piece.at, piece.at + piece.length))
    ]
