"""What a reader sees: signing in, the list of studies, and OHIF with a picture of every kind in it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from imx.demo.people import Person, crowd
from imx.demo.phantoms import phantoms
from imx.demo.region import LIVERPOOL, MODALITIES, TRUSTS, WIRRAL, Modality
from imx.demo.stamp import Visit
from imx.destination import Destination
from imx.part10 import Part10, head_of
from imx.scu import send
from imx.viewer import install
from tests.peers.browser import PASSWORD, chromium, keep, signed_in, wait_for_picture, watched
from tests.service import Service

pytestmark = pytest.mark.peers

PEOPLE = crowd(6, TRUSTS)
#: Each phantom and its person; the first two hold the same number at two trusts.
MADE: tuple[tuple[str, str, Person], ...] = (
    ("CT", "CT chest", PEOPLE[0]),
    ("CT of another", "CT chest", PEOPLE[1]),
    ("MR", "MR head", PEOPLE[2]),
    ("US", "US cine", PEOPLE[3]),
    ("ECG", "ECG", PEOPLE[4]),
    ("SM", "slide", PEOPLE[5]),
)
#: Where OHIF draws: cornerstone, its ECG viewport, and the microscopy viewer.
CANVASES = {"SM": ".ol-viewport canvas"}
CANVAS = ".viewport-element canvas"


def modality_of(name: str) -> Modality:
    """Whose phantoms name their issuer."""
    trust = {"CT": LIVERPOOL, "CT of another": WIRRAL}.get(name, LIVERPOOL)
    return replace(MODALITIES[0], ae_title="DCMSEND", trust=trust, names_issuer=True)


@pytest.fixture(scope="module")
def studies(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was sent: Study Instance UIDs by name."""
    folder = tmp_path_factory.mktemp("pictures")
    found: dict[str, str] = {}
    files: list[tuple[Path, Part10]] = []
    for name, phantom, person in MADE:
        visit = Visit(person, modality_of(name), name)
        for ds in phantoms(phantom, visit):
            path = folder / f"{len(files):04}.dcm"
            ds.save_as(path, enforce_file_format=True)
            files.append((path, head_of(path)))
        found[name] = visit.study_uid
    answers = list(send(files, Destination("IMX", "127.0.0.1", service.dicom_port), "DCMSEND"))
    assert all(each.is_kept for each in answers)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    install()
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def context(browser: Browser, service: Service, studies: dict[str, str]) -> Iterator[BrowserContext]:
    with signed_in(browser, service, "owl") as somebody:
        yield somebody


def test_a_study_is_found_by_the_keyboard_alone(context: BrowserContext, service: Service) -> None:
    with watched(context, service.url) as page:
        page.goto("/studies")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("ashworth")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studies?search=*")
        keep(page, "found")

        assert "ashworth" not in page.url
        assert page.locator("tbody tr").count() == 1
        assert "ASHWORTH, Zoë" in page.locator("tbody tr").inner_text()


def test_the_list_works_on_a_phone_and_without_scripts(
    browser: Browser, context: BrowserContext, service: Service
) -> None:
    phone = browser.new_context(
        viewport={"width": 390, "height": 844},
        java_script_enabled=False,
        storage_state=context.storage_state(),
        base_url=service.url,
    )
    with watched(phone, service.url) as page:
        page.goto("/studies")
        keep(page, "phone")
        page.get_by_label("Kind").select_option("ECG")
        page.get_by_role("button", name="Search").click()
        page.wait_for_url("**/studies?search=*")
        keep(page, "phone-found")

        assert page.locator("tbody tr").count() == 1
        width = page.locator("html").evaluate("element => element.scrollWidth")
        assert width <= 390  # nothing is cut off at the side
    phone.close()


@pytest.mark.parametrize("name", ["CT", "MR", "US", "ECG", "SM"])
def test_a_link_of_the_list_opens_the_pictures(
    context: BrowserContext, service: Service, studies: dict[str, str], name: str
) -> None:
    with watched(context, service.url) as page:
        page.goto("/studies")
        page.locator(f"a[href$='={studies[name]}']").click()
        wait_for_picture(page, CANVASES.get(name, CANVAS))
        hide = page.get_by_role("button", name="Confirm and hide")
        if hide.count():
            hide.click()
        page.wait_for_load_state("networkidle")
        keep(page, f"viewer-{name}")
        if name == "SM":
            red, green, blue = wait_for_picture(page, CANVASES["SM"])
            assert red > green + 30  # stained tissue: what came as YBR and was drawn as RGB is not
            assert blue > green + 25


def test_the_viewer_shows_no_other_persons_studies_beside(
    context: BrowserContext, service: Service, studies: dict[str, str]
) -> None:
    with watched(context, service.url) as page:
        page.goto(f"/viewer/viewer?StudyInstanceUIDs={studies['CT']}")
        wait_for_picture(page, CANVAS)
        page.wait_for_load_state("networkidle")

        assert page.get_by_text("SYNTHETIC CT chest").count() == 1


def test_another_system_opens_the_one_study_it_means(
    context: BrowserContext, service: Service, studies: dict[str, str]
) -> None:
    with watched(context, service.url) as page:
        page.goto("/IHEInvokeImageDisplay?requestType=PATIENT&patientID=123456^^^RBL")
        wait_for_picture(page, CANVAS)
        assert studies["CT of another"] in page.url
        page.goto("/IHEInvokeImageDisplay?requestType=PATIENT&patientID=123456")
        keep(page, "choose")

        assert page.locator("tbody tr").count() == 2


def test_who_signs_out_sees_nothing_more(browser: Browser, service: Service, studies: dict[str, str]) -> None:
    own = browser.new_context(base_url=service.url)
    with watched(own, service.url) as page:
        page.goto(f"/viewer/viewer?StudyInstanceUIDs={studies['CT']}")
        page.get_by_label("Name").fill("owl")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        wait_for_picture(page, CANVAS)  # after signing in, what was asked for
        page.goto("/studies")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in*")
        page.goto("/studies")

        assert "/sign-in" in page.url
    own.close()
