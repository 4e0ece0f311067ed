"""Uploads by those who made the protocol, and from the page: cut off, resumed, converted, opened in OHIF.

SLIDE_MB=300 make peers sends a slide of 300 MB instead of a small one.
"""

import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from benchmarks.tiffs import write_generic
from imx.viewer import install
from storage.receiving import PIECE_BYTES
from tests.ologies.ecg.test_wfdb import a_record
from tests.ologies.material import PDF, a_case
from tests.peers.browser import PATIENCE_S, chromium, keep, wait_for_picture, watched
from tests.service import Service

SLIDE_MB = int(os.environ.get("SLIDE_MB", "30"))

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600 + 4 * SLIDE_MB)]

PASSWORD = "heron teapot quarry"
CASE = a_case(person__issuer="RBT").model_dump(mode="json", exclude_unset=True)
#: Of a tile of benchmarks.tiffs, with what the smaller levels add.
_TILE_BYTES = 24_000


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiled TIFF of that size, of no vendor's."""
    path = tmp_path_factory.mktemp("slides") / "S26-100.tif"
    write_generic(path, 256 * math.ceil(math.sqrt(SLIDE_MB * 1e6 / _TILE_BYTES)))
    assert path.stat().st_size > 2 * PIECE_BYTES
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    install()
    with chromium() as running:
        yield running


def kill(service: Service) -> None:
    """kill -9 all of it, as when the machine's power goes; then start it again."""
    assert service.process is not None
    for each in service.family():
        with suppress(ProcessLookupError):  # it went with its supervisor
            os.kill(each.pid, signal.SIGKILL)
    service.process.wait(30)
    service.start()


def until(found: Callable[[], Any]) -> Any:
    """What it comes to, once it does."""
    deadline = time.monotonic() + PATIENCE_S + SLIDE_MB
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError("it did not come to that in time")


