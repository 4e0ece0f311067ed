"""What a co-ordinator sees who decides where a report belongs: by keyboard, and on a phone."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from exchange.hl7.framing import framed
from imx.destination import Destination
from imx.part10 import head_of
from imx.scu import send
from tests.exchange.hl7.documents_material import mdm
from tests.exchange.hl7.material import answer_of
from tests.exchange.hl7.reports_material import radiology
from tests.peers.browser import PATIENCE_S, chromium, keep, signed_in, watched
from tests.ports import free_port
from tests.service import Service
from tests.viewer_api.material import an_image

pytestmark = [pytest.mark.peers, pytest.mark.timeout(400)]

STUDY, OTHER = "1.2.826.0.1.3680043.8.498.11", "1.2.826.0.1.3680043.8.498.12"


@pytest.fixture(scope="module")
def service(peers_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two studies; a report with the number of the one and the patient of the other, and one of no study."""
    port = free_port()
    running = Service(peers_folder / "report_review", environment=(f"IMX_HL7_PORT={port}",))
    try:
        running.start()
        running.imx("trust", "add", "RBL", "Wirral")
        running.imx("peer", "add", "CT1", "--trust", "RBL", "--plain")
        running.imx("hl7", "allow", "127.0.0.1", "--trust", "RBL")
        files, folder = [], tmp_path_factory.mktemp("sent")
        for study, patient, name, number in (
            (STUDY, "999", "Grey^Ann", "RBL0001"), (OTHER, "123456", "O'Neil^Zoe", "RBL0009"),
        ):  # fmt: skip
            made = an_image(f"{study}.1.1", SOPClassUID=CTImageStorage, PatientName=name, PatientID=patient)
            made.StudyInstanceUID, made.SeriesInstanceUID = study, f"{study}.1"
            made.PatientBirthDate, made.AccessionNumber = "19500102", number
            made.StudyDescription, made.StudyDate = "XR wrist left", "20260302"
            made.ensure_file_meta()
            made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            path = folder / f"{study}.dcm"
            made.save_as(path, enforce_file_format=True)
            files.append((path, head_of(path)))
        answers = list(send(files, Destination("IMX", "127.0.0.1", running.dicom_port), "CT1"))
        assert all(each.is_kept for each in answers)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            for raw in (radiology(), mdm(control_id="2", number="D9", filler="NOBODYS", order="")):
                connection.sendall(framed(raw))
                assert answer_of(connection.recv(4096).strip(b"\x0b\x1c\r"))[0] == "AA"
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def context(service: Service) -> Iterator[BrowserContext]:
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


def test_a_report_is_put_beside_a_study_by_the_keyboard_and_taken_away_again(
    context: BrowserContext, service: Service
) -> None:
    with watched(context, service.url) as page:
        until(page, "/review/reports", "but the patient is another")
        keep(page, "review-reports")
        page.get_by_role("link", name="XR Wrist Lt").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/review/reports/*-*")
        keep(page, "review-report")
        grey = page.get_by_role("region", name="XR wrist left")
        assert "Differs" in grey.get_by_role("row", name="Number of RBL").inner_text()
        assert "Agrees" in grey.get_by_role("row", name="Accession number").inner_text()

        page.get_by_label("Accession number, or").fill("RBL0009")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**?study={OTHER}")
        zoe = page.get_by_role("region").filter(has_text="Not named by the report")
        assert "Agrees" in zoe.get_by_role("row", name="Number of RBL").inner_text()
        zoe.get_by_label("Why").fill("the RIS had the number of the exam before")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**?did=match")
        keep(page, "review-report-done")
        assert "You put the report beside this study." in page.get_by_role("alert").inner_text()

        page.get_by_label("Why it is undone").fill("it was right")
        page.get_by_role("button", name="Undo it").press("Enter")
        page.wait_for_url("**?did=undo")
        assert "the rules decide again" in page.get_by_role("alert").inner_text()
        assert "it was right" in page.locator("main").inner_text()


def test_a_phone_without_scripts_is_shown_the_studies_of_the_patient(
    context: BrowserContext, service: Service
) -> None:
    browser = context.browser
    assert isinstance(browser, Browser)
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=False,
        storage_state=context.storage_state(), base_url=service.url,
    )  # fmt: skip
    with watched(phone, service.url) as page:
        until(page, "/review/reports?state=unmatched", "MDM D9")
        keep(page, "review-reports-phone")
        assert page.locator("html").evaluate("element => element.scrollWidth") <= 390
        page.get_by_role("link", name="Report", exact=True).click()
        page.wait_for_url("**/review/reports/*-*")
        keep(page, "review-report-phone")
        assert page.locator("html").evaluate("element => element.scrollWidth") <= 390
        assert "Not named by the report" in page.locator("main").inner_text()
        page.get_by_label("Why it is not ours").fill("a scan of a private clinic")
        page.get_by_role("button", name="It belongs to none of these").click()
        page.wait_for_url("**?did=dismiss")
        assert "belongs to none of these studies" in page.locator("main").inner_text()
        until(page, "/review/reports?state=unmatched", "No report waits")
    phone.close()
