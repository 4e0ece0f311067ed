"""`imx manifest`: what a study holds, in each encoding."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from exchange.manifests.fhir_in import read_document
from exchange.manifests.kos_in import read_kos
from imx.errors import CommandFailed
from tests.imx.commands.test_wrap import CASE
from tests.ologies.material import PDF

Imx = Callable[..., Result]


@pytest.fixture
def study(imx: Imx, tmp_path: Path) -> str:
    """The study of a letter that was wrapped and kept."""
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(PDF)
    tmp_path.joinpath("letter.pdf.json").write_text(json.dumps(CASE))
    imx("trust", "add", "RBT", "Mid Cheshire")
    assert imx("wrap", str(letter), "--store", "--trust", "RBT").exit_code == 0
    [listed] = json.loads(imx("originals", "list", "--json").stdout)
    return str(listed["study"])


def test_a_manifest_is_written_to_a_file_or_printed(imx: Imx, study: str, tmp_path: Path) -> None:
    out = tmp_path / "manifest.dcm"
    result = imx("manifest", study, "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    (made,) = read_kos(out.read_bytes())
    [told] = json.loads(result.stdout)
    assert (made.uid, made.study_uid) == (told["uid"], study)
    assert read_document(json.loads(imx("manifest", study, "--as", "fhir").stdout)).study_uid == study
    again = imx("manifest", study, "--out", str(out))
    assert isinstance(again.exception, CommandFailed)


def test_a_study_that_is_not_there_is_one_sentence(imx: Imx) -> None:
    assert str(imx("manifest", "1.2.999").exception) == "not held here: study 1.2.999"
