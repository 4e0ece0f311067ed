"""What the record was told, over HTTP, for those who operate the service."""

import httpx
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from exchange.policy import Role
from exchange.telling.subscriber import Kind, PostgresSubscribers, Subscriber
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, kept

THING = (
    '[{"key": "ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.3", "number": "9990000018",'
    ' "person": "00000000-0000-0000-0000-000000000001", "digest": "", "id": "", "is_certain": true}]'
)


def dead_letter(place: Place, study_uid: str = "1.2.3") -> int:
    pool: ConnectionPool = place.objects.pool
    PostgresSubscribers(pool).add(Subscriber(name="record", kind=Kind.FHIR, address="https://record.example"))
    with psycopg.connect(place.database) as connection:
        row = connection.execute(
            "insert into telling (subscriber, study_uid, because, state, last_error, things)"
            " values ('record', %s, 'linked', 'dead', 'HTTP 422', %s) returning id",
            (study_uid, THING),
        ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def test_a_dead_letter_is_seen_and_replayed(place: Place, closed_api: httpx.Client) -> None:
    number, who = dead_letter(place), bearer(place, Role.COORDINATOR, trust="")

    [subscriber] = closed_api.get("/subscribers", headers=who).json()
    assert (subscriber["name"], subscriber["dead"]) == ("record", 1)
    [seen] = closed_api.get("/tellings", headers=who).json()
    assert (seen["id"], seen["state"], seen["last_error"], seen["in_doubt"]) == (
        number,
        "dead",
        "HTTP 422",
        0,
    )
    assert "9990000018" not in closed_api.get("/tellings", headers=who).text

    replayed = closed_api.post(f"/tellings/{number}/replay", headers=who).json()
    assert (replayed["state"], replayed["tries"], replayed["in_doubt"]) == ("waiting", 0, 1)
    told = closed_api.get(f"/tellings/{number}", headers=who).json()
    assert [(each["by"], each["decision"]) for each in told["decisions"]] == [("reader", "replay")]
    assert closed_api.post(f"/tellings/{number}/cancel", headers=who).json()["state"] == "cancelled"
    assert closed_api.post(f"/tellings/{number}/cancel", headers=who).status_code == 409
    assert closed_api.get("/tellings?state=cancelled&subscriber=record", headers=who).json()
    assert closed_api.get("/tellings/999", headers=who).status_code == 404


@pytest.mark.parametrize("path", ["?state=odd", "?limit=0", "?limit=many"])
def test_a_question_that_means_nothing(place: Place, closed_api: httpx.Client, path: str) -> None:
    who = bearer(place, Role.COORDINATOR)
    assert closed_api.get(f"/tellings{path}", headers=who).status_code == 400


def test_somebody_of_one_trust_sees_what_it_sent(place: Place, closed_api: httpx.Client) -> None:
    image = an_image("1.2.826.0.1.1")
    kept(place, image)
    number = dead_letter(place, str(image.StudyInstanceUID))
    with psycopg.connect(place.database) as connection:
        row = connection.execute("select trust from arrival limit 1").fetchone()
    assert row is not None
    own = bearer(place, Role.COORDINATOR, "own", row[0])
    other = bearer(place, Role.COORDINATOR, "other", f"{row[0]}X")

    for who, status in ((other, 404), (own, 200)):
        assert len(closed_api.get("/tellings", headers=who).json()) == (status == 200)
        assert closed_api.get(f"/tellings/{number}", headers=who).status_code == status
        assert closed_api.post(f"/tellings/{number}/replay", headers=who).status_code == status


@pytest.mark.parametrize("role", [Role.READER, Role.CONTRIBUTOR, Role.AUDITOR])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/subscribers"), ("GET", "/tellings"), ("GET", "/tellings/1"),
        ("POST", "/tellings/1/replay"), ("POST", "/tellings/1/cancel"),
    ],
)  # fmt: skip
def test_it_is_for_those_who_operate(
    place: Place, closed_api: httpx.Client, role: Role, method: str, path: str
) -> None:
    assert closed_api.request(method, path).status_code == 401
    assert closed_api.request(method, path, headers=bearer(place, role)).status_code == 403
