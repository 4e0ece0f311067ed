"""Who a patient is and who asked for it, as every wrapped object says it."""

from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.ologies.material import PDF, a_case, wrap_one


def wrapped(folder: Path, **said: Any) -> Dataset:
    file = folder / "letter"
    file.write_bytes(PDF)
    return dcmread(wrap_one(file, a_case(**said)).file)


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ({}, [("123", "RBT"), ("9990000018", "NHS")]),
        ({"person__nhs_number": None}, [("123", "RBT")]),
        ({"person__identifier": None, "person__issuer": None}, [("9990000018", "NHS")]),
        (
            {"person__goes_by": {"value": "9990000018", "issuer": "NHS"}},
            [("9990000018", "NHS"), ("123", "RBT")],
        ),
        (
            {"person__goes_by": {"value": "77", "issuer": "REM"}},
            [("77", "REM"), ("123", "RBT"), ("9990000018", "NHS")],
        ),
    ],
)
def test_a_patient_bears_what_their_study_calls_them_and_every_other_number_beside_it(
    tmp_path: Path, said: dict[str, Any], numbers: list[tuple[str, str]]
) -> None:
    dataset = wrapped(tmp_path, **said)
    bearing = [dataset, *dataset.get("OtherPatientIDsSequence", [])]

    assert [(each.PatientID, each.IssuerOfPatientID) for each in bearing] == numbers
    for each in bearing:
        is_national = each.IssuerOfPatientID == "NHS"
        assert ("IssuerOfPatientIDQualifiersSequence" in each) is is_national


def test_the_department_that_asked_is_said(tmp_path: Path) -> None:
    assert (
        wrapped(tmp_path, encounter__requesting_department="Dermatology").RequestingService == "Dermatology"
    )
    assert "RequestingService" not in wrapped(tmp_path)
