"""`imx wrap`: a laboratory's files into a folder, or through the one door."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import Result

from imx.errors import CommandFailed
from tests.ologies.annotations.test_annotations import slide_header
from tests.ologies.ecg.test_wfdb import a_record
from tests.ologies.material import PDF, an_aecg

CASE = {
    "person": {
        "identifier": "123", "issuer": "RBT", "nhs_number": "9990000018", "birth_date": "1953-05-08",
        "sex": "F", "name": {"family": "Clark", "given": "Ada"},
    },
    "encounter": {"number": "V1", "issuer": "RBT", "at": "2026-03-03T10:00:00+00:00"},
    "title": "Clinic letter",
}  # fmt: skip

Imx = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An ECG, a letter, and a file that nobody understands; one case for all."""
    folder = tmp_path / "in"
    folder.mkdir()
    folder.joinpath("ecg").write_bytes(an_aecg({"I": [1, 2, 3], "II": [4, 5, 6]}))
    folder.joinpath("letter.pdf").write_bytes(PDF)
    folder.joinpath("notes.txt").write_text("Hello")
    tmp_path.joinpath("case.json").write_text(json.dumps(CASE))
    return folder


def rows(result: Result) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(str(line["file"])).name: line for line in lines}


def test_files_become_dicom_in_a_folder_and_the_others_are_named(imx: Imx, folder: Path) -> None:
    out = folder.parent / "out"
    case = str(folder.parent / "case.json")
    result = imx("wrap", str(folder), "--case", case, "--out", str(out), "--json")
    assert result.exit_code == 1
    said = rows(result)
    assert said["notes.txt"]["outcome"] == "NotUnderstood"
    made = {path: pydicom.dcmread(path) for path in out.rglob("*.dcm")}
    assert {str(path) for path in made} == {*said["ecg"]["written"], *said["letter.pdf"]["written"]}
    assert len({dataset.StudyInstanceUID for dataset in made.values()}) == 1, "one encounter, one study"
    assert not list(out.glob(".*")), "nothing is left of the way"


def test_what_is_stored_is_found_and_once_is_enough(imx: Imx, folder: Path) -> None:
    folder.joinpath("notes.txt").unlink()
    imx("trust", "add", "RBT", "Mid Cheshire")
    command = ["wrap", str(folder), "--case", str(folder.parent / "case.json"), "--store", "--trust", "rbt"]
    first = imx(*command, "--json")
    assert first.exit_code == 0, first.output
    assert {row["outcome"] for row in rows(first).values()} == {"kept"}
    assert {row["outcome"] for row in rows(imx(*command, "--json")).values()} == {"already kept"}


def test_annotations_join_the_study_of_their_slide(imx: Imx, tmp_path: Path) -> None:
    """Whose they are is what the slide says, whether it lies in a file or is kept here."""
    cells = tmp_path / "cells.geojson"
    cells.write_text('{"type": "Feature", "geometry": {"type": "Point", "coordinates": [5, 7]}}')
    path, slide = tmp_path / "slide.dcm", slide_header()
    slide.file_meta = pydicom.dataset.FileMetaDataset()
    slide.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slide.save_as(path, enforce_file_format=True)
    imx("wrap", str(cells), "--slide", str(path), "--out", str(tmp_path / "out"))
    (made,) = (tmp_path / "out").rglob("*.dcm")
    read = pydicom.dcmread(made)
    assert (read.StudyInstanceUID, read.PatientID) == ("2.25.1", "123")

    imx("trust", "add", "RBT", "Mid Cheshire")
    into_store = ["wrap", str(cells), "--store", "--trust", "RBT", "--json", "--slide"]
    assert rows(imx(*into_store, "2.25.3"))["cells.geojson"]["because"] == "no such slide is kept here"
    assert imx("import", str(path), "--trust", "RBT").exit_code == 0
    said = rows(imx(*into_store, "2.25.3"))["cells.geojson"]
    assert (said["outcome"], said["study"]) == ("kept", "2.25.1")
    assert said["instances"][0]["instance"] == read.SOPInstanceUID


def test_it_explains_what_is_missing(imx: Imx, folder: Path) -> None:
    folder.joinpath("letter.pdf.json").write_text(json.dumps(CASE | {"title": None}))
    folder.joinpath("ecg.json").write_text("{")
    result = imx("wrap", str(folder), "--explain", "--json")
    said = rows(result)
    assert said["letter.pdf"]["missing"] == ["title"]
    assert said["ecg"]["outcome"] == "BadCase"
    assert "letter.pdf.json" not in said
    assert "title" in imx("wrap", str(folder / "letter.pdf"), "--explain").stdout


def test_one_thing_is_asked_of_it(imx: Imx, folder: Path) -> None:
    assert imx("wrap", str(folder)).exit_code == 1
    assert imx("wrap", str(folder), "--store", "--explain").exit_code == 1


def test_a_folder_that_takes_nothing_is_one_sentence(imx: Imx, folder: Path) -> None:
    out = folder.parent / "out"
    out.write_text("a file stands in its place")
    command = [
        "wrap",
        str(folder / "ecg"),
        "--case",
        str(folder.parent / "case.json"),
        "--out",
        str(out / "in"),
    ]
    result = imx(*command)
    assert isinstance(result.exception, CommandFailed)


