"""Health and metrics of a part that runs on its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from exchange.policy import Role
from exchange.tokens import create, revoke
from imx.configuration import BadSettings, read
from imx.listening import PortInUse, open_listener
from imx.operation import answering
from imx.settings import Settings
from tests.ports import free_port


def settings_of(database: str, folder: Path, **others: object) -> Settings:
    given = {"database.url": database, "data": folder, "operation.port": free_port(), **others}
    return read(given, {})


@pytest.fixture
def part(database: str, tmp_path: Path) -> Iterator[str]:
    settings = settings_of(database, tmp_path)
    with answering(settings):
        yield f"http://127.0.0.1:{settings.operation.port}"


def token_of(database: str, role: Role) -> dict[str, str]:
    until = datetime.now(UTC) + timedelta(days=1)
    return {"Authorization": f"Bearer {create(database, role.value, role, '', until)}"}


def test_health_is_open_and_numbers_are_for_those_who_may_see_operation(part: str, database: str) -> None:
    assert httpx.get(f"{part}/health/live").json() == {"live": True}
    assert httpx.get(f"{part}/health/ready").json() == {"ready": True, "not_ready": []}
    assert httpx.get(f"{part}/studies").status_code == 404

    unknown = httpx.get(f"{part}/metrics")
    assert (unknown.status_code, unknown.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert httpx.get(f"{part}/metrics", headers={"Authorization": "Bearer imx_none"}).status_code == 401
    assert httpx.get(f"{part}/metrics", headers=token_of(database, Role.READER)).status_code == 403
    auditor = token_of(database, Role.AUDITOR)
    numbers = httpx.get(f"{part}/metrics", headers=auditor)
    assert numbers.status_code == 200
    assert "process_start_time_seconds" in numbers.text
    revoke(database, Role.AUDITOR.value)
    assert httpx.get(f"{part}/metrics", headers=auditor).status_code == 401


def test_a_part_whose_tables_are_not_there_yet_is_alive_and_not_ready(part: str, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("delete from migration where name = (select max(name) from migration)")
    assert httpx.get(f"{part}/health/live").status_code == 200
    assert httpx.get(f"{part}/health/ready").status_code == 503
    with psycopg.connect(database) as connection:
        connection.execute("drop table migration")
    assert httpx.get(f"{part}/health/ready").json()["not_ready"] == ["database"]


def test_with_the_database_away_it_says_so(tmp_path: Path) -> None:
    settings = settings_of(f"postgresql://nobody@127.0.0.1:{free_port()}/none", tmp_path)
    with answering(settings):
        part = f"http://127.0.0.1:{settings.operation.port}"
        assert httpx.get(f"{part}/health/ready").status_code == 503
        numbers = httpx.get(f"{part}/metrics", headers={"Authorization": "Bearer imx_some"})
        assert (numbers.status_code, "nobody" in numbers.text) == (503, False)


def test_nothing_answers_without_a_port_and_one_that_is_taken_is_named(tmp_path: Path) -> None:
    with answering(read({"data": tmp_path}, {})):
        pass
    settings = settings_of("postgresql:///none", tmp_path)
    assert settings.operation.port is not None
    with (
        open_listener("127.0.0.1", settings.operation.port, "test"),
        pytest.raises(PortInUse, match=r"operation\.port"),
        answering(settings),
    ):
        pass


def test_an_open_service_tells_its_numbers_to_this_machine_alone(database: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"operation\.host"):
        settings_of(database, tmp_path, **{"open": True, "operation.host": "0.0.0.0"})
    settings = settings_of(database, tmp_path, open=True)
    with answering(settings):
        assert httpx.get(f"http://127.0.0.1:{settings.operation.port}/metrics").status_code == 200
