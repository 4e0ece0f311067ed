import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_color_lut

from tests.viewer_api.rendering.phantoms import image, shown
from viewer_api.rendering.palette import expanded, read_palette

BYTES = st.integers(0, 255)
SEGMENTS = st.lists(
    st.one_of(
        st.lists(BYTES, min_size=1, max_size=9).map(lambda entries: [0, len(entries), *entries]),
        st.tuples(st.integers(1, 20), BYTES).map(lambda linear: [1, *linear]),
    ),
    min_size=1,
    max_size=8,
)


@given(SEGMENTS)
def test_segments_are_expanded_as_pydicom_does(segments: list[list[int]]) -> None:
    segments = [[0, 1, 7], *segments]
    words = [word for segment in segments for word in segment]
    raw = struct.pack(f"<{len(words)}H", *words)
    ours = expanded(raw, 16)
    frame = image([list(range(len(ours)))], "<u2", PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(frame, f"{colour}PaletteColorLookupTableDescriptor", [len(ours), 0, 16])
        setattr(frame, f"Segmented{colour}PaletteColorLookupTableData", raw)
    theirs = apply_color_lut(frame.pixel_array, frame)[0, :, 0]
    assert np.abs(np.asarray(ours) - theirs).max() <= 1  # they round to even


def test_indirect_segments_repeat_earlier_ones() -> None:
    raw = struct.pack("<10H", 0, 2, 5, 6, 1, 2, 10, 2, 1, 0) + struct.pack("<H", 0)
    assert expanded(raw, 16) == [5, 6, 8, 10, 5, 6]


@pytest.mark.parametrize("raw", [b"\1\0\5\0\7\0", b"\7\0\1\0\1\0", b"\0\0\5\0" + b"\1\0" * 5])
def test_segments_that_mean_nothing_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"segment|entries"):
        expanded(raw, 16, 4)


@given(st.binary(max_size=60))
def test_any_segments_are_expanded_or_refused(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(expanded(raw, 16, 300)) <= 300


def test_colours_of_16_bits_are_cut_and_values_before_and_behind_have_the_ends() -> None:
    frame = image([[0, 10, 11, 99]], "u1", PhotometricInterpretation="PALETTE COLOR")
    for colour, entries in (("Red", (0xFF00, 0)), ("Green", (0, 0x8000)), ("Blue", (0x0100, 0))):
        setattr(frame, f"{colour}PaletteColorLookupTableDescriptor", [2, 10, 16])
        setattr(frame, f"{colour}PaletteColorLookupTableData", struct.pack("<2H", *entries))
    assert shown(frame) == [[[255, 0, 1], [255, 0, 1], [0, 128, 0], [0, 128, 0]]]
    for colour in ("Red", "Green", "Blue"):  # 16 bits by the descriptor, 8 by the entries
        setattr(frame, f"{colour}PaletteColorLookupTableData", struct.pack("<2H", 200, 20))
    assert read_palette(frame).colours.tolist() == [[200] * 3, [20] * 3]