def test_a_record_of_two_files_is_one(imx: Imx, folder: Path) -> None:
    folder.joinpath("notes.txt").unlink()
    a_record(folder, 16, {"I": [1, 2, 3], "II": [4, 5, 6]})
    imx("trust", "add", "RBT", "Mid Cheshire")
    command = ["wrap", str(folder), "--case", str(folder.parent / "case.json"), "--store", "--trust", "RBT"]
    result = imx(*command, "--json")
    assert result.exit_code == 0, result.output
    assert set(rows(result)) == {"ecg", "letter.pdf", "header"}
    kept = json.loads(imx("originals", "list", "--json").stdout)
    assert {each["name"] for each in kept} == {"ecg", "letter.pdf", "header", "r1.dat"}


def test_two_files_of_one_visit_named_otherwise_are_one_study(imx: Imx, folder: Path) -> None:
    folder.joinpath("notes.txt").unlink()
    imx("trust", "add", "RBT", "Mid Cheshire")
    by_accession = CASE["encounter"] | {"accession": "A1"}  # type: ignore[operator]
    folder.joinpath("ecg.json").write_text(json.dumps(CASE | {"encounter": by_accession}))
    folder.joinpath("letter.pdf.json").write_text(json.dumps(CASE))
    said = rows(imx("wrap", str(folder), "--store", "--trust", "RBT", "--json"))
    assert {row["outcome"] for row in said.values()} == {"kept"}
    assert said["ecg"]["study"] == said["letter.pdf"]["study"]

    other = CASE["person"] | {"identifier": "124", "nhs_number": None}  # type: ignore[operator]
    folder.joinpath("letter.pdf.json").write_text(json.dumps(CASE | {"person": other}))
    refused = rows(imx("wrap", str(folder), "--store", "--trust", "RBT", "--json"))["letter.pdf"]
    assert (refused["outcome"], "another person's" in refused["because"]) == ("BadCase", True)


def test_an_order_is_the_case_and_its_own_case_goes_over_it(imx: Imx, folder: Path) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    order = ["--patient", "123", "--name", "CLARK^ADA", "--birth-date", "19530508", "--sex", "F"]
    placed = imx("order", "add", "F1", "--trust", "RBT", "--modality", "ECG", "--accession", "A1", *order)
    assert placed.exit_code == 0, placed.output
    ecg = str(folder / "ecg")
    [kept] = rows(imx("wrap", ecg, "--store", "--trust", "RBT", "--order", "A1", "--json")).values()
    assert kept["outcome"] == "kept", kept
    [explained] = rows(imx("wrap", ecg, "--order", "F1@RBT", "--explain", "--json")).values()
    assert explained["study"] == kept["study"]

    folder.joinpath("ecg.json").write_text(json.dumps({"person": {"birth_date": "1953-05-09"}}))
    [refused] = rows(imx("wrap", ecg, "--order", "A1", "--explain", "--json")).values()
    assert refused["because"] == "the case and its order disagree about person.birth_date"
    assert str(imx("wrap", ecg, "--order", "A2", "--explain").exception).startswith("no order is known")


@pytest.mark.parametrize("how", ["--store", "--out"])
def test_an_ecg_on_paper_is_kept_only_where_there_is_no_signal(imx: Imx, folder: Path, how: str) -> None:
    folder.joinpath("notes.txt").unlink()
    folder.joinpath("a.pdf").write_bytes(PDF)  # of the same name space, and before "ecg"
    case = folder.parent / "case.json"
    case.write_text(json.dumps(CASE | {"document": "ecg"}))
    imx("trust", "add", "RBT", "Mid Cheshire")
    into = ["--store", "--trust", "RBT"] if how == "--store" else ["--out", str(folder.parent / "out")]
    papers = ["a.pdf", "letter.pdf"]

    both = rows(imx("wrap", str(folder), "--case", str(case), *into, "--json"))

    assert {name: both[name]["outcome"] for name in papers} == {"a.pdf": "refused", "letter.pdf": "refused"}
    assert both["ecg"]["is_done"]
    assert "ecg without signal" in str(both["a.pdf"]["because"])
    if how == "--store":  # a later batch finds what is kept
        later = rows(imx("wrap", str(folder / "a.pdf"), "--case", str(case), *into, "--json"))
        assert later["a.pdf"]["outcome"] == "refused"
    case.write_text(json.dumps(CASE | {"document": "ecg without signal"}))
    said = rows(imx("wrap", str(folder / "a.pdf"), "--case", str(case), *into, "--json"))
    assert said["a.pdf"]["is_done"]


def test_an_ecg_on_paper_alone_says_what_it_is(imx: Imx, folder: Path) -> None:
    case = folder.parent / "case.json"
    case.write_text(json.dumps(CASE | {"document": "ecg"}))
    out = folder.parent / "out"
    done = rows(imx("wrap", str(folder / "letter.pdf"), "--case", str(case), "--out", str(out), "--json"))
    assert "without its signal" in str(done["letter.pdf"]["notes"])
    (made,) = (pydicom.dcmread(path) for path in out.rglob("*.dcm"))
    assert (made.Modality, made.ConceptNameCodeSequence[0].CodeValue) == ("ECG", "11524-6")
