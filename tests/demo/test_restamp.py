"""pydicom's test files keep their pixels and their transfer syntax, and get people who do not exist."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import config, dcmread
from pydicom.uid import UID

from imx.demo.cargo import be_tolerant, load
from imx.demo.people import crowd
from imx.demo.region import MODALITIES, TRUSTS
from imx.demo.restamp import CannotRestamp, restamp, source_files
from imx.demo.stamp import COMMENT
from imx.part10 import head_of

PEOPLE = crowd(24, TRUSTS)


@pytest.fixture(autouse=True)
def tolerant() -> Iterator[None]:
    """pydicom's switches are of the whole process: put back afterwards."""
    reading, writing = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    be_tolerant()
    yield
    config.settings.reading_validation_mode, config.settings.writing_validation_mode = reading, writing


@pytest.mark.filterwarnings("ignore")
def test_pixels_and_transfer_syntax_stay_and_the_person_is_new() -> None:
    files = restamped = 0
    for path in source_files():
        files += 1
        try:
            ds = restamp(path, MODALITIES[0], PEOPLE)
        except CannotRestamp:
            continue
        restamped += 1
        original = dcmread(path)
        assert ds.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        for keyword in ("PixelData", "FloatPixelData", "WaveformSequence"):
            assert ds.get(keyword) == original.get(keyword), path.name
        assert str(ds.PatientName) in {person.name for person in PEOPLE}
        assert ds.PatientComments == COMMENT
        assert ds.InstitutionName == MODALITIES[0].trust.name
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert ds[keyword].value != original[keyword].value
            assert UID(ds[keyword].value).is_valid
    assert restamped > 60 < files


@pytest.mark.filterwarnings("ignore")
def test_a_file_restamped_again_is_the_same_instance() -> None:
    by_name = {path.name: path for path in source_files()}
    for name in ("CT_small.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm", "chrGreek.dcm"):
        first, second = (restamp(by_name[name], MODALITIES[0], PEOPLE) for _ in range(2))
        assert first == second
        elsewhere = restamp(by_name[name], MODALITIES[1], PEOPLE)
        assert elsewhere.SOPInstanceUID != first.SOPInstanceUID
        assert elsewhere.StudyInstanceUID != first.StudyInstanceUID


def test_every_modality_has_files_to_send(tmp_path: Path) -> None:
    cargo = load(tmp_path)
    assert set(cargo.files) == set(MODALITIES)
    assert cargo.size > 130
    heads = [head for files in cargo.files.values() for _, head in files]
    assert len({head.sop_instance_uid for head in heads}) == cargo.size
    for files in cargo.files.values():
        assert files
        assert all(head == head_of(path) for path, head in files)
    assert {"README.txt", "DICOMDIR"} <= {one.name for one in cargo.left_out}


def test_files_that_are_no_instances_are_named_with_a_reason() -> None:
    by_name = {path.name: path for path in source_files()}
    for name, reason in {
        "README.txt": "cannot read",
        "DICOMDIR": "directory",
        "no_meta.dcm": "cannot read",
    }.items():
        with pytest.raises(CannotRestamp, match=reason):
            restamp(by_name[name], MODALITIES[0], PEOPLE)
