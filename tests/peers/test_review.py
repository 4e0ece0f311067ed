"""What a co-ordinator sees who decides whose a study is: by keyboard, and on a phone without scripts."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from imx.destination import Destination
from imx.part10 import head_of
from imx.scu import send
from tests.peers.browser import PATIENCE_S, chromium, keep, signed_in, watched
from tests.service import Service
from tests.viewer_api.material import an_image

pytestmark = pytest.mark.peers

PEOPLE = """number,nhs_number,nhs_number_status,family,given,birth_date,sex
111,9990000018,01,Grey,Ann,19600101,F
222,9990000026,01,Grey,Ruth,19710304,F
"""
#: Ruth wore Ann's wristband: the number is Ann's, and somebody typed Ruth's name and birth date.
CONFLICTING = "1.2.826.0.1.3680043.8.498.1"
#: Of Ann, and in her record.
LINKED = "1.2.826.0.1.3680043.8.498.2"


@pytest.fixture(scope="module")
def archive(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to which everything is sent, and again once it is corrected."""
    folder: Path = tmp_path_factory.mktemp("archive")
    service.imx(
        "destination", "add", "ARCHIVE", "folder", str(folder), "--trust", "RBT", "--on-correction", "resend"
    )
    rules = tmp_path_factory.mktemp("rules") / "rules.toml"
    rules.write_text('[[rule]]\nname = "all"\nsend = "ARCHIVE"\n')
    service.imx("rules", "load", str(rules))
    return folder


@pytest.fixture(scope="module")
def studies(service: Service, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("sent")
    (folder / "people.csv").write_text(PEOPLE)
    service.imx("people", "load", str(folder / "people.csv"), "--trust", "RBT")
    files = []
    for study, name, born in ((CONFLICTING, "Grey^Ruth", "19710304"), (LINKED, "Grey^Ann", "19600101")):
        made = an_image(f"{study}.1.1", PatientName=name, PatientBirthDate=born, PatientID="111")
        made.StudyDescription, made.PatientSex = "CT chest", "F"
        path = folder / f"{study}.dcm"
        made.ensure_file_meta()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.save_as(path, enforce_file_format=True)
        files.append((path, head_of(path)))
    answers = list(send(files, Destination("IMX", "127.0.0.1", service.dicom_port), "DCMSEND"))
    assert all(each.is_kept for each in answers)


@pytest.fixture(scope="module")
def context(service: Service, studies: None) -> Iterator[BrowserContext]:
    with chromium() as browser, signed_in(browser, service, "heron", "coordinator") as somebody:
        yield somebody


def until(page: Page, path: str, text: str) -> None:
    """The worker decides in its own time."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        page.goto(path)
        if text in page.locator("main").inner_text():
            return
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        time.sleep(0.25)


def until_sent(archive: Path, name: str) -> None:
    """Until the folder's copy of the study names that patient."""
    copy = archive / CONFLICTING / f"{CONFLICTING}.1" / f"{CONFLICTING}.1.1.dcm"
    deadline = time.monotonic() + PATIENCE_S
    while not copy.exists() or dcmread(copy).PatientID != name:
        assert time.monotonic() < deadline, copy
        time.sleep(0.1)


def test_what_conflicts_is_corrected_by_the_keyboard_and_undone(
    context: BrowserContext, service: Service, archive: Path
) -> None:
    until_sent(archive, "111")
    with watched(context, service.url) as page:
        until(page, "/review", "GREY, Ruth")
        keep(page, "review")
        page.get_by_role("link", name="GREY, Ruth").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/review/{CONFLICTING}")
        keep(page, "review-case")
        ann = page.get_by_role("region", name="GREY, Ann")
        assert "Differs" in ann.get_by_role("row", name="Given names").inner_text()

        page.get_by_label("Their number").fill("222")
        page.get_by_label("Given by").fill("RBT")
        page.keyboard.press("Enter")
        page.wait_for_url("**?person=*")
        ruth = page.get_by_role("region", name="GREY, Ruth")
        assert "Agrees" in ruth.get_by_role("row", name="Born").inner_text()
        ruth.get_by_role("link", name="correct it").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/correction/*")
        keep(page, "review-correction")
        assert "222" in page.get_by_role("row", name="Patient ID").first.inner_text()
        page.get_by_label("Why").fill("wrong wristband: the ward confirmed it was Ruth")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**?did=*")
        keep(page, "review-done")
        assert "You corrected the study to this person: GREY, Ruth." in page.get_by_role("alert").inner_text()

        until_sent(archive, "222")
        until(page, "/review/wrong", "No copy is known to be wrong")
        page.goto(f"/review/{CONFLICTING}")
        page.get_by_role("link", name="Undo what heron decided").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Why").fill("it was Ann after all")
        page.get_by_role("button", name="Undo it").press("Enter")
        page.wait_for_url("**?did=*")
        assert "It is undone" in page.get_by_role("alert").inner_text()
        until(page, "/review", "GREY, Ruth")
        until_sent(archive, "111")


def test_a_phone_without_scripts_links_and_is_led_from_the_list_of_studies(
    context: BrowserContext, service: Service
) -> None:
    browser = context.browser
    assert isinstance(browser, Browser)
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=False,
        storage_state=context.storage_state(), base_url=service.url,
    )  # fmt: skip
    with watched(phone, service.url) as page:
        until(page, f"/review/{LINKED}", "It is in the person’s record")
        page.goto("/studies")
        page.get_by_role("link", name="Whose is it? CT chest of GREY, Ann").click()
        page.wait_for_url(f"**/review/{LINKED}")
        keep(page, "review-phone")
        for path in ("/review", f"/review/{LINKED}", "/review/wrong"):
            page.goto(path)
            assert page.locator("html").evaluate("element => element.scrollWidth") <= 390
        page.goto(f"/review/{LINKED}")
        page.get_by_label("Question to RBT").fill("Was it Ann who was scanned?")
        page.get_by_role("button", name="Ask").click()
        page.wait_for_url("**?did=*")
        assert "You asked the trust" in page.locator("main").inner_text()
    phone.close()
