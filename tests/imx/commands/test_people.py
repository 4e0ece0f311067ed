"""`imx people` on a real database."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from typer.testing import Result

from imx.errors import CommandFailed
from storage.errors import ArchiveError

Imx = Callable[..., Result]

FILE = """issuer,number,nhs_number,nhs_number_status,family,given,birth_date,sex
RBL,1,9990000018,01,Neil,Zoë,19500102,F
RBL,2,9990000026,01,Walsh,Owen,19610304,M
RBL,3,,,Jones,Ann,never,F
"""


@pytest.fixture
def loaded(imx: Imx, tmp_path: Path) -> Imx:
    """Two people of Wirral's."""
    assert imx("trust", "add", "RBL", "Wirral").exit_code == 0
    file = tmp_path / "people.csv.gz"
    with gzip.open(file, "wt", encoding="utf-8") as into:
        into.write(FILE)
    result = imx("people", "load", str(file), "--said-at", "2026-03-01T00:00:00Z", "--json")
    [found] = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["lines"], found["news"]) == (3, 2)
    assert found["named"] == [{"line": 3, "because": "a birth date that is none (YYYYMMDD)"}]
    return imx


def shown(imx: Imx, number: str) -> str:
    """For whom a number stands."""
    [found] = json.loads(imx("people", "show", number, "--json").stdout)
    return str(found["number"])


def test_a_loaded_person_is_shown_and_found_and_who_looked_is_written_down(
    loaded: Imx, database: str
) -> None:
    assert shown(loaded, "RBL:1") == "NHS:9990000018"
    [found] = json.loads(loaded("people", "find", "--family", "wal", "--born", "1961", "--json").stdout)
    assert (found["name"], found["others"]) == ("Walsh^Owen", ["RBL:2"])
    with psycopg.connect(database) as connection:
        rows = connection.execute("select action, count(person) from audit group by 1 order by 1").fetchall()
    assert rows == [("look for people", 1), ("see a person's record", 1), ("tell who people are", 0)]


def test_a_merge_is_undone_and_what_contradicts_is_listed(loaded: Imx, database: str) -> None:
    assert json.loads(loaded("people", "merge", "RBL:1", "RBL:2", "--preview", "--json").stdout) == []
    assert shown(loaded, "RBL:1") == "NHS:9990000018"
    assert loaded("people", "merge", "RBL:1", "RBL:2", "--by", "ann").exit_code == 0
    assert shown(loaded, "RBL:1") == "NHS:9990000026"
    [doubt] = json.loads(loaded("people", "doubts", "--json").stdout)
    assert (doubt["one"], doubt["other"], doubt["said_by"]) == ("RBL:1", "RBL:2", "ann")
    assert loaded("people", "unmerge", "RBL:1", "--by", "bob").exit_code == 0
    assert shown(loaded, "RBL:1") == "NHS:9990000018"
    assert loaded("people", "link", "RBL:1", "RBL:2").exit_code == 0
    [doubt] = json.loads(loaded("people", "doubts", "--json").stdout)
    assert doubt["what"].startswith("linked")
    assert loaded("people", "unlink", "RBL:2", "RBL:1").exit_code == 0
    assert json.loads(loaded("people", "doubts", "--json").stdout) == []
    with psycopg.connect(database) as connection:
        said = connection.execute("select kind, said_by from person_statement order by id").fetchall()
    assert said[:2] == [("merged", "ann"), ("apart", "bob")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "RBL:9"), ("show", "123456"), ("merge", "RBL:1", "RBL:9"), ("find",),
        ("load", "{file}", "--said-at", "now"), ("load", "{file}", "--trust", "REX"), ("load", "{file}"),
        ("merge", "RBL:1", "RBL:1"), ("link", "NHS:9990000018", "RBL:1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(loaded: Imx, arguments: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("shoe_size\n")
    wrong = loaded("people", *(each.format(file=file) for each in arguments))
    assert isinstance(wrong.exception, CommandFailed | ArchiveError), wrong.output
