"""The registry over HTTP: who may see and change it, and what it refuses."""

from typing import Any

import httpx
import psycopg
import pytest

from exchange.policy import Role
from exchange.refusals import Reason, Refusal
from exchange.registry import PostgresRegistry
from tests.viewer_api.conftest import Place, bearer

STRANGER = Refusal(Reason.UNKNOWN_PEER, "CT9", "IMX", "10.0.0.9", "nobody knows it")


@pytest.fixture
def administrator(place: Place, closed_api: httpx.Client) -> httpx.Client:
    closed_api.headers.update(bearer(place, Role.ADMINISTRATOR, "ann", trust=""))
    assert closed_api.put("/registry/trusts/rbl", json={"name": "Wirral"}).status_code == 200
    return closed_api


def peer(client: httpx.Client, **said: Any) -> httpx.Response:
    return client.post("/registry/peers", json={"ae_title": "CT1", "trust": "RBL", **said})


ROUTES = [
    ("GET", "/registry/trusts"),
    ("GET", "/registry/trusts/RBL"),
    ("PUT", "/registry/trusts/RBL"),
    ("DELETE", "/registry/trusts/RBL"),
    ("GET", "/registry/peers"),
    ("POST", "/registry/peers"),
    ("GET", "/registry/peers/1"),
    ("PUT", "/registry/peers/1"),
    ("DELETE", "/registry/peers/1"),
    ("GET", "/registry/refusals"),
    ("POST", "/registry/refusals/1/admission"),
]


@pytest.mark.parametrize(("method", "url"), ROUTES)
def test_nobody_but_those_who_run_it_sees_or_changes_it(
    place: Place, closed_api: httpx.Client, method: str, url: str
) -> None:
    assert closed_api.request(method, url, json={}).status_code == 401
    for role in set(Role) - {Role.ADMINISTRATOR, Role.COORDINATOR}:
        answer = closed_api.request(method, url, json={}, headers=bearer(place, role, role.value))
        assert answer.status_code == 403
    coordinator = bearer(place, Role.COORDINATOR, "cat")
    expected = 200 if url == "/registry/refusals" else 403
    assert closed_api.request(method, url, json={}, headers=coordinator).status_code == expected


def test_trusts_are_put_and_deleted(place: Place, administrator: httpx.Client) -> None:
    (trust,) = administrator.get("/registry/trusts").json()
    assert trust == {
        "ods_code": "RBL", "name": "Wirral", "issuer": "RBL", "place": "", "successor": None,
        "nhs_number_status": "02", "number_system": "",
    }  # fmt: skip
    assert administrator.get("/registry/trusts/RBL").json() == trust
    assert administrator.delete("/registry/trusts/RBL").status_code == 200
    assert administrator.get("/registry/trusts/RBL").status_code == 404
    assert administrator.delete("/registry/trusts/RBL").status_code == 404


def test_peers_are_added_changed_and_deleted(place: Place, administrator: httpx.Client) -> None:
    added = peer(administrator, host="10.0.0.1", may_read=True).json()
    url = f"/registry/peers/{added['id']}"
    assert (added["plain_allowed"], added["may_read"]) == (False, True)
    assert administrator.get("/registry/peers").json() == [added]

    changed = administrator.put(url, json={"plain_allowed": True}).json()
    assert changed == added | {"plain_allowed": True}
    assert administrator.put(url, json=changed).json() == changed
    assert administrator.delete(url).json() == changed
    for method in ("GET", "PUT", "DELETE"):
        assert administrator.request(method, url, json={}).status_code == 404
    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select by, what from registry_change order by id").fetchall()
    assert rows == [
        ("ann", "trust added"), ("ann", "peer added"), ("ann", "peer changed"), ("ann", "peer removed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"hots": "10.0.0.1"}, "did you mean host?"),
        ({"ae_title": "SEVENTEEN-LETTERS"}, "no AE title"),
        ({"port": "104"}, "a whole number"),
        ({"networks": "10.0.0.0/8"}, "a list of texts"),
        ({"duplicates": "ask"}, "one of refuse, warn, replace"),
        ({"trust": "XXX"}, "no trust XXX"),
        ({"may_store": None}, "needs a value"),
    ],
)
def test_what_cannot_be_is_explained(administrator: httpx.Client, said: dict[str, Any], words: str) -> None:
    answer = peer(administrator, **said)

    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert administrator.get("/registry/peers").json() == []


def test_two_entries_that_overlap_are_refused(administrator: httpx.Client) -> None:
    assert peer(administrator, host="10.0.0.1").status_code == 200
    answer = peer(administrator, networks=["10.0.0.0/8"])

    assert answer.status_code == 400
    assert "the two overlap" in answer.json()["detail"]


def test_a_refused_caller_is_seen_and_admitted(place: Place, administrator: httpx.Client) -> None:
    known = PostgresRegistry(place.ingest.index.pool)
    known.note_refusal(STRANGER)
    (shown,) = administrator.get("/registry/refusals").json()
    assert (shown["calling"], shown["reason"], shown["times"]) == ("CT9", "unknown peer", 1)
    assert shown["admit"] == f"imx peer admit {shown['id']} --trust ODS_CODE"

    url = f"/registry/refusals/{shown['id']}/admission"
    assert administrator.post(url, json={}).status_code == 400
    admitted = administrator.post(url, json={"trust": "rbl"})

    assert (admitted.status_code, admitted.json()["host"]) == (200, "10.0.0.9")
    assert known.named("CT9", "10.0.0.9") is not None
    assert administrator.get("/registry/refusals").json() == []
    assert administrator.post(url, json={"trust": "RBL"}).status_code == 404
