"""The phantoms are objects that other programs read, the same each time, and say that they are invented."""

from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

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
        pixels = pixel_array(read)
        assert pixels.shape[-2:] == (read.Rows, read.Columns)
        assert pixels.std() > 10


@pytest.mark.parametrize("name", ["CT enhanced", "US cine"])
def test_a_multi_frame_phantom_has_a_frame_for_each_moment_or_level(name: str) -> None:
    (ds,) = phantoms(name, Visit(PERSON, MODALITIES[0], name))
    frames = pixel_array(dcmread(BytesIO(written(ds))))
    assert len(frames) == ds.NumberOfFrames == 24
    assert not np.array_equal(frames[0], frames[8])


def test_the_same_visit_makes_the_same_bytes() -> None:
    visit = Visit(PERSON, MODALITIES[0], "again")
    for name in ("US cine", "CT enhanced"):
        assert [written(ds) for ds in phantoms(name, visit)] == [written(ds) for ds in phantoms(name, visit)]


def test_the_issuer_is_named_by_modalities_that_do() -> None:
    by_issuer = {
        modality.names_issuer: next(phantoms("US still", Visit(PERSON, modality, "x")))
        for modality in MODALITIES
    }
    assert by_issuer[True].IssuerOfPatientID in {trust.ods_code for trust in TRUSTS}
    assert "IssuerOfPatientID" not in by_issuer[False]
