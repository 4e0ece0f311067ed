"""The command line on a real database: the registry, tokens, import, export, verify, rebuild."""

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import psycopg
import pydicom
import pytest
from psycopg.conninfo import make_conninfo
from pydicom.data import get_testdata_file
from typer.testing import CliRunner

from imx.errors import SetupError
from imx.main import COMMANDS, build
from imx.part10 import head_of
from imx.pool import open_pool
from storage.errors import ArchiveError
from storage.file_names import as_name
from storage.files import FileObjects
from storage.staging import StagedObjects, move_staged
from tests.imx.conftest import Imx


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of pydicom's, and one that is not DICOM."""
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(str(get_testdata_file("CT_small.dcm")), folder / "ct.dcm")
    shutil.copy(str(get_testdata_file("MR_small.dcm")), folder / "deeper" / "mr")
    (folder / "notes.txt").write_text("not DICOM")
    return folder


def move(database: str, data: Path) -> None:
    """Small objects into the object store, as a worker would."""
    with open_pool(database, 2) as pool:
        move_staged(StagedObjects(FileObjects(data / "objects", 0), pool), timedelta(0))


def data_set(path: Path) -> bytes:
    return path.read_bytes()[head_of(path).data_set_at :]


def test_trusts_and_peers_are_added_listed_and_changed(imx: Imx) -> None:
    assert imx("trust", "add", "rbt", "Mid Cheshire", "--place", "Cheshire East").exit_code == 0
    assert imx("peer", "add", "CT1", "--trust", "RBT", "--host", "10.0.0.1").exit_code == 0
    assert (
        imx("peer", "add", "CT1", "--trust", "RBT", "--host", "10.0.0.1", "--read", "--no-store").exit_code
        == 0
    )

    (trust,) = json.loads(imx("trust", "list", "--json").stdout)
    (peer,) = json.loads(imx("peer", "list", "--json").stdout)

    assert (trust["ods_code"], trust["name"]) == ("RBT", "Mid Cheshire")
    assert (trust["issuer"], trust["place"], trust["successor"]) == ("RBT", "Cheshire East", None)
    assert (peer["ae_title"], peer["may_read"], peer["may_store"]) == ("CT1", True, False)


def test_a_peer_of_an_unknown_trust_is_refused(imx: Imx) -> None:
    refused = imx("peer", "add", "CT1", "--trust", "NONE")

    assert isinstance(refused.exception, ArchiveError)


@pytest.mark.parametrize("title", ["", "SEVENTEEN-LETTERS", "BACK\\SLASH"])
def test_what_is_no_ae_title_is_refused(imx: Imx, title: str) -> None:
    assert imx("peer", "add", title, "--trust", "RBT").exit_code == 2


def test_a_token_is_shown_once_and_can_be_revoked(imx: Imx, database: str) -> None:
    token = imx("token", "create", "ward 3", "--role", "reader").stdout.split()[-1]

    with psycopg.connect(database) as connection:
        held = connection.execute("select digest, role from access_token").fetchone()
    assert held == (hashlib.sha256(token.encode()).digest(), "reader")
    assert token not in imx("token", "list", "--json").stdout
    assert imx("token", "revoke", "ward 3").exit_code == 0
    assert isinstance(imx("token", "revoke", "ward 3").exception, SetupError)


def test_what_is_imported_is_exported_bit_for_bit(imx: Imx, folder: Path, tmp_path: Path) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    out = tmp_path / "out"

    imported = imx("import", str(folder), "--trust", "RBT", "--json")
    exported = imx("export", str(out), "--json")

    lines = {Path(line["file"]).name: line for line in map(json.loads, imported.stdout.splitlines())}
    assert {name: line["outcome"] for name, line in lines.items()} == {
        "ct.dcm": "kept",
        "mr": "kept",
        "notes.txt": "not DICOM",
    }
    assert imported.exit_code == 1
    assert json.loads(exported.stdout) == {"written": 2, "there_before": 0, "not_exported": []}
    for source in (folder / "ct.dcm", folder / "deeper" / "mr"):
        read = pydicom.dcmread(source)
        copy = out / read.StudyInstanceUID / read.SeriesInstanceUID / f"{read.SOPInstanceUID}.dcm"
        assert data_set(copy) == data_set(source)


