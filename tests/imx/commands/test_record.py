"""`imx record` on a database of its own."""

import json
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool
from typer.testing import CliRunner, Result

from exchange.registry import PostgresRegistry, Trust
from imx.main import COMMANDS, build


@pytest.fixture(autouse=True)
def set_up(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMX_DATABASE_URL", database)
    monkeypatch.setenv("IMX_DATA", str(tmp_path))
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        PostgresRegistry(pool).add_trust(Trust("RBN", "Mersey", "RBN"))


def imx(*words: str) -> Result:
    return CliRunner().invoke(build(COMMANDS), list(words))


def test_who_is_told_is_added_and_removed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    added = ("record", "add", "exchange", "fhir", "https://record.example/fhir/R4", "--account", "imx")
    token = "https://record.example/token"

    assert imx(*added, "--secret-file", str(secret), "--token-url", token).exit_code == 0
    [row] = json.loads(imx("record", "list", "--json").stdout)
    assert (row["name"], row["kind"], row["told"], row["last_error"]) == ("exchange", "fhir", 0, "")
    engine = ("engine", "hl7", "mllp://10.1.2.3:2575", "--message", "mdm", "--application", "XCHANGE")
    assert imx("record", "add", *engine).exit_code == 0
    assert imx("record", "add", "nrl", "nrl", "https://nrl.example", "--custodian", "rbn").exit_code == 0
    assert imx("record", "remove", "exchange").exit_code == 0
    assert imx("record", "remove", "exchange").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("fhir", "record.example"),
        ("fhir", "https://me:secret@record.example"),
        ("fhir", "https://record.example:no"),
        ("fhir", "https://record.example", "--token-url", "https://record.example/token"),
        ("hl7", "mllp://engine.example"),
        ("hl7", "https://engine.example:2575"),
        ("nrl", "https://nrl.example"),
    ],
)
def test_an_entry_that_cannot_be(words: tuple[str, ...]) -> None:
    assert imx("record", "add", "odd", *words).exit_code == 1


def test_tellings_are_seen_replayed_and_cancelled(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=2) as pool, pool.connection() as connection:
        row = connection.execute(
            "insert into telling (subscriber, study_uid, because, state, last_error)"
            " values ('exchange', '1.2.3', 'linked', 'dead', 'HTTP 422') returning id"
        ).fetchone()
    assert row is not None
    number = str(row[0])

    [seen] = json.loads(imx("record", "tellings", "--json").stdout)
    assert (seen["state"], seen["last_error"]) == ("dead", "HTTP 422")
    assert imx("record", "replay").exit_code == 2
    assert imx("record", "replay", "--dead", "exchange", "--by", "ann").exit_code == 0
    shown = json.loads(imx("record", "show", number, "--json").stdout)
    assert (shown["state"], shown["because"], shown["decisions"][0]["by"]) == ("waiting", "replayed", "ann")
    assert "replayed" in imx("record", "show", number).stdout
    assert imx("record", "cancel", number).exit_code == 0
    assert imx("record", "cancel", number).exit_code == 1
    assert imx("record", "replay", "--all", "exchange").exit_code == 0
