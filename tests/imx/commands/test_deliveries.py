"""`imx destination`, `imx deliveries` and `imx ledger` on a database of their own."""

import json
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool
from typer.testing import CliRunner, Result

from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.registry import Peer, PostgresRegistry, Trust
from imx.main import COMMANDS, build


@pytest.fixture(autouse=True)
def set_up(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMX_DATABASE_URL", database)
    monkeypatch.setenv("IMX_DATA", str(tmp_path))
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        registry = PostgresRegistry(pool)
        registry.add_trust(Trust("RBN", "Mersey", "RBN"))
        registry.add_peer(Peer("PACS", registry.trust("RBN"), host="10.0.0.9", port=104))


def imx(*words: str) -> Result:
    return CliRunner().invoke(build(COMMANDS), list(words))


def test_destinations_are_peers_and_what_is_added(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    url = "https://cloud.example/dicom-web"
    added = ("destination", "add", "CLOUD", "dicomweb", url, "--trust", "rbn", "--asked")

    assert imx(*added, "--secret-file", str(secret)).exit_code == 0
    assert imx("destination", "add", "PACS", "dimse", "--asked").exit_code == 0
    assert imx("destination", "add", "ODD", "dimse").exit_code != 0
    assert imx("destination", "add", "ODD", "folder", "/out").exit_code != 0  # whose?

    rows = json.loads(imx("destination", "list", "--json").stdout)
    assert [(row["name"], row["kind"], row["asked"]) for row in rows] == [
        ("CLOUD", "dicomweb", True),
        ("PACS", "dimse", True),
    ]
    assert imx("destination", "remove", "CLOUD").exit_code == 0


def test_deliveries_are_seen_replayed_and_cancelled(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        number = PostgresDeliveries(pool).order("1.2.3", "PACS", because="rule all")
        with pool.connection() as connection:
            connection.execute("update delivery set state = 'dead', last_error = 'it refused'")

    [row] = json.loads(imx("deliveries", "list", "--json").stdout)
    assert (row["id"], row["state"], row["last_error"]) == (number, "dead", "it refused")
    assert imx("deliveries", "replay", "--dead", "PACS", "--by", "ann").exit_code == 0
    shown = json.loads(imx("deliveries", "show", str(number), "--json").stdout)
    assert (shown["state"], shown["decisions"][0]["by"]) == ("waiting", "ann")
    assert "rule all" in imx("deliveries", "show", str(number)).stdout
    assert imx("deliveries", "cancel", str(number)).exit_code == 0
    assert imx("deliveries", "replay").exit_code != 0


def test_a_list_with_what_never_came(tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("SOPInstanceUID\n1.2.3\n")

    done = imx("ledger", "--against", str(listed), "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)[0]["state"] == "missing"
    assert json.loads(imx("ledger", "--json").stdout) == []
