"""The viewer's page and files: closed to strangers, from our own address alone, plain where it is missing."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dicom_router.rules.desk import RuleDesk
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer, serving
from viewer_api.ohif import FILES, MAKE, VERSION, viewer_url
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

BROWSER = {"Accept": "text/html"}
STUDY = {"StudyInstanceUIDs": "1.2.3"}


@pytest.fixture
def viewer_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "share" / f"ohif-{VERSION}-{MAKE}"
    (folder / "assets").mkdir(parents=True)
    (folder / "app.bundle.0123456789abcdef.js.gz").write_bytes(gzip.compress(b"let here;"))
    (folder / "assets" / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "share" / "secret.png").write_bytes(b"elsewhere")
    return folder.parent


@pytest.fixture
def api(place: Place, viewer_folder: Path) -> Iterator[httpx.Client]:
    parts = ApiParts(
        settings=ApiSettings(viewer_folder=viewer_folder),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
    with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def test_the_viewer_is_for_those_who_may_read(api: httpx.Client, place: Place) -> None:
    assert api.get("/viewer/viewer", params=STUDY).status_code == 401
    assert (
        api.get("/viewer/viewer", params=STUDY, headers=bearer(place, Role.AUDITOR, "auditor")).status_code
        == 403
    )


def test_the_page_runs_nothing_but_files_of_ours(api: httpx.Client, place: Place) -> None:
    page = api.get("/viewer/viewer", params=STUDY, headers=bearer(place) | BROWSER)

    assert page.status_code == 200
    assert f'src="{FILES}app.bundle.0123456789abcdef.js"' in page.text
    policy = page.headers["content-security-policy"]
    assert "'unsafe-eval'" not in policy
    assert "script-src 'self' 'wasm-unsafe-eval' blob:;" in policy
    assert "://" not in policy
    assert "frame-ancestors 'none'" in policy


def test_every_address_below_is_the_viewers_and_without_a_study_ours(api: httpx.Client, place: Place) -> None:
    reader = bearer(place) | BROWSER

    assert api.get("/viewer/microscopy/imx", params=STUDY, headers=reader).status_code == 200
    assert api.get("/viewer", headers=reader).headers["location"] == "/studies"


def test_files_are_kept_for_ever_and_sent_as_the_browser_takes_them(api: httpx.Client) -> None:
    script = f"{FILES}app.bundle.0123456789abcdef.js"
    zipped = api.get(script)
    plain = api.get(script, headers={"Accept-Encoding": "identity"})

    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.text == plain.text == "let here;"
    assert "immutable" in zipped.headers["cache-control"]
    assert zipped.headers["content-type"].startswith("text/javascript")
    assert api.get(f"{FILES}assets/logo.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "path",
    ["../secret.png", "..%2fsecret.png", "assets", "assets/%2e%2e/%2e%2e/secret.png", "none.js", "%00"],
)
def test_no_path_leads_out_of_the_folder(api: httpx.Client, path: str) -> None:
    assert api.get(FILES + path, follow_redirects=False).status_code in (400, 401, 404)


def test_files_of_another_version_are_not_these(api: httpx.Client) -> None:
    assert api.get("/viewer/files/1.0.0-1/assets/logo.png").status_code == 404


def test_where_it_is_not_installed_a_page_says_how(closed_api: httpx.Client, place: Place) -> None:
    page = closed_api.get("/viewer/viewer", params=STUDY, headers=bearer(place) | BROWSER)

    assert page.status_code == 503
    assert "imx viewer install" in page.text
    assert VERSION in page.text


def test_a_slide_opens_in_the_mode_for_slides() -> None:
    assert viewer_url("1.2", ("SM",)) == "/viewer/microscopy?StudyInstanceUIDs=1.2"
    assert viewer_url("1.2", ("CT", "SR")) == "/viewer/viewer?StudyInstanceUIDs=1.2"
