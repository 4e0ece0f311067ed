"""`imx reports` on a real database."""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from exchange.reports.telling import tell
from imx.main import COMMANDS, build
from storage.errors import NotHeld
from tests.exchange.reports.material import told

Imx = Callable[..., Result]


@pytest.fixture
def imx(database: str, tmp_path: Path) -> Imx:
    environment = {"IMX_DATABASE_URL": database, "IMX_DATA": str(tmp_path / "data")}
    with psycopg.connect(database) as connection:
        tell(connection, told())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build(COMMANDS), list(arguments), env=environment)

    return run


def test_a_report_is_listed_and_decided(imx: Imx) -> None:
    [listed] = json.loads(imx("reports", "waiting", "--json").stdout)
    assert (listed["number"], listed["status"], listed["state"]) == ("R1", "final", "unmatched")
    assert "R1" in imx("reports", "waiting").stdout
    [heard] = json.loads(imx("reports", "history", listed["id"], "--json").stdout)
    assert (heard["status"], heard["by"]) == ("final", "1")
    assert "no study" in imx("reports", "dismiss", listed["id"], "--reason", "ours not", "--by", "Ann").stdout
    [dismissed] = json.loads(imx("reports", "waiting", "--json").stdout)
    assert (dismissed["because"], dismissed["decided_by"]) == ("Ann said so", "Ann")
    [again] = json.loads(imx("reports", "reconsider", listed["id"], "--reason", "mistaken", "--json").stdout)
    assert again["decided_by"] is None
    assert json.loads(imx("reports", "of", "1.2.1", "--json").stdout) == []


def test_what_is_not_there_is_said(imx: Imx) -> None:
    [listed] = json.loads(imx("reports", "waiting", "--json").stdout)
    missing = imx("reports", "match", listed["id"], "--study", "1.2.9", "--reason", "x")
    assert missing.exit_code != 0
    assert isinstance(missing.exception, NotHeld)
    assert imx("reports", "history", "not-an-id").exit_code == 2
