"""Every page, held to what people need who cannot see, point or read small letters: at a desk, by phone."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError
from pydicom.uid import ExplicitVRLittleEndian

from imx.destination import Destination
from imx.part10 import head_of
from imx.scu import send
from tests.peers.axe import found_wrong
from tests.peers.browser import PATIENCE_S, chromium, keep, signed_in
from tests.service import Service
from tests.viewer_api.material import an_image

pytestmark = [pytest.mark.peers, pytest.mark.timeout(400)]

PEOPLE = """number,nhs_number,nhs_number_status,family,given,birth_date,sex
111,9990000018,01,Grey,Ann,19600101,F
222,9990000026,01,Grey,Ruth,19710304,F
333,,,Grey,Ann,19600101,F
"""
LINKED = "1.2.826.0.1.3680043.8.498.11"
#: Ann's number, and Ruth's name and birth date: somebody decides.
CONFLICTING = "1.2.826.0.1.3680043.8.498.12"
#: Nobody is like them.
UNMATCHED = "1.2.826.0.1.3680043.8.498.13"
SENT = (
    (LINKED, "111", "Grey^Ann", "19600101"),
    (CONFLICTING, "111", "Grey^Ruth", "19710304"),
    (UNMATCHED, "999", "Heron^Zed", "20010203"),
)
#: Desk, phone, and a desk whose letters are twice as large (WCAG 2.2 §1.4.4, §1.4.10).
LARGE = 640
WIDTHS = (1280, LARGE, 360)
FITS = "width => document.documentElement.scrollWidth <= width"

#: By whom each page is seen. {ann} is her record.
PAGES = {
    "nobody": ("/sign-in", "/sign-in?out=here", "/no-such-place"),
    "administrator": (
        "/studies", "/record", "/record/{ann}", "/record/{ann}?view=carer", "/record-views",
        "/record-views/carer", "/review", f"/review/{CONFLICTING}", f"/review/{UNMATCHED}",
        f"/review/{LINKED}", f"/review/{CONFLICTING}/correction/{{ann}}", "/review/wrong", "/laboratory",
        "/withdrawals", f"/withdrawals/studies/{LINKED}",
        "/account", "/account/password", "/account/second-factor", "/no-such-place",
    ),
    "contributor": ("/laboratory", "/review"),
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def contexts(browser: Browser, service: Service, studies: None) -> Iterator[dict[str, BrowserContext]]:
    """The browsers of somebody of each role, and of nobody."""
    with ExitStack() as stack:
        found = {
            role: stack.enter_context(signed_in(browser, service, f"{role}-heron", role))
            for role in PAGES
            if role != "nobody"
        }
        found["nobody"] = browser.new_context(base_url=service.url, locale="en-GB")
        yield found
        found["nobody"].close()


@pytest.fixture(scope="module")
def studies(service: Service, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("sent")
    (folder / "people.csv").write_text(PEOPLE)
    service.imx("people", "load", str(folder / "people.csv"), "--trust", "RBT")
    files = []
    for study, number, name, born in SENT:
        made = an_image(f"{study}.1.1", PatientName=name, PatientBirthDate=born, PatientID=number)
        made.StudyDescription, made.PatientSex = "CT chest", "F"
        path = folder / f"{study}.dcm"
        made.ensure_file_meta()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.save_as(path, enforce_file_format=True)
        files.append((path, head_of(path)))
    answers = list(send(files, Destination("IMX", "127.0.0.1", service.dicom_port), "DCMSEND"))
    assert all(each.is_kept for each in answers)


@pytest.fixture(scope="module")
def ann(contexts: dict[str, BrowserContext]) -> str:
    """The address of her record, once her study is linked."""
    page = contexts["administrator"].new_page()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        page.goto("/studies")
        record = page.get_by_role("link", name="Record of GREY, Ann")
        waiting = page.goto("/review") and page.locator("tbody tr").count()
        if waiting == 2 and page.goto("/studies") and record.count():
            break
        assert time.monotonic() < deadline
        time.sleep(0.25)
    address = record.first.get_attribute("href")
    page.close()
    assert address is not None
    return address.removeprefix("/record/")


def held(page: Page) -> list[str]:
    """What is wrong with a page at any width."""
    wrong = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        try:
            # What does not fit into the menu goes behind "More", by a script that hears of the width later.
            page.wait_for_function(FITS, arg=width, timeout=PATIENCE_S * 1000)
        except TimeoutError:
            wrong.append(f"at {width}: {page.evaluate('document.documentElement.scrollWidth')} wide")
        if width != LARGE:
            wrong += [f"at {width}: {each}" for each in found_wrong(page)]
    headings = page.locator("h1").count()
    return [*wrong, *([] if headings == 1 else [f"{headings} headings of the first level"])]


@pytest.mark.parametrize("role", PAGES)
def test_nothing_is_wrong_with_any_page(contexts: dict[str, BrowserContext], ann: str, role: str) -> None:
    page = contexts[role].new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    wrong = {}
    for number, path in enumerate(PAGES[role]):
        page.goto(path.format(ann=ann))
        found = held(page)
        keep(page, f"every-{role}-{number}")
        if found:
            wrong[path] = found
    page.close()
    assert not wrong


def test_what_was_typed_wrong_is_said_where_it_was(contexts: dict[str, BrowserContext], ann: str) -> None:
    page = contexts["administrator"].new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    for path, button in (
        ("/record", "Find"),
        (f"/review/{CONFLICTING}", "Look for them"),
        (f"/review/{CONFLICTING}/correction/{ann}", "Correct the study to GREY, Ann"),
        ("/account/password", "Change the password"),
    ):
        page.goto(path)
        page.get_by_role("button", name=button).click()
        page.get_by_role("heading", name="There is a problem").wait_for()
        assert page.title().startswith("Error: "), path
        page.locator(".nhsuk-error-summary a").first.click()
        assert page.evaluate("document.activeElement.getAttribute('aria-describedby')"), path
        assert held(page) == [], path
    page.close()
