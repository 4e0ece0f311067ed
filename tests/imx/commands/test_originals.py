"""`imx originals`: which there are, and one of them back, byte for byte."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from imx.errors import CommandFailed
from tests.imx.commands.test_wrap import CASE
from tests.ologies.material import PDF

Imx = Callable[..., Result]


@pytest.fixture
def letter(imx: Imx, tmp_path: Path) -> Path:
    """A letter that was wrapped and kept."""
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(PDF)
    tmp_path.joinpath("letter.pdf.json").write_text(json.dumps(CASE))
    imx("trust", "add", "RBT", "Mid Cheshire")
    assert imx("wrap", str(letter), "--store", "--trust", "RBT").exit_code == 0
    return letter


def test_an_original_is_listed_and_had_back(imx: Imx, letter: Path) -> None:
    [listed] = json.loads(imx("originals", "list", "--json").stdout)
    assert (listed["name"], listed["trust"], listed["size"]) == ("letter.pdf", "RBT", len(PDF))
    assert json.loads(imx("originals", "list", "--study", listed["study"], "--json").stdout) == [listed]
    assert "letter" in imx("originals", "list").stdout

    out = letter.parent / "back.pdf"
    result = imx("originals", "get", str(listed["number"]), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == PDF
    assert out.stat().st_mode & 0o077 == 0
    again = imx("originals", "get", str(listed["number"]), "--out", str(out))
    assert isinstance(again.exception, CommandFailed)


def test_it_is_never_exported(imx: Imx, letter: Path) -> None:
    out = letter.parent / "exported"
    assert imx("export", str(out)).exit_code == 0
    [file] = [path for path in out.rglob("*") if path.is_file()]
    assert file.read_bytes()[128:132] == b"DICM"
    assert imx("verify").exit_code == 0


def test_one_that_is_not_there_is_one_sentence(imx: Imx, tmp_path: Path) -> None:
    result = imx("originals", "get", "7", "--out", str(tmp_path / "x"))
    assert str(result.exception) == "not held here: original 7"