def test_an_import_goes_on_where_it_stopped(imx: Imx, folder: Path) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    (folder / "notes.txt").unlink()
    first = imx("import", str(folder / "deeper"), "--trust", "RBT", "--json")
    again = imx("import", str(folder / "deeper"), "--trust", "RBT", "--json")

    assert json.loads(first.stdout)["outcome"] == "kept"
    assert (json.loads(again.stdout)["outcome"], again.exit_code) == ("done before", 0)

    (folder / "deeper" / "mr").touch()
    assert json.loads(imx("import", str(folder / "deeper"), "--trust", "RBT", "--json").stdout)[
        "outcome"
    ] == ("already kept")


def test_an_export_goes_on_where_it_stopped(imx: Imx, folder: Path, tmp_path: Path) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    imx("import", str(folder), "--trust", "RBT")
    out = tmp_path / "out"
    uid = str(pydicom.dcmread(folder / "ct.dcm").StudyInstanceUID)

    one = imx("export", str(out), "--study", uid, "--json")
    (written,) = out.rglob("*.dcm")
    written.write_bytes(written.read_bytes()[:-1])
    both = imx("export", str(out), "--json")

    assert json.loads(one.stdout)["written"] == 1
    assert json.loads(both.stdout) == {"written": 2, "there_before": 0, "not_exported": []}
    assert json.loads(imx("export", str(out), "--json").stdout)["there_before"] == 2


def test_an_export_is_in_the_audit(imx: Imx, folder: Path, tmp_path: Path, database: str) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    imx("import", str(folder), "--trust", "RBT")
    uid = str(pydicom.dcmread(folder / "ct.dcm").StudyInstanceUID)

    imx("export", str(tmp_path / "out"), "--study", uid)

    with psycopg.connect(database) as connection:
        rows = connection.execute("select actor_kind, study_uid, outcome from audit").fetchall()
    assert rows == [("operator", uid, "allowed")]


def test_a_study_that_is_not_held_is_not_exported(imx: Imx, tmp_path: Path) -> None:
    assert imx("export", str(tmp_path / "out"), "--study", "1.2.3").exit_code == 1


def test_a_damaged_object_is_found_and_not_exported(
    imx: Imx, folder: Path, tmp_path: Path, database: str
) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    imx("import", str(folder / "deeper"), "--trust", "RBT")
    move(database, tmp_path / "data")
    sound = imx("verify", "--json")
    (kept,) = (tmp_path / "data" / "objects").rglob("*.dcm")
    kept.chmod(0o600)
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)

    damaged = imx("verify", "--json")
    exported = imx("export", str(tmp_path / "out"), "--json")

    assert (sound.exit_code, json.loads(sound.stdout)["damaged"]) == (0, [])
    assert damaged.exit_code == 1
    assert len(json.loads(damaged.stdout)["damaged"]) == 1
    assert exported.exit_code == 1
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_the_index_is_made_again_from_objects_alone(
    imx: Imx, folder: Path, tmp_path: Path, database: str
) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    imx("import", str(folder), "--trust", "RBT")
    move(database, tmp_path / "data")
    with psycopg.connect(database) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")

    rebuilt = imx("rebuild", "--json")

    assert rebuilt.exit_code == 0, rebuilt.stdout
    assert json.loads(rebuilt.stdout)["indexed"] == 2
    assert json.loads(imx("export", str(tmp_path / "out"), "--json").stdout)["written"] == 2


@pytest.mark.parametrize("uid", ["../../etc", "", "1..2", "1.2/3", "1" * 65, "1.2\0"])
def test_what_is_no_uid_never_becomes_a_path(uid: str) -> None:
    assert as_name(uid).startswith("odd-")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    said = CliRunner().invoke(build([name]), [name, "--help"])

    assert said.exit_code == 0
    assert "Usage" in said.stdout


def test_a_dump_restored_elsewhere_is_the_same_archive(
    imx: Imx, folder: Path, tmp_path: Path, database_url: str
) -> None:
    imx("trust", "add", "RBT", "Mid Cheshire")
    imx("import", str(folder), "--trust", "RBT")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database restored")
    elsewhere = {
        "IMX_DATABASE_URL": make_conninfo(database_url, dbname="restored"),
        "IMX_DATA": str(tmp_path / "data"),
    }

    dumped = imx("database", "dump", str(tmp_path / "dump"))
    app = build(COMMANDS)
    restored = CliRunner().invoke(app, ["database", "restore", str(tmp_path / "dump")], env=elsewhere)
    exported = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--json"], env=elsewhere)

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database restored with (force)")
    assert (dumped.exit_code, restored.exit_code) == (0, 0)
    assert json.loads(exported.stdout)["written"] == 2
