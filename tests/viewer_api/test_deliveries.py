"""Deliveries and the ledger over HTTP, for those who operate the service."""

import httpx
import psycopg
import pytest

from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, kept


def dead_letter(place: Place) -> int:
    number = PostgresDeliveries(place.objects.pool).order("1.2.3", "PACS", because="rule all")
    with psycopg.connect(place.database) as connection:
        connection.execute("update delivery set state = 'dead', last_error = 'it refused', ended_at = now()")
    return number


def test_a_dead_letter_is_seen_and_replayed(place: Place, closed_api: httpx.Client) -> None:
    number, who = dead_letter(place), bearer(place, Role.COORDINATOR, trust="")

    [seen] = closed_api.get("/deliveries", headers=who).json()
    assert (seen["id"], seen["state"], seen["last_error"]) == (number, "dead", "it refused")
    replayed = closed_api.post(f"/deliveries/{number}/replay", headers=who).json()
    assert (replayed["state"], replayed["tries"]) == ("waiting", 0)
    told = closed_api.get(f"/deliveries/{number}", headers=who).json()
    assert [(each["by"], each["decision"]) for each in told["decisions"]] == [("reader", "replay")]
    assert closed_api.post(f"/deliveries/{number}/cancel", headers=who).json()["state"] == "cancelled"
    assert closed_api.post(f"/deliveries/{number}/cancel", headers=who).status_code == 409
    assert closed_api.get("/deliveries?state=cancelled&destination=PACS", headers=who).json()
    assert closed_api.get("/deliveries/999", headers=who).status_code == 404


@pytest.mark.parametrize("path", ["?state=odd", "?limit=0", "?limit=many"])
def test_a_question_that_means_nothing(place: Place, closed_api: httpx.Client, path: str) -> None:
    assert closed_api.get(f"/deliveries{path}", headers=bearer(place, Role.COORDINATOR)).status_code == 400


def test_the_ledger(place: Place, closed_api: httpx.Client) -> None:
    who = bearer(place, Role.COORDINATOR)
    kept(place, an_image("1.2.826.0.1.1"))
    with psycopg.connect(place.database) as connection:
        row = connection.execute(
            "select sop_instance_uid, at::date from arrival where outcome = 'kept' order by id limit 1"
        ).fetchone()
    assert row is not None
    uid, day = row

    lines = closed_api.get(f"/ledger?day={day}", headers=who).json()
    found = closed_api.post("/ledger/against", headers=who, content=f"{uid}\n1.2.3.4\n").json()

    assert sum(line["kept"] for line in lines) > 0
    assert [each["state"] for each in found] == ["kept", "missing"]
    assert closed_api.get("/ledger?day=today", headers=who).status_code == 400
    assert closed_api.post("/ledger/against", headers=who, content=b"none").status_code == 400


def test_somebody_of_one_trust_sees_what_it_sent(place: Place, closed_api: httpx.Client) -> None:
    image = an_image("1.2.826.0.1.1")
    kept(place, image)
    number = PostgresDeliveries(place.objects.pool).order(str(image.StudyInstanceUID), "PACS", because="all")
    with psycopg.connect(place.database) as connection:
        row = connection.execute("select trust, sop_instance_uid, at::date from arrival limit 1").fetchone()
    assert row is not None
    trust, uid, day = row
    own = bearer(place, Role.COORDINATOR, "own", trust)
    other = bearer(place, Role.COORDINATOR, "other", f"{trust}X")

    for who, status in ((other, 404), (own, 200)):
        assert len(closed_api.get("/deliveries", headers=who).json()) == (status == 200)
        assert closed_api.get(f"/deliveries/{number}", headers=who).status_code == status
        assert closed_api.post(f"/deliveries/{number}/replay", headers=who).status_code == status
        assert closed_api.post(f"/deliveries/{number}/cancel", headers=who).status_code == status
        assert len(closed_api.get(f"/ledger?day={day}", headers=who).json()) == (status == 200)
        [found] = closed_api.post("/ledger/against", headers=who, content=uid).json()
        assert found["state"] == ("kept" if status == 200 else "missing")


def test_a_list_with_a_cell_of_any_length_is_answered(place: Place, closed_api: httpx.Client) -> None:
    who = bearer(place, Role.COORDINATOR)

    assert closed_api.post("/ledger/against", headers=who, content=b"1" * 200_000).status_code == 400


@pytest.mark.parametrize("role", [Role.READER, Role.CONTRIBUTOR, Role.AUDITOR])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/deliveries"), ("GET", "/deliveries/1"), ("POST", "/deliveries/1/replay"),
        ("POST", "/deliveries/1/cancel"), ("GET", "/ledger"), ("POST", "/ledger/against"),
    ],
)  # fmt: skip
def test_it_is_for_those_who_operate(
    place: Place, closed_api: httpx.Client, role: Role, method: str, path: str
) -> None:
    assert closed_api.request(method, path).status_code == 401
    assert closed_api.request(method, path, headers=bearer(place, role)).status_code == 403
