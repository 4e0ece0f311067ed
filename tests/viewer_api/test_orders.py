"""Orders over HTTP: placed, listed, cancelled, by those who may operate the service."""

import httpx
import psycopg
import pytest

from exchange.policy import Role
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.viewer_api.conftest import Place, bearer

ORDER = {
    "trust": "RBS", "number": "F1", "accession": "A1",
    "patient": {"identifier": "123456", "birth_date": "19500102"},
    "steps": [{"modality": "CT", "date": "20260303", "time": "1030", "station_ae_title": "CT1"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def trust(place: Place) -> None:
    PostgresRegistry(place.objects.pool).add_trust(Trust("RBS", "Alder Hey", "RBS"))


def test_an_order_is_placed_listed_and_cancelled(place: Place, closed_api: httpx.Client) -> None:
    who = bearer(place, Role.COORDINATOR)

    made = closed_api.post("/orders", json=ORDER, headers=who)
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["patient"]["issuer"]) == ("scheduled", "RBS")
    assert closed_api.get("/orders", headers=who).json() == [made.json()]
    assert closed_api.get("/orders/RBS/F1", headers=who).json() == made.json()
    assert closed_api.delete("/orders/RBS/F1", headers=who).json()["status"] == "cancelled"
    assert closed_api.get("/orders", headers=who).json() == []
    assert len(closed_api.get("/orders?status=all&trust=RBS", headers=who).json()) == 1
    assert closed_api.get("/orders/RBS/F2", headers=who).status_code == 404
    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select distinct actor, action, outcome from audit").fetchall()
    assert rows == [("reader", "operate", "allowed")]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"accession": "9" * 17}, "accession"), ({"patient": {}}, "patient.identifier"),
     ({"trust": "XXX"}, "XXX"), ({"steps": [{"modality": "CT"}]}, "steps.0.date")],
)  # fmt: skip
def test_what_is_no_order_is_named(
    place: Place, closed_api: httpx.Client, wrong: dict[str, object], named: str
) -> None:
    answer = closed_api.post("/orders", json={**ORDER, **wrong}, headers=bearer(place, Role.COORDINATOR))

    assert answer.status_code == 400
    assert named in answer.json()["detail"]
    assert "123456" not in answer.text


def test_readers_and_strangers_see_no_orders(place: Place, closed_api: httpx.Client) -> None:
    for headers, status in ((bearer(place), 403), ({}, 401)):
        assert closed_api.get("/orders", headers=headers).status_code == status
        assert closed_api.post("/orders", json=ORDER, headers=headers).status_code == status
        assert closed_api.delete("/orders/RBS/F1", headers=headers).status_code == status


def test_somebody_of_one_trust_works_on_its_orders_alone(place: Place, closed_api: httpx.Client) -> None:
    PostgresRegistry(place.objects.pool).add_trust(Trust("REM", "Liverpool", "REM"))
    other = bearer(place, Role.COORDINATOR, "other", "REM")
    all_of_them = bearer(place, Role.COORDINATOR, "region", "")
    own = bearer(place, Role.COORDINATOR)
    assert closed_api.post("/orders", json=ORDER, headers=other).status_code == 404
    assert closed_api.post("/orders", json=ORDER, headers=own).status_code == 201
    with psycopg.connect(place.database) as connection:
        connection.execute(
            "insert into order_tie (order_id, study_uid, state, because)"
            " select id, '1.2', 'doubt', 'the birth date is another' from imaging_order"
        )
    [doubt] = closed_api.get("/orders/doubts", headers=own).json()

    for url in ("/orders", "/orders?trust=RBS", "/orders/doubts", "/orders/doubts?study=1.2"):
        assert closed_api.get(url, headers=other).json() == []
        assert len(closed_api.get(url, headers=all_of_them).json()) == 1
    url = f"/orders/doubts/{doubt['id']}"
    assert closed_api.post(url, json={"decision": "tie"}, headers=other).status_code == 404
    assert closed_api.get("/orders/RBS/F1", headers=other).status_code == 404
    assert closed_api.delete("/orders/RBS/F1", headers=other).status_code == 404
    assert closed_api.get("/orders/RBS/F1", headers=own).json()["status"] == "scheduled"


def test_what_is_asked_for_by_no_uid_is_not_written_down(place: Place, closed_api: httpx.Client) -> None:
    answer = closed_api.get("/orders/doubts?study=Smith", headers=bearer(place, Role.COORDINATOR))

    assert (answer.status_code, "Smith" in answer.text) == (400, False)
    with psycopg.connect(place.database) as connection:
        assert connection.execute("select from audit").fetchall() == []


def test_doubts_are_decided(place: Place, closed_api: httpx.Client) -> None:
    who = bearer(place, Role.COORDINATOR)
    closed_api.post("/orders", json=ORDER, headers=who)
    with psycopg.connect(place.database) as connection:
        connection.execute(
            "insert into order_tie (order_id, study_uid, state, because)"
            " select id, '1.2', 'doubt', 'the birth date is another' from imaging_order"
        )
    [doubt] = closed_api.get("/orders/doubts", headers=who).json()
    assert (doubt["number"], doubt["study_uid"], doubt["state"]) == ("F1", "1.2", "doubt")
    url = f"/orders/doubts/{doubt['id']}"

    assert closed_api.post(url, json={"decision": "perhaps"}, headers=who).status_code == 400
    assert (
        closed_api.post(url, json={"decision": "dismiss"}, headers=bearer(place, name="other")).status_code
        == 403
    )
    assert closed_api.post(url, json={"decision": "dismiss"}, headers=who).status_code == 204
    assert closed_api.post(url, json={"decision": "dismiss"}, headers=who).status_code == 404
    [decided] = closed_api.get("/orders/doubts?study=1.2", headers=who).json()
    assert (decided["state"], decided["decided_by"]) == ("dismissed", "reader")
