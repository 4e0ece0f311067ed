"""What each department has on its disks, wrapped and stored, is seen by whoever opens it in the viewer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from imx.viewer import install
from tests.peers.browser import chromium, keep, signed_in, wait_for_picture, watched
from tests.peers.specialties import SPECIALTIES
from tests.service import Service

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def studies(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Study Instance UIDs by specialty."""
    folder = tmp_path_factory.mktemp("departments")
    files = [str(each.put(folder, name)) for name, each in SPECIALTIES.items()]
    said = service.imx("wrap", *files, "--store", "--trust", "RBT", "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["outcome"] for row in rows] == ["kept"] * len(SPECIALTIES)
    return {Path(row["file"]).name: row["study"] for row in rows}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    install()
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def context(browser: Browser, service: Service) -> Iterator[BrowserContext]:
    with signed_in(browser, service, "heron") as somebody:
        yield somebody


@pytest.mark.parametrize("name", SPECIALTIES)
def test_it_is_seen(context: BrowserContext, service: Service, studies: dict[str, str], name: str) -> None:
    with watched(context, service.url) as page:
        page.goto("/studies")
        page.locator(f"a[href$='={studies[name]}']").click()
        wait_for_picture(page, SPECIALTIES[name].selector)
        hide = page.get_by_role("button", name="Confirm and hide")
        if hide.count():
            hide.click()
        page.wait_for_load_state("networkidle")
        keep(page, f"specialty-{name}")
