"""Closed by default: who is let in, and what is written down before a byte leaves."""

from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from exchange import believed, tokens
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, kept

ROUTES = [
    "/dicom-web/studies",
    "/dicom-web/series",
    "/dicom-web/instances",
    "/dicom-web/studies/1.1",
    "/dicom-web/studies/1.1/series",
    "/dicom-web/studies/1.1/instances",
    "/dicom-web/studies/1.1/metadata",
    "/dicom-web/studies/1.1/series/1.1.1",
    "/dicom-web/studies/1.1/series/1.1.1/metadata",
    "/dicom-web/studies/1.1/series/1.1.1/instances",
    "/dicom-web/studies/1.1/series/1.1.1/instances/1.1.1.1",
    "/dicom-web/studies/1.1/series/1.1.1/instances/1.1.1.1/metadata",
    "/dicom-web/studies/1.1/series/1.1.1/instances/1.1.1.1/frames/1",
    "/dicom-web/studies/1.1/series/1.1.1/instances/1.1.1.1/bulkdata/7FE00010",
    *(
        f"/dicom-web/studies/1.1{below}/{what}"
        for below in ("", "/series/1.1.1", "/series/1.1.1/instances/1.1.1.1")
        for what in ("bulkdata", "pixeldata")
    ),
]
ACCEPT = {"Accept": "*/*"}


def audited(place: Place) -> list[tuple[str, ...]]:
    with psycopg.connect(place.database) as connection:
        return connection.execute(
            "select actor, action, coalesce(study_uid, ''), outcome, detail::text from audit order by id"
        ).fetchall()


def test_anonymous_readers_are_refused_and_it_is_written_down(place: Place, closed_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))

    for path in [*ROUTES, "/metrics"]:
        answer = closed_api.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert [row[:4] for row in audited(place)] == [
        ("anonymous", "query", "", "refused"),
        ("anonymous", "retrieve", "1.1", "refused"),
        ("anonymous", "see operation", "", "refused"),
    ]


def test_what_a_stranger_puts_into_a_path_is_not_written_down(place: Place, closed_api: httpx.Client) -> None:
    for uid in ("Smith^Jo", "9" * 15_000, "x" * 15_000, "1" * 65):
        assert closed_api.get(f"/dicom-web/studies/{uid}").status_code == 401
        assert closed_api.get(f"/dicom-web/studies/{uid}/series").status_code == 401
    assert {row[2] for row in audited(place)} == {""}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("pictures.example", 421),
        ("localhost.pictures.example:8080", 421),
        ("127.0.0.1.pictures.example", 421),
        ("", 421),
    ],
)
def test_an_open_service_answers_to_its_own_names_alone(
    open_api: httpx.Client, host: str, status: int
) -> None:
    assert open_api.get("/dicom-web/studies", headers={"Host": host}).status_code == status


def test_a_closed_service_answers_to_any_name(closed_api: httpx.Client) -> None:
    assert closed_api.get("/health/live", headers={"Host": "pictures.example"}).status_code == 200


def test_every_route_is_in_that_list() -> None:
    from viewer_api.qido import search_routes
    from viewer_api.wado import retrieve_routes

    routes = [*search_routes(None).routes, *retrieve_routes(None).routes]  # type: ignore[arg-type]
    assert len({route.path for route in routes}) == len(ROUTES)  # type: ignore[attr-defined]


def test_a_reader_is_let_in_by_a_token(place: Place, closed_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))
    reader, auditor = bearer(place) | ACCEPT, bearer(place, Role.AUDITOR, "auditor")

    for path in ROUTES:
        assert closed_api.get(path, headers=reader).status_code == 200, path
        assert closed_api.get(path, headers=auditor).status_code == 403, path


def test_tokens_expire_and_are_revoked(
    place: Place, closed_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_S", 0.0)
    old = tokens.create(place.database, "old", Role.READER, "", datetime.now(UTC) - timedelta(seconds=1))
    headers = bearer(place)

    for wrong in (old, "imx_nonsense"):
        answer = closed_api.get("/dicom-web/studies", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert closed_api.get("/dicom-web/studies", headers=headers).status_code == 200
    assert tokens.revoke(place.database, "reader")
    assert closed_api.get("/dicom-web/studies", headers=headers).status_code == 401
    assert not tokens.revoke(place.database, "reader")


def test_a_reader_who_goes_through_a_study_is_one_row(place: Place, closed_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))
    kept(place, an_image("1.1.1.2"))
    kept(place, an_image("1.2.1.1"))
    headers = bearer(place) | ACCEPT

    for _ in range(3):
        for uid in ("1.1.1.1", "1.1.1.2"):
            closed_api.get(f"/dicom-web/studies/1.1/series/1.1.1/instances/{uid}/frames/1", headers=headers)
    closed_api.get("/dicom-web/studies/1.2", headers=headers)
    for name in ("Smith*", "Jones*"):
        closed_api.get("/dicom-web/studies", params={"PatientName": name}, headers=headers)

    assert [row[:4] for row in audited(place)] == [
        ("reader", "retrieve", "1.1", "allowed"),
        ("reader", "retrieve", "1.2", "allowed"),
        ("reader", "query", "", "allowed"),
    ]
    assert "00100010" in audited(place)[-1][4]
    assert "Smith" not in str(audited(place))


def test_nothing_is_shown_that_cannot_be_written_down(place: Place, closed_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))
    headers = bearer(place) | ACCEPT
    with psycopg.connect(place.database) as connection:
        connection.execute("alter table audit rename to audit_gone")

    answer = closed_api.get("/dicom-web/studies/1.1", headers=headers)

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "Smith" not in answer.text


def test_an_open_service_serves_anyone_and_still_writes_it_down(place: Place, open_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))

    assert open_api.get("/dicom-web/studies/1.1").status_code == 200
    assert open_api.get("/metrics").status_code == 200
    assert [row[3] for row in audited(place)] == ["allowed"]


def test_metrics_are_for_those_who_see_operation(place: Place, closed_api: httpx.Client) -> None:
    assert closed_api.get("/metrics", headers=bearer(place)).status_code == 403
    shown = closed_api.get("/metrics", headers=bearer(place, Role.AUDITOR, "auditor"))
    assert shown.status_code == 200
    assert 'imx_http_requests_total{method="GET",route="/metrics",status="403"} 1.0' in shown.text
