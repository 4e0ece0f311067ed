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
def test_the_cargo_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = load(tmp_path / "one"), load(tmp_path / "two")
    assert first.size == second.size > 130
    assert [one.name for one in first.left_out] == [one.name for one in second.left_out]
    uids: set[str] = set()
    for modality, files in first.files.items():
        assert files, modality.ae_title
        for (path, head), (again, _) in zip(files, second.files[modality], strict=True):
            assert path.read_bytes() == again.read_bytes()
            assert head == head_of(path)
            uids.add(head.sop_instance_uid)
    assert len(uids) == first.size


def test_files_that_are_no_instances_are_named_with_a_reason() -> None:
    by_name = {path.name: path for path in source_files()}
    for name, reason in {
        "README.txt": "cannot read",
        "DICOMDIR": "directory",
        "no_meta.dcm": "cannot read",
    }.items():
        with pytest.raises(CannotRestamp, match=reason):
            restamp(by_name[name], MODALITIES[0], PEOPLE)
