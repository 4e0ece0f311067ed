"""`imx links` on a real database."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from typer.testing import CliRunner, Result

from exchange.linking.linker import link_studies
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Sex
from exchange.people.telling import tell
from imx.main import COMMANDS, build
from storage.changes import ChangeFeed, follow
from storage.errors import NotHeld
from storage.files import FileObjects
from tests.exchange.linking.test_linker import NUMBER, send, told, traced
from tests.exchange.people.test_directory import said
from tests.storage.shelf import Shelf

Imx = Callable[..., Result]


@pytest.fixture
def imx(database: str, tmp_path: Path) -> Imx:
    """A study that is linked, and one that names another birth date."""
    environment = {"IMX_DATABASE_URL": database, "IMX_DATA": str(tmp_path / "data")}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build(COMMANDS), list(arguments), env=environment)

    assert run("trust", "add", "RBL", "Wirral").exit_code == 0
    with ConnectionPool(database, min_size=1) as pool:
        shelf = Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))
        told(shelf, traced())
        send(shelf, "1.2.1")
        send(shelf, "1.2.2", PatientBirthDate="19800503")
        follow(ChangeFeed(pool), "linking", partial(link_studies, pool))
    return run


def test_links_are_listed_without_a_word_of_whom(imx: Imx) -> None:
    answer = imx("links", "list", "--json")
    found = {each["study"]: each for each in json.loads(answer.stdout)}
    assert {uid: each["state"] for uid, each in found.items()} == {"1.2.1": "linked", "1.2.2": "conflicting"}
    assert found["1.2.2"]["against"] == ["birth date"]
    for secret in ("SMITH", "Smith", "1980", NUMBER.value):
        assert secret not in answer.stdout
    [only] = json.loads(imx("links", "list", "--state", "conflicting", "--trust", "rbl", "--json").stdout)
    assert only["study"] == "1.2.2"
    assert json.loads(imx("links", "list", "--objected", "--json").stdout) == []


def test_one_is_shown_with_its_evidence_and_who_looked_is_written_down(imx: Imx, database: str) -> None:
    [linked] = json.loads(imx("links", "show", "1.2.1", "--json").stdout)
    assert (linked["person"], linked["by"]) == (NUMBER.value, "imx linker")
    [other] = json.loads(imx("links", "show", "1.2.2", "--json").stdout)
    assert other["proposed"] == [NUMBER.value]
    assert any("day and month are swapped" in each for each in other["evidence"])
    assert "1.2.2" in imx("links", "show", "1.2.2").stdout
    with psycopg.connect(database) as connection:
        [row] = connection.execute(
            "select count(*) from audit where detail ->> 'by' = 'imx links show'"
        ).fetchall()
    assert row[0] == 3


def test_nothing_fails_where_no_fault_is(imx: Imx) -> None:
    answer = imx("links", "failing", "--json")

    assert json.loads(answer.stdout) == []


def test_links_are_counted_by_how_they_stand(imx: Imx) -> None:
    found = {each["state"]: each["studies"] for each in json.loads(imx("links", "count", "--json").stdout)}
    assert (found["linked"], found["conflicting"], found["not looked at"]) == (1, 1, 0)


def test_a_study_that_nobody_has_looked_at_is_said_to_be_so(imx: Imx) -> None:
    answer = imx("links", "show", "1.2.9")
    assert answer.exit_code != 0
    assert isinstance(answer.exception, NotHeld)


def test_studies_are_corrected_together_as_they_were_shown_and_undone(imx: Imx, database: str) -> None:
    other = "9990000026"
    for each in ("RBL:77", f"NHS:{other}"):
        assert imx("links", "correct", "1.2.1", "--to", each).exit_code == 1
    with ConnectionPool(database, min_size=1) as pool, pool.connection() as connection:
        of = Demographics((PersonName("Grey", ("Ann",)),), "19710304", Sex.FEMALE)
        tell(connection, Record(Identifier.nhs(other), of, other, NumberStatus.VERIFIED), said())
    asked = ("links", "correct", "1.2.1", "1.2.2", "--to", f"NHS:{other}")

    shown = imx(*asked)

    assert shown.exit_code == 0, shown.output
    assert "Patient ID" in shown.stdout
    token = shown.stdout.split("--token ")[1].split()[0]
    assert imx(*asked, "--token", "x", "--reason", "wrong wristband").exit_code == 1
    assert imx(*asked, "--token", token).exit_code == 1
    done = imx(*asked, "--token", token, "--reason", "wrong wristband", "--json")
    [decision] = json.loads(done.stdout)
    for uid in ("1.2.1", "1.2.2"):
        [link] = json.loads(imx("links", "show", uid, "--json").stdout)
        assert link["person"] == other
    assert json.loads(imx("links", "copies", "--json").stdout) == []
    number = str(decision["decision"])
    assert imx("links", "undo", "1.2.2", number, "--reason", "it was not").exit_code == 1
    undone = imx("links", "undo", "1.2.1", number, "--reason", "it was not")
    assert undone.exit_code == 0, undone.output
    [link] = json.loads(imx("links", "show", "1.2.2", "--json").stdout)
    assert link["state"] == "conflicting"
