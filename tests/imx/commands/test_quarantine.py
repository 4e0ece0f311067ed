"""`imx quarantine` on a real database: what a co-ordinator does with other content under a known UID."""

import json
from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from typer.testing import Result

Imx = Callable[..., Result]


def test_a_co_ordinator_sees_chooses_and_undoes(imx: Imx, tmp_path: Path) -> None:
    made = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    folder = tmp_path / "in"
    folder.mkdir()
    made.save_as(folder / "a.dcm")
    made.SeriesDescription = "another"
    made.save_as(folder / "b.dcm")
    imx("trust", "add", "RBT", "Mid Cheshire")
    imx("import", str(folder), "--trust", "RBT")

    (waiting,) = json.loads(imx("quarantine", "list", "--json").stdout)
    assert (waiting["outcome"], waiting["study"]) == ("different content", str(made.StudyInstanceUID))
    number = str(waiting["number"])
    shown = imx("quarantine", "show", number).stdout
    assert "(0008,103E) SeriesDescription" in shown

    (taken,) = json.loads(imx("quarantine", "take", number, "--by", "A. Person", "--json").stdout)
    assert (taken["decision"], taken["decided_by"]) == ("take", "A. Person")
    assert json.loads(imx("quarantine", "list", "--json").stdout) == []
    assert imx("quarantine", "keep", number).exit_code != 0

    (again,) = json.loads(imx("quarantine", "undo", number, "--by", "A. Person", "--json").stdout)
    assert again["decision"] is None
    assert len(json.loads(imx("quarantine", "list", "--json").stdout)) == 1
