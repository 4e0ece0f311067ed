"""The phantoms are objects that other programs read, the same each time, and say that they are invented."""

from io import BytesIO
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.waveforms.numpy_handler import multiplex_array

from imx.demo.people import crowd
from imx.demo.phantoms import PHANTOMS, phantoms
from imx.demo.region import LIVERPOOL, MODALITIES, TRUSTS
from imx.demo.stamp import COMMENT, Visit

PERSON = crowd(8, TRUSTS)[7]


def written(ds: Dataset) -> bytes:
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", PHANTOMS)
def test_a_phantom_is_read_back(name: str) -> None:
    visit = Visit(PERSON, MODALITIES[0], name)
    made = list(phantoms(name, visit))
    assert len({ds.SOPInstanceUID for ds in made}) == len(made)
    assert {ds.StudyInstanceUID for ds in made} == {visit.study_uid}
    assert len({ds.SeriesInstanceUID for ds in made}) == 1
    for ds in (made[0], made[-1]):
        read = dcmread(BytesIO(written(ds)))
        assert str(read.PatientName) == PERSON.name
        assert read.PatientID == PERSON.local_number(LIVERPOOL)
        assert read.OtherPatientIDsSequence[0].PatientID == PERSON.nhs_number
        assert read.PatientComments == COMMENT
        assert "SYNTHETIC" in read.StudyDescription
        assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID
        assert values(read).std() > 10


def values(ds: Dataset) -> NDArray[Any]:
    """What an object shows: its pixels, or its traces."""
    if "WaveformSequence" in ds:
        return multiplex_array(ds, 0)
    pixels = pixel_array(ds)
    shape = (ds.Rows, ds.Columns, 3) if ds.SamplesPerPixel == 3 else (ds.Rows, ds.Columns)
    assert pixels.shape[-len(shape) :] == shape
    return pixels


@pytest.mark.parametrize("name", ["CT enhanced", "US cine"])
def test_a_multi_frame_phantom_has_a_frame_for_each_moment_or_level(name: str) -> None:
    (ds,) = phantoms(name, Visit(PERSON, MODALITIES[0], name))
    frames = pixel_array(dcmread(BytesIO(written(ds))))
    assert len(frames) == ds.NumberOfFrames == 24
    assert not np.array_equal(frames[0], frames[8])


def test_the_levels_of_a_slide_are_tiled_in_full_and_half_as_fine_each() -> None:
    levels = list(phantoms("slide", Visit(PERSON, MODALITIES[0], "slide")))

    for finer, coarser in pairwise(levels):
        assert coarser.TotalPixelMatrixColumns * 2 == finer.TotalPixelMatrixColumns
        assert coarser.ImagedVolumeWidth == finer.ImagedVolumeWidth
    for level in levels:
        across = ceil(level.TotalPixelMatrixColumns / level.Columns)
        down = ceil(level.TotalPixelMatrixRows / level.Rows)
        assert level.NumberOfFrames == across * down


def test_an_electrocardiogram_has_twelve_leads_of_ten_seconds() -> None:
    (ds,) = phantoms("ECG", Visit(PERSON, MODALITIES[0], "ECG"))
    traces = multiplex_array(dcmread(BytesIO(written(ds))), 0)

    assert traces.shape == (5000, 12)
    assert 1000 < np.abs(traces).max() < 2000  # microvolts


def test_the_same_visit_makes_the_same_bytes() -> None:
    visit = Visit(PERSON, MODALITIES[0], "again")
    for name in ("US cine", "CT enhanced", "ECG", "slide"):
        assert [written(ds) for ds in phantoms(name, visit)] == [written(ds) for ds in phantoms(name, visit)]


def test_the_issuer_is_named_by_modalities_that_do() -> None:
    by_issuer = {
        modality.names_issuer: next(phantoms("US still", Visit(PERSON, modality, "x")))
        for modality in MODALITIES
    }
    assert by_issuer[True].IssuerOfPatientID in {trust.ods_code for trust in TRUSTS}
    assert "IssuerOfPatientID" not in by_issuer[False]
