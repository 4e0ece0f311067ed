"""What the service says that it can do, and to whom of other origins it says it."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import httpx
import pytest

from conformance.statement import STATEMENT
from dicom_router.rules.desk import RuleDesk
from exchange.policy import Role
from imx.settings import HttpSettings
from tests.viewer_api.conftest import Place, bearer, serving
from viewer_api import capabilities
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

VIEWER = "https://viewer.example"
NAMESPACE = "{http://wadl.dev.java.net/2009/02}"


@pytest.fixture
def shared_api(place: Place) -> Iterator[httpx.Client]:
    """A closed service that pages of one other origin may call."""
    pool = place.ingest.index.pool
    parts = ApiParts(
        settings=ApiSettings(cors_origins=(VIEWER,), public_url="https://pictures.example"),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=pool,
        rules=RuleDesk(pool),
    )
    with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def test_the_capabilities_of_the_service_as_wadl(open_api: httpx.Client) -> None:
    answer = open_api.options("/dicom-web/", headers={"Accept": capabilities.WADL})

    assert (answer.status_code, answer.headers["content-type"]) == (200, capabilities.WADL)
    root = ET.fromstring(answer.content)  # noqa: S314 -- our own
    paths = {each.get("path") for each in root.iter(f"{NAMESPACE}resource")}
    assert {"studies", "studies/{study}/series/{series}/instances/{instance}/metadata"} <= paths
    [store] = [each for each in root.iter(f"{NAMESPACE}method") if each.get("id") == "store_instances"]
    taken = [each.get("mediaType") for each in store.iter(f"{NAMESPACE}representation")]
    assert 'multipart/related; type="application/dicom+json"' in taken


def test_the_capabilities_of_one_resource_are_its_own(open_api: httpx.Client) -> None:
    answer = open_api.options("/dicom-web/studies/1.2.3", headers={"Accept": "application/json"})

    assert set(answer.headers["allow"].split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS", "POST"}
    found = {each["path"] for each in answer.json()["resources"]}
    assert "studies/{study}/series" in found
    assert "studies" not in found
    assert "instances" not in found


def test_what_is_no_resource_has_none(open_api: httpx.Client) -> None:
    assert open_api.options("/dicom-web/studios").status_code == 404
    assert open_api.get("/dicom-web/studios").status_code == 404
    assert open_api.options("/dicom-web/", headers={"Accept": "image/png"}).status_code == 406


def test_the_statement_is_for_readers(place: Place, closed_api: httpx.Client) -> None:
    for path in ("/", "/conformance"):
        assert closed_api.get(f"/dicom-web{path}").status_code == 401
    reader = bearer(place, Role.READER)
    pointer = closed_api.get("/dicom-web/", headers=reader).json()["conformance"]
    answer = closed_api.get(pointer, headers=reader)
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.content == STATEMENT.read_bytes()


def test_a_page_of_a_named_origin_may_call_with_a_token(place: Place, shared_api: httpx.Client) -> None:
    asked = {
        "Origin": VIEWER,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, range",
    }

    preflight = shared_api.options("/dicom-web/studies", headers=asked)
    answer = shared_api.get("/dicom-web/studies", headers=bearer(place) | {"Origin": VIEWER})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == VIEWER
    assert "Range" in preflight.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == VIEWER
    assert "Origin" in answer.headers["vary"]
    assert "Content-Location" in answer.headers["access-control-expose-headers"]
    for each in (preflight, answer):
        assert "access-control-allow-credentials" not in each.headers
    assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize("origin", ["https://viewer.example.evil", "http://viewer.example", "null"])
def test_a_page_of_another_origin_may_not(place: Place, shared_api: httpx.Client, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    preflight = shared_api.options("/dicom-web/studies", headers=asked)
    answer = shared_api.get("/dicom-web/studies", headers=bearer(place) | {"Origin": origin})

    assert preflight.status_code == 400
    for each in (preflight, answer):
        assert "access-control-allow-origin" not in each.headers


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example", "viewer.example", "https://viewer.example/", "null"]
)
def test_origins_are_set_exactly(origin: str) -> None:
    with pytest.raises(ValueError, match="exact"):
        HttpSettings(cors_origins=(origin,))
    assert HttpSettings(cors_origins=(VIEWER, "http://localhost:3000", "https://[::1]:8443"))
