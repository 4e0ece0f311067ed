"""Pictures beside those of DCMTK's dcmj2pnm: the same grey levels and colours, but for rounding."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tests.storage.material import sample
from tests.viewer_api.rendering.phantoms import image, lut, overlaid
from viewer_api.rendering.groups import flattened
from viewer_api.rendering.picture import render
from viewer_api.view import Shape, View, Window

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]

#: Levels of 256 by which rounding may differ.
ROUNDING = 1


def theirs(path: Path, *options: str) -> NDArray[np.int64]:
    """What dcmj2pnm makes of a file, (rows, columns) or (rows, columns, 3)."""
    target = path.with_suffix(".pnm")
    subprocess.run(["dcmj2pnm", "-q", "+op", "-S", *options, str(path), str(target)], check=True, timeout=60)
    with Image.open(target) as picture:
        return np.asarray(picture, np.int64)


def ours(found: Dataset, window: Window | None = None) -> NDArray[np.int64]:
    return np.asarray(render(flattened(found), View(window)), np.int64)


def written(found: Dataset, path: Path) -> Path:
    found.SOPClassUID, found.SOPInstanceUID = CTImageStorage, generate_uid()
    found.file_meta.MediaStorageSOPClassUID = CTImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.save_as(path, enforce_file_format=True)
    return path


def ramp() -> NDArray[np.int64]:
    return np.arange(-2048, 2048).reshape(64, 64)


WINDOWS = (
    Window(40, 400),
    Window(-600, 1500),
    Window(1, 1),
    Window(0.5, 2),
    Window(300, 2000, Shape.SIGMOID),
)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_windows_of_rescaled_values(tmp_path: Path, window: Window, photometric: str) -> None:
    found = image(ramp(), RescaleSlope="2", RescaleIntercept="-100", PhotometricInterpretation=photometric)
    path = written(found, tmp_path / "ramp.dcm")
    shape = "+Wfs" if window.shape is Shape.SIGMOID else "+Wfl"
    peers = theirs(path, "+Ww", str(window.center), str(window.width), shape)
    assert np.abs(peers - ours(found, window)).max() <= ROUNDING


def test_own_windows_and_voi_luts(tmp_path: Path) -> None:
    found = image(ramp(), WindowCenter="100", WindowWidth="900")
    path = written(found, tmp_path / "own.dcm")
    assert np.abs(theirs(path, "+Wi", "1") - ours(found)).max() <= ROUNDING
    found.VOILUTSequence = [lut([(each * each) // 16 for each in range(256)], -128, 12)]
    path = written(found, tmp_path / "lut.dcm")
    assert np.abs(theirs(path, "+Wl", "1") - ours(found)).max() <= ROUNDING


def test_a_modality_lut(tmp_path: Path) -> None:
    found = image(np.arange(4096).reshape(64, 64), "<u2", BitsStored=12, HighBit=11)
    found.ModalityLUTSequence = [lut([4095 - each for each in range(4096)], 0, 12)]
    found.ModalityLUTSequence[0].ModalityLUTType = "US"
    path = written(found, tmp_path / "modality.dcm")
    window = Window(2000, 3000)
    assert np.abs(theirs(path, "+Ww", "2000", "3000") - ours(found, window)).max() <= ROUNDING


def test_overlays_apart_and_within_the_pixels(tmp_path: Path) -> None:
    marked = np.indices((20, 30)).sum(axis=0) % 3 == 0
    found = overlaid(image(ramp()), marked, origin=[10, 50])
    path = written(found, tmp_path / "apart.dcm")
    window = Window(0, 4096)
    options = ("+Ww", "0", "4096", "+O", "0", "+Omr")
    assert np.abs(theirs(path, *options) - ours(found, window)).max() <= ROUNDING

    values = np.arange(4096).reshape(64, 64)
    values[::7, ::5] |= 0x8000
    found = image(values, "<u2", BitsStored=12, HighBit=11)
    for element, vr, value in (
        (0x10, "US", 64), (0x11, "US", 64), (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 16),
        (0x102, "US", 15),
    ):  # fmt: skip
        found.add_new((0x6000, element), vr, value)
    path = written(found, tmp_path / "within.dcm")
    options = ("+Ww", "2048", "4096", "+O", "0", "+Omr")
    assert np.abs(theirs(path, *options) - ours(found, Window(2048, 4096))).max() <= ROUNDING


@pytest.mark.parametrize(
    "name",
    [
        "examples_palette.dcm", "examples_rgb_color.dcm", "SC_rgb_small_odd.dcm",
        "SC_ybr_full_uncompressed.dcm", "SC_rgb_16bit.dcm", "OBXXXX1A.dcm",
    ],
)  # fmt: skip
def test_colours(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(sample(name).path.read_bytes())
    found = dcmread(path)
    if int(found.get("NumberOfFrames", 1)) > 1:
        pytest.skip("a file of one frame is wanted")
    assert np.abs(theirs(path) - ours(found)).max() <= 2  # YCbCr is rounded twice


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "vlut_04.dcm", "mlut_18.dcm", "RG3_UNCR.dcm"]
)
def test_files_of_modalities(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(sample(name).path.read_bytes())
    found = dcmread(path)
    center, width = 500.0, 900.0
    peers = theirs(path, "+Ww", str(center), str(width), "+O", "0", "+Omr")
    frame = ours(found, Window(center, width))
    if found.get("PixelPaddingValue") is not None:  # dcmj2pnm windows padding too
        seen = frame != 0
        peers, frame = peers[seen], frame[seen]
    assert np.abs(peers - frame).max() <= ROUNDING
