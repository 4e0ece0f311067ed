"""Known values, and the grey levels that the standard gives them."""

import numpy as np
from pydicom.dataset import Dataset

from tests.viewer_api.rendering.phantoms import image, lut, shown
from viewer_api.view import Shape, View, Window


def test_linear_windows_are_the_standards_formula() -> None:
    # PS3.3 §C.11.2.1.2.1: c = 2048, w = 4096 leaves 0 black and 4095 white.
    frame = image([[0, 1024, 2048, 4095]], WindowCenter=2048, WindowWidth=4096)
    assert shown(frame) == [[0, 64, 128, 255]]
    frame = image([[-1, 0, 1]], WindowCenter=0, WindowWidth=1)
    assert shown(frame) == [[0, 255, 255]]  # a width of 1 is a threshold


def test_exact_windows_and_sigmoids() -> None:
    exact = View(Window(50, 100, Shape.LINEAR_EXACT))
    assert shown(image([[0, 25, 50, 100]]), exact) == [[0, 64, 128, 255]]
    sigmoid = View(Window(50, 100, Shape.SIGMOID))
    assert shown(image([[-400, 50, 75, 500]]), sigmoid) == [[0, 128, 186, 255]]


def test_a_voi_lut_counts_before_a_window() -> None:
    frame = image([[0, 1, 2, 3]], WindowCenter=2, WindowWidth=4)
    frame.VOILUTSequence = [lut([0, 4095, 2048, 1024], 0, 12)]
    assert shown(frame) == [[0, 255, 128, 64]]
    frame.VOILUTSequence = [lut([0, 128, 255], 1, 8)]
    assert shown(frame) == [[0, 0, 128, 255]]  # before the first: as the first
    assert shown(frame, View(Window(2, 4))) == [[0, 85, 170, 255]]  # unless one is asked for


def test_entries_of_8_bits_in_words_are_told_from_packed_ones() -> None:
    frame = image([[0, 1, 2, 3]])
    item = lut([0, 85, 170, 255], 0, 8)
    item.add_new(0x00283006, "OW", bytes((0, 85, 170, 255)))
    frame.VOILUTSequence = [item]
    assert shown(frame) == [[0, 85, 170, 255]]


def test_a_modality_lut_and_signed_values_below_its_first() -> None:
    frame = image([[-5, -2, -1, 0]], WindowCenter=500, WindowWidth=1001)
    frame.ModalityLUTSequence = [lut([0, 500, 1000], -2, 16)]
    assert shown(frame) == [[0, 0, 128, 255]]


def test_monochrome_1_padding_and_its_range_stay_black() -> None:
    frame = image(
        [[0, 100, -30000, -29999]], PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=-30000,
        PixelPaddingRangeLimit=-29990,
    )  # fmt: skip
    assert shown(frame) == [[255, 0, 0, 0]]


def test_a_presentation_lut_comes_last() -> None:
    frame = image([[0, 1, 2, 3]], WindowCenter=2, WindowWidth=4)
    frame.PresentationLUTSequence = [lut([255, 0], 0, 8)]
    assert shown(frame) == [[255, 255, 255, 0]]
    del frame.PresentationLUTSequence
    frame.PresentationLUTShape = "INVERSE"
    assert shown(frame) == [[255, 170, 85, 0]]


def test_values_of_8_bits_are_shown_as_they_are_and_longer_ones_from_least_to_largest() -> None:
    assert shown(image([[10, 100]], "u1")) == [[10, 100]]
    assert shown(image([[10, 100]], "<u2")) == [[0, 255]]
    assert shown(image([[7, 7]], "<u2")) == [[0, 0]]


def test_floats_doubles_and_32_bits() -> None:
    values = [[-1.5, 0.0, float("nan"), 1.5]]
    assert shown(image(values, "<f4")) == [[0, 128, 0, 255]]
    assert shown(image(values, "<f8")) == [[0, 128, 0, 255]]
    assert shown(image([[-2_000_000_000, 0, 2_000_000_000]], "<i4")) == [[0, 128, 255]]
    assert shown(image([[0, 4_000_000_000]], "<u4")) == [[0, 255]]


def test_float_padding_is_no_value() -> None:
    frame = image([[-1e30, 0.0, 10.0]], "<f4", FloatPixelPaddingValue=np.float32(-1e30).item())
    assert shown(frame) == [[0, 0, 255]]


def test_bits_that_are_not_stored_do_not_count() -> None:
    frame = image([[0x8000, 0x0FFF, 0x07FF]], "<u2", BitsStored=12, HighBit=11)
    assert shown(frame, View(Window(2048, 4096))) == [[0, 255, 127]]
    signed = image([[0x0800, 0x07FF, -1]], "<i2", BitsStored=12, HighBit=11)  # the first is -2048
    assert shown(signed, View(Window(0, 4096))) == [[0, 255, 127]]
    shifted = image([[0x0010, 0xFFF0]], "<u2", BitsStored=12, HighBit=15)
    assert shown(shifted, View(Window(2048, 4096))) == [[0, 255]]


def test_single_bits_are_black_and_white() -> None:
    frame = image([[0] * 8], "u1")
    frame.BitsAllocated = frame.BitsStored = 1
    frame.HighBit = 0
    frame.PixelData = b"\xa5\0"
    assert shown(frame) == [[255, 0, 255, 0, 0, 255, 0, 255]]


def test_fractions_of_a_segment_are_out_of_their_most() -> None:
    frame = image([[0, 50, 100]], "u1", SegmentationType="FRACTIONAL", MaximumFractionalValue=100)
    assert shown(frame) == [[0, 128, 255]]


def test_high_values_of_a_supplemental_palette_are_coloured() -> None:
    frame = image([[0, 50, 100, 101]], "u1", PixelPresentation="COLOR", WindowCenter=50, WindowWidth=101)
    for colour, entries in (("Red", (255, 0)), ("Green", (0, 255)), ("Blue", (0, 0))):
        setattr(frame, f"{colour}PaletteColorLookupTableDescriptor", [2, 100, 8])
        setattr(frame, f"{colour}PaletteColorLookupTableData", bytes(entries))
    assert shown(frame) == [[[1, 1, 1], [129, 129, 129], [255, 0, 0], [0, 255, 0]]]


def test_what_a_table_is_asked_of_a_data_set_without_any() -> None:
    assert shown(image([[0, 10]], VOILUTSequence=[], ModalityLUTSequence=[], SharedFunctionalGroupsSequence=[
        Dataset()
    ])) == [[0, 255]]  # fmt: skip
