import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space

from storage.errors import Unreadable
from tests.viewer_api.rendering.phantoms import image, shown
from viewer_api.rendering.picture import render
from viewer_api.view import ColourSpace, View

COLOURS = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 200, 90], [128, 128, 128], [255, 255, 255]]]


def in_space(frame: Dataset, space: ColourSpace | None) -> Image.Image:
    return render(frame, View(space=space))


def name_of(picture: Image.Image) -> str:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    return str(ImageCms.getProfileDescription(profile)).strip()


def test_planes_and_pixels_show_the_same() -> None:
    planar = image(COLOURS, "u1", PlanarConfiguration=1)
    planar.PixelData = np.moveaxis(np.asarray(COLOURS, "u1"), -1, 0).tobytes()
    assert shown(planar) == shown(image(COLOURS, "u1")) == COLOURS


@pytest.mark.parametrize("kind", ["YBR_FULL", "YBR_FULL_422"])
def test_luminance_and_chroma_become_colour(kind: str) -> None:
    pairs = np.repeat(np.asarray(COLOURS, "u1"), 2, axis=1)
    ybr = convert_color_space(pairs, "RGB", "YBR_FULL")
    frame = image(ybr, "u1", PhotometricInterpretation=kind)
    if kind == "YBR_FULL_422":
        halves = ybr.reshape(-1, 2, 3)
        frame.PixelData = np.stack(
            (halves[:, 0, 0], halves[:, 1, 0], halves[:, 0, 1], halves[:, 0, 2]), axis=-1
        ).tobytes()
    assert np.abs(np.asarray(shown(frame), int) - pairs).max() <= 2


def test_more_than_8_bits_are_scaled() -> None:
    assert shown(image([[[0, 2048, 4095]]], "<u2", BitsStored=12)) == [[[0, 128, 255]]]


def test_retired_kinds_are_refused() -> None:
    with pytest.raises(Unreadable, match="HSV"):
        shown(image(COLOURS, "u1", PhotometricInterpretation="HSV"))


def test_a_profile_is_honoured_unless_a_reader_says_no() -> None:
    wide = in_space(image(COLOURS, "u1"), ColourSpace.ADOBE_RGB).info["icc_profile"]
    frame = image([[[128, 255, 64]]], "u1", ICCProfile=wide)

    plain, kept = in_space(frame, ColourSpace.NO), in_space(frame, ColourSpace.YES)
    assert plain.getpixel((0, 0)) == kept.getpixel((0, 0)) == (128, 255, 64)
    assert "icc_profile" not in plain.info
    assert kept.info["icc_profile"] == wide
    # Adobe RGB's green lies beyond sRGB's: red has to go.
    for seen in (in_space(frame, None), in_space(frame, ColourSpace.SRGB)):
        red, green, _ = np.asarray(seen)[0, 0].tolist()
        assert (red, green) == (0, 255)
        assert name_of(seen).startswith("sRGB")


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (ColourSpace.ADOBE_RGB, "Adobe RGB (1998)"), (ColourSpace.ROMM_RGB, "ROMM RGB"),
        (ColourSpace.DISPLAY_P3, "Display P3"), (ColourSpace.SRGB, "sRGB built-in"),
    ],
)  # fmt: skip
def test_each_space_says_its_name_and_turns_back(space: ColourSpace, name: str) -> None:
    picture = in_space(image(COLOURS, "u1"), space)
    assert name_of(picture) == name
    back = in_space(
        image(np.asarray(picture), "u1", ICCProfile=picture.info["icc_profile"]), ColourSpace.SRGB
    )
    assert np.abs(np.asarray(back, int) - np.asarray(COLOURS)).max() <= 8  # of the widest, 8 bits are few


def test_adobes_numbers_are_those_of_its_specification() -> None:
    # sRGB's red is (219, 0, 0) in Adobe RGB: its own red is the same, its gamma another.
    red = in_space(image([[[255, 0, 0]]], "u1"), ColourSpace.ADOBE_RGB).getpixel((0, 0))
    assert np.abs(np.asarray(red) - (219, 0, 0)).max() <= 1


def test_a_profile_that_cannot_be_read_changes_nothing() -> None:
    frame = image(COLOURS, "u1", ICCProfile=bytes(200))
    assert shown(frame) == COLOURS
