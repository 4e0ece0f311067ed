"""Pictures: held to the standard's formulas, to pydicom's own, and to what the pixels say."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian

from storage.errors import BadQuery, Unreadable
from viewer_api.rendering.groups import flattened
from viewer_api.rendering.layout import pixel_aspect
from viewer_api.rendering.picture import render
from viewer_api.rendering.voi import own_window, windowed
from viewer_api.view import Shape, View, Viewport, Window


def grey(values: list[list[int]], **attributes: Any) -> Dataset:
    """A signed 16-bit image of these values."""
    pixels = np.asarray(values, "<i2")
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 1
    made.PixelData = pixels.tobytes()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


PLAIN = View()


def shown(frame: Dataset, view: View = PLAIN) -> list[list[int]]:
    found: list[list[int]] = np.asarray(render(frame, view)).tolist()
    return found


def test_without_a_window_all_that_is_there_is_shown_but_padding() -> None:
    assert shown(grey([[0, 50], [100, -2000]], PixelPaddingValue=-2000)) == [[0, 128], [255, 0]]


def test_values_are_windowed_after_the_modality_lut() -> None:
    frame = grey([[1000, 1024], [1064, 1200]], RescaleSlope=1, RescaleIntercept=-1024)

    assert shown(frame, View(Window(40, 80))) == [[0, 0], [129, 255]]


def test_the_first_own_window_counts_and_one_asked_for_counts_more() -> None:
    frame = grey([[0, 100]], WindowCenter=[50, 10], WindowWidth=[101, 2])

    assert own_window(frame) == Window(50, 101)
    assert shown(frame) == [[1, 255]]
    assert shown(frame, View(Window(1000, 10))) == [[0, 0]]


def test_monochrome_1_is_bright_where_values_are_low() -> None:
    assert shown(grey([[0, 100]], PhotometricInterpretation="MONOCHROME1")) == [[255, 0]]
    assert shown(
        grey([[0, 100]], PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="IDENTITY")
    ) == [[0, 255]]


@given(
    st.lists(st.integers(-32768, 32767), min_size=1, max_size=40),
    st.floats(-5000, 5000),
    st.floats(1, 10_000),
    st.sampled_from(Shape),
)
def test_windows_are_pydicoms(values: list[int], center: float, width: float, shape: Shape) -> None:
    frame = grey([values], WindowCenter=center, WindowWidth=width)
    frame.VOILUTFunction = shape.value.replace("-", "_").upper()
    with np.errstate(over="ignore"):
        theirs = apply_windowing(np.asarray([values], np.int16), frame)
    low, high = -32768.0, 32767.0

    ours = windowed(
        np.asarray([values], np.float64), Window(float(frame.WindowCenter), float(frame.WindowWidth), shape)
    )

    assert np.allclose(ours * (high - low) + low, theirs, atol=1.0)


def test_a_picture_is_never_turned_or_mirrored() -> None:
    corner = np.zeros((60, 40), int)
    corner[:20, :10] = 1000

    found = np.asarray(render(grey(corner.tolist()), View(viewport=Viewport(20, 30))))

    assert found.shape == (30, 20)
    assert found[3, 2] > 200
    assert max(found[3, 17], found[27, 2], found[27, 17]) < 50


def test_a_viewport_keeps_proportions_and_shows_a_region() -> None:
    wide = grey([[0] * 100, [100] * 100] * 25)

    assert render(wide, View(viewport=Viewport(50, 50))).size == (50, 25)
    assert render(wide, View(viewport=Viewport(200, 200, (0, 0, 50, 50)))).size == (200, 200)
    with pytest.raises(BadQuery):
        render(wide, View(viewport=Viewport(10, 10, (500, 0, 10, 10))))


def test_a_small_picture_is_not_enlarged_beyond_all_bounds() -> None:
    with pytest.raises(BadQuery, match="smaller viewport"):
        render(grey([[0, 1], [1, 0]]), View(viewport=Viewport(16_384, 16_384)))


def test_pixels_that_are_not_square_are_shown_as_they_lie_in_the_world() -> None:
    assert pixel_aspect(grey([[0]], PixelSpacing=[2, 1])) == 2
    assert render(grey([[0, 1], [2, 3]], PixelSpacing=[2, 1]), View()).size == (2, 4)
    assert pixel_aspect(grey([[0]], PixelSpacing=[0, 1])) == 1
    assert pixel_aspect(grey([[0]], PixelAspectRatio=[4, 3])) == pytest.approx(4 / 3)


def test_each_frame_has_its_own_rescale_and_window() -> None:
    first, second = Dataset(), Dataset()
    for group, slope in ((first, 1), (second, 10)):
        rescale, window = Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = slope, 0
        window.WindowCenter, window.WindowWidth = 50, 101
        group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [rescale], [window]
    frame = grey([[0, 10]], PerFrameFunctionalGroupsSequence=[first, second])

    assert shown(flattened(copy.deepcopy(frame), 1))[0][1] < 40
    assert shown(flattened(copy.deepcopy(frame), 2))[0][1] > 240


@pytest.mark.parametrize("depth", [8, 16])
def test_colour_stays_colour(depth: int) -> None:
    name = "SC_rgb.dcm" if depth == 8 else "SC_rgb_16bit.dcm"
    frame = dcmread(str(get_testdata_file(name)))

    found = np.asarray(render(frame, View()))

    assert found.shape == (frame.Rows, frame.Columns, 3)
    assert np.array_equal(found, (frame.pixel_array >> (depth - 8)).astype(np.uint8)) or depth == 16
    assert found[5, 5].tolist() == [255, 0, 0]


def test_a_palette_is_looked_up() -> None:
    frame = dcmread(str(get_testdata_file("examples_palette.dcm")))

    found = np.asarray(render(frame, View()))

    assert found.shape == (frame.Rows, frame.Columns, 3)
    assert len(np.unique(found.reshape(-1, 3), axis=0)) > 10


def test_what_cannot_be_rendered_says_so_without_values() -> None:
    broken = grey([[1, 2]])
    broken.PixelData = b"1"

    with pytest.raises(Unreadable, match="cannot be rendered: ValueError"):
        render(broken, View())


def test_modality_luts_are_looked_up() -> None:
    frame = dcmread(str(get_testdata_file("mlut_18.dcm")))
    values = apply_modality_lut(frame.pixel_array, frame)

    found = np.asarray(render(frame, View(Window(float(values.mean()), float(np.ptp(values)) + 1))))

    assert np.corrcoef(found.ravel(), np.asarray(values, float).ravel())[0, 1] > 0.98