def test_tus_js_client_goes_on_after_a_kill(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(PDF.replace(b"trailer", b"%" * 8 * PIECE_BYTES + b"\ntrailer"))
    token = service.token("contributor", "RBT")

    def upload(*more: str) -> list[dict[str, Any]]:
        script = Path(__file__).with_name("upload_tus.js")
        command = ["node", str(script), f"{service.url}/uploads", token, str(file), *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == (-signal.SIGKILL if len(more) == 2 else 0), done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    [first] = upload("", str(3 * PIECE_BYTES))
    kill(service)
    *_, last = upload(first["url"])

    assert PIECE_BYTES <= last["from"] < 8 * PIECE_BYTES
    url, headers = first["url"], {"Authorization": f"Bearer {token}"}
    assert httpx.get(url, headers=headers).json()["state"] == "whole"
    assert httpx.put(f"{url}/case", headers=headers, json=CASE).status_code == 202
    kept = until(lambda: ended(httpx.get(url, headers=headers).json()))
    assert kept["state"] == "kept", kept["made"]
    assert len(kept["made"]["instances"]) == 1
    originals = json.loads(service.imx("originals", "list", "--json"))
    assert [each["name"] for each in originals] == ["letter.pdf"]


def ended(upload: dict[str, Any]) -> dict[str, Any] | None:
    return upload if upload["state"] in ("kept", "asked", "refused") else None


def contributor(service: Service, name: str) -> str:
    """Somebody who may contribute; their first password."""
    made = json.loads(
        service.imx("account", "create", name, "--role", "contributor", "--trust", "RBT", "--json")
    )
    return str((made[0] if isinstance(made, list) else made)["password"])


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/laboratory")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in_first(page: Page, service: Service, name: str) -> None:
    """With a password that somebody else chose, and so with a new one."""
    first = contributor(service, name)
    sign_in(page, name, first)
    page.locator("#old").fill(first)
    page.locator("#new").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/laboratory")


def fill(page: Page) -> None:
    """Whose the slide is, as somebody in a laboratory would, in a hurry."""
    page.get_by_label("NHS number").fill("999 000 0018")
    page.get_by_label("Last name").fill("Clark")
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("Date of birth").fill("1953-05-08")
    page.get_by_label("Accession number", exact=True).fill("S26-100")
    page.get_by_text("Slides and documents", exact=True).click()
    page.get_by_label("Slide’s barcode").fill("S26-100;A;1;1")
    page.get_by_label("When").fill("2026-03-03T10:00")


@pytest.fixture
def begun(browser: Browser, service: Service, slide: Path) -> BrowserContext:
    """The slide was half sent, when the browser was closed and the service killed."""
    first = browser.new_context(base_url=service.url, locale="en-GB")
    with watched(first, service.url) as page:
        sign_in_first(page, service, "robin")
        fill(page)
        page.get_by_role("button", name="Use these details").click()
        page.get_by_text("Files that you add now are of Ada Clark").wait_for()
        keep(page, "laboratory-details")
        slowly = first.new_cdp_session(page)
        speed = {"offline": False, "latency": 0, "downloadThroughput": -1}
        slowly.send("Network.enable")
        slowly.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": 4e6 + SLIDE_MB * 1e5})
        page.locator("#choose-files").set_input_files(slide)

        def has_begun() -> bool:
            uploads = page.request.get("/uploads").json()
            return any(each["received"] >= PIECE_BYTES for each in uploads)

        until(has_begun)
        keep(page, "laboratory-sending")
    first.close()
    kill(service)
    return browser.new_context(
        viewport={"width": 1280, "height": 900}, base_url=service.url, locale="en-GB", service_workers="block"
    )


def test_a_slide_that_was_cut_off_goes_on_elsewhere_and_is_opened(
    begun: BrowserContext, service: Service, slide: Path
) -> None:
    offsets: list[int] = []

    def sent(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    with watched(begun, service.url) as page:
        page.on("request", sent)
        sign_in(page, "robin", PASSWORD)
        page.wait_for_url("**/laboratory")
        page.get_by_text("To go on, choose the same file again").wait_for()
        keep(page, "laboratory-stopped")
        page.locator("#choose-files").set_input_files(slide)
        # The sex was left out; what is missing is asked for, and is mended without sending the slide again.
        page.get_by_text("Needs something from you").wait_for(timeout=(PATIENCE_S + SLIDE_MB) * 1000)
        page.get_by_role("button", name="Mend the details").click()
        page.locator("#person-sex-error").wait_for()
        keep(page, "laboratory-asked")
        page.get_by_label("Sex", exact=True).select_option("F")
        page.get_by_role("button", name="Use these details").click()
        opened = page.get_by_role("link", name="Open S26-100.tif")
        opened.wait_for(timeout=(PATIENCE_S + 2 * SLIDE_MB) * 1000)
        page.locator("#files-heading").scroll_into_view_if_needed()
        keep(page, "laboratory-kept")
        assert offsets[0] >= PIECE_BYTES
        assert sorted(offsets) == offsets
        opened.click()
        red, green, blue = wait_for_picture(page, ".ol-viewport canvas")
        keep(page, "laboratory-opened")
        assert red > green
        assert blue > green
    begun.close()


def test_files_that_belong_together_are_kept_together(
    browser: Browser, service: Service, tmp_path: Path
) -> None:
    header = a_record(tmp_path, 16, {"I": [1, 2, 3], "II": [4, 5, 6]}).rename(tmp_path / "r1.hea")
    phone = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        base_url=service.url,
        locale="en-GB",
    )
    with watched(phone, service.url) as page:
        sign_in_first(page, service, "wren")
        assert page.get_by_text("Take a photograph").is_visible()
        page.locator("#choose-files").set_input_files([tmp_path / "r1.dat", header])
        fill(page)
        page.get_by_label("Sex", exact=True).select_option("F")
        page.get_by_role("button", name="Use these details").click()
        page.get_by_text("2 files: 2 kept").wait_for()
        page.locator("#files-heading").scroll_into_view_if_needed()
        keep(page, "laboratory-together")
        width = page.locator("html").evaluate("element => element.scrollWidth")
        assert width <= 390  # nothing is cut off at the side
    phone.close()
