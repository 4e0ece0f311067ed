"""DCMTK's findscu asks: every level, both roots, every kind of matching, every alphabet, and a cancel."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.service import Service
from tests.storage.material import instance

pytestmark = pytest.mark.peers

NAMES = {
    "1.2.1": ("ISO_IR 100", "Müller-Lüdenscheid^Jörg"),
    "1.2.2": ("ISO_IR 192", "Łuczak^Ędward"),
    "1.2.3": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "1.2.4": ("GB18030", "Wang^XiaoDong=王^小东"),
}
MANY = 1_500


def saved(data_set: Dataset, folder: Path) -> None:
    """As a file that dcmsend takes."""
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.save_as(folder / f"{data_set.SOPInstanceUID}.dcm", enforce_file_format=True)


def sent(service: Service, calling: str, folder: Path) -> None:
    """By DCMTK's sender, in the name of that peer."""
    titles = ("-aet", calling, "-aec", "IMX")
    command = [
        "env",
        "TCP_NODELAY=1",
        "dcmsend",
        *titles,
        "127.0.0.1",
        str(service.dicom_port),
        "+sd",
        str(folder),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=100)


@pytest.fixture(scope="module", autouse=True)
def region(service: Service, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two trusts' patients 123; names in many alphabets; one study of many series."""
    service.imx("trust", "add", "REM", "Mersey")
    service.imx("peer", "add", "FINDSCU", "--trust", "RBT", "--plain", "--read")
    service.imx("peer", "add", "ELSEWHERE", "--trust", "REM", "--plain", "--read")
    ours, theirs = (tmp_path_factory.mktemp(name) for name in ("ours", "theirs"))
    for uid, (character_set, name) in NAMES.items():
        who = {"SpecificCharacterSet": character_set, "PatientName": name, "PatientID": f"P{uid}"}
        saved(instance(**who, AccessionNumber=uid, StudyInstanceUID=uid, StudyDate="20240101"), ours)
    one = {"StudyInstanceUID": "1.1", "StudyDate": "20250102"}
    saved(instance(**one, SeriesInstanceUID="1.1.1"), ours)
    saved(instance(**one, SeriesInstanceUID="1.1.2", Modality="SR"), ours)
    saved(instance(StudyInstanceUID="1.3", PatientName="Smith^Jo", StudyDate="20250103"), theirs)
    long = {"StudyInstanceUID": "1.4", "StudyDate": "20220101", "PatientID": "9", "AccessionNumber": "A4"}
    for number in range(MANY):
        saved(instance(**long, SeriesInstanceUID=f"1.4.{number}"), ours)
    sent(service, "FINDSCU", ours)
    sent(service, "ELSEWHERE", theirs)


def find(
    service: Service,
    folder: Path,
    *options: str,
    keys: dict[str, str] | None = None,
    calling: str = "FINDSCU",
    files: Sequence[Path] = (),
) -> tuple[list[FileDataset], str]:
    """What findscu extracts, and what it says."""
    folder.mkdir()
    asked = [part for name, value in (keys or {}).items() for part in ("-k", f"{name}={value}")]
    done = subprocess.run(
        [
            "findscu", "-v", "-aet", calling, "-aec", "IMX", *options, *asked, "-X", "-od", str(folder),
            "127.0.0.1", str(service.dicom_port), *map(str, files),
        ],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    answers = [dcmread(path) for path in sorted(folder.glob("rsp*.dcm"))]
    return answers, (done.stdout + done.stderr).decode("utf-8", "replace")


#: Root, level, keys, and what the answers hold.
CASES: list[tuple[str, str, str, str, list[Any]]] = [
    ("-S", "STUDY", "StudyDate=20250101- StudyInstanceUID=", "StudyInstanceUID", ["1.1", "1.3"]),
    ("-S", "STUDY", "PatientID=123456 StudyInstanceUID=", "StudyInstanceUID", ["1.1"]),
    ("-S", "STUDY", "PatientID=123456 IssuerOfPatientID=REM StudyInstanceUID=", "StudyInstanceUID", ["1.3"]),
    ("-S", "STUDY", "PatientName=sm?th* StudyInstanceUID=", "StudyInstanceUID", ["1.3"]),
    ("-S", "STUDY", "ModalitiesInStudy=SR StudyInstanceUID=", "StudyInstanceUID", ["1.1"]),
    ("-S", "STUDY", r"StudyInstanceUID=1.1\1.3\9.9", "StudyInstanceUID", ["1.1", "1.3"]),
    ("-S", "SERIES", "StudyInstanceUID=1.1 SeriesInstanceUID=", "SeriesInstanceUID", ["1.1.1", "1.1.2"]),
    ("-S", "IMAGE", "StudyInstanceUID=1.1 SeriesInstanceUID=1.1.2 SOPInstanceUID= Rows=", "Rows", [4]),
    (
        "-P", "PATIENT", "PatientID=123456 NumberOfPatientRelatedStudies=", "NumberOfPatientRelatedStudies",
        [1],
    ),
    ("-P", "STUDY", "PatientID=123456 StudyInstanceUID=", "StudyInstanceUID", ["1.1"]),
    (
        "-P", "SERIES", "PatientID=123456 StudyInstanceUID=1.1 SeriesInstanceUID=", "SeriesInstanceUID",
        ["1.1.1", "1.1.2"],
    ),
    ("-O", "STUDY", "PatientID=123456 StudyInstanceUID=", "StudyInstanceUID", ["1.1"]),
]  # fmt: skip


@pytest.mark.parametrize("syntax", ["-x=", "-xi", "-xb"])
def test_every_level_of_every_root(service: Service, tmp_path: Path, syntax: str) -> None:
    for number, (root, level, texts, keyword, values) in enumerate(CASES):
        keys = {"QueryRetrieveLevel": level} | dict(text.split("=") for text in texts.split())
        answers, said = find(service, tmp_path / str(number), root, syntax, keys=keys)
        assert sorted(getattr(each, keyword) for each in answers) == values, keys
        assert {each.QueryRetrieveLevel for each in answers} == {level}
        assert {each.RetrieveAETitle for each in answers} == {"IMX"}
        assert all(each.IssuerOfPatientID in ("RBT", "REM") for each in answers)
        assert "Received Final Find Response (Success)" in said


def test_two_trusts_same_number_is_two_people(service: Service, tmp_path: Path) -> None:
    keys = {
        "QueryRetrieveLevel": "STUDY",
        "PatientID": "123456",
        "AccessionNumber": "A1",
        "StudyInstanceUID": "",
    }
    for calling, study, issuer in (("FINDSCU", "1.1", "RBT"), ("ELSEWHERE", "1.3", "REM")):
        (found,), _said = find(service, tmp_path / calling, "-S", keys=keys, calling=calling)
        assert (found.StudyInstanceUID, found.IssuerOfPatientID) == (study, issuer)


def test_a_missing_unique_key_is_named(service: Service, tmp_path: Path) -> None:
    keys = {"QueryRetrieveLevel": "SERIES", "Modality": "CT"}
    answers, said = find(service, tmp_path / "out", "-S", "-d", keys=keys)
    assert answers == []
    assert "0xa900" in said
    assert "(0020,000d)" in said


@pytest.mark.parametrize(
    ("character_set", "name", "uid"),
    [
        ("ISO_IR 100", "müller-*", "1.2.1"),
        ("ISO_IR 192", "Müller-LÜDENscheid^JÖRG", "1.2.1"),
        ("ISO_IR 192", "łuczak*", "1.2.2"),
        ("ISO_IR 101", "Łuczak*", "1.2.2"),
        (["", "ISO 2022 IR 87"], "Yamada*=山田*", "1.2.3"),
        ("ISO_IR 192", "*=山田^太郎*", "1.2.3"),
        ("GB18030", "*=王*", "1.2.4"),
        ("GB18030", "*=山田*", "1.2.3"),
    ],
)
def test_names_in_every_alphabet(
    service: Service, tmp_path: Path, character_set: Any, name: str, uid: str
) -> None:
    asked = Dataset()
    asked.SpecificCharacterSet = character_set
    asked.QueryRetrieveLevel, asked.StudyInstanceUID, asked.PatientName = "STUDY", "", name
    asked.file_meta = FileMetaDataset()
    asked.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    asked.save_as(tmp_path / "asked.dcm")

    (found,), _said = find(service, tmp_path / "out", "-S", files=[tmp_path / "asked.dcm"])

    assert found.StudyInstanceUID == uid
    assert found.PatientName == NAMES[uid][1]
    assert found.SpecificCharacterSet == character_set


def test_a_cancel_is_answered_and_nothing_is_harmed(service: Service, tmp_path: Path) -> None:
    keys = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.4", "SeriesInstanceUID": ""}
    whole, said = find(service, tmp_path / "whole", "-S", "-Xlo", "10", keys=keys)
    assert len(whole) == 10
    assert f"Find Response {MANY} (Pending)" in said
    _some, said = find(service, tmp_path / "some", "-S", "-Xlo", "10", "--cancel", "1", keys=keys)
    assert "Sending Cancel Request" in said
    # What had left already is read first; a cancel that comes after the last answer has none of its own.
    assert "MatchingTerminatedDueToCancelRequest" in said or "Final Find Response (Success)" in said
