"""A person's record as a reader sees it: found by number, all ologies on one line, at a desk and by phone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from psycopg_pool import ConnectionPool

from exchange.linking.link import Decided, LinkState
from exchange.linking.links import keep_link
from exchange.peers import Peer
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sensitivity,
    Sex,
)
from exchange.people.telling import tell
from exchange.registry import PostgresRegistry
from exchange.reports.report import (
    Content,
    Part,
    Performer,
    ReportKey,
    ReportSource,
    ReportStatus,
    Section,
    Told,
)
from exchange.reports.telling import tell as tell_report
from exchange.trusts import Trust
from imx.demo.people import Person
from imx.demo.phantoms import phantoms
from imx.demo.region import MODALITIES, TRUSTS
from imx.demo.stamp import Visit
from imx.destination import Destination
from imx.part10 import Part10, head_of
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.scu import send
from imx.viewer import install
from tests.peers.browser import PATIENCE_S, chromium, keep, signed_in, wait_for_picture, watched
from tests.service import Service

pytestmark = pytest.mark.peers

NUMBER = "9990000018"
RUTH = Person(
    NUMBER, "O'Neill^Ruth", date(1971, 3, 4), "F", tuple((each.ods_code, "123456") for each in TRUSTS)
)
#: Phantoms, and the modality of a trust that made each.
MADE = {"CT chest": 0, "ECG": 7, "slide": 8}
TEXT = (
    "The lungs are clear. No pleural effusion.\nThe heart is not enlarged. The mediastinum is unremarkable.\n"
    "No bony abnormality."
)


def conninfo(service: Service) -> str:
    """Of its database."""
    return cluster_in(service.data, find_binaries(), None).conninfo()


@pytest.fixture(scope="module")
def studies(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ruth's, by phantom, at three trusts."""
    folder = tmp_path_factory.mktemp("pictures")
    found: dict[str, str] = {}
    with ConnectionPool(conninfo(service), min_size=1, max_size=1) as pool:
        registry = PostgresRegistry(pool)
        for number in MADE.values():
            ours = MODALITIES[number]
            trust = Trust(ours.trust.ods_code, ours.trust.name, ours.trust.ods_code)
            registry.add_trust(trust)
            registry.add_peer(Peer(ours.ae_title, trust, may_store=True, plain_allowed=True))
    for name, number in MADE.items():
        modality = replace(MODALITIES[number], names_issuer=True)
        visit = Visit(RUTH, modality, name)
        files: list[tuple[Path, Part10]] = []
        for index, dataset in enumerate(phantoms(name, visit)):
            path = folder / f"{number}-{index}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            files.append((path, head_of(path)))
        answers = list(send(files, Destination("IMX", "127.0.0.1", service.dicom_port), modality.ae_title))
        assert all(each.is_kept for each in answers)
        found[name] = visit.study_uid
    return found


@pytest.fixture(scope="module")
def record(service: Service, studies: dict[str, str]) -> UUID:
    """Her id in the directory, once all is linked to her and the CT reported."""
    at = Said(datetime(2026, 3, 2, 12, tzinfo=UTC), "message 1")
    with psycopg.connect(conninfo(service)) as connection:
        told = Demographics((PersonName("O'Neill", ("Ruth",)),), "19710304", Sex.FEMALE)
        nhs = Identifier.nhs(NUMBER)
        tell(connection, Record(nhs, told, NUMBER, NumberStatus.VERIFIED, Sensitivity.RESTRICTED), at)
        known = person_known_as(connection, nhs)
        assert known is not None
        for study_uid in studies.values():
            row = connection.execute("select id from study where uid = %s", (study_uid,)).fetchone()
            assert row is not None
            decided = Decided(LinkState.LINKED, known.id, ())
            keep_link(connection, row[0], decided, "owl", "she said so", by_hand=True)
        for number, status in enumerate((ReportStatus.FINAL, ReportStatus.PRELIMINARY)):
            content = Content(
                patients=(nhs,),
                birth_date="19710304",
                study_uid=studies["CT chest" if number == 0 else "ECG"],
                issued=at.at,
                performers=(Performer("Dr A. Gray", Part.RESPONSIBLE),),
                sections=(Section("Findings", TEXT),),
                conclusion="No acute abnormality.",
            )
            key = ReportKey(MODALITIES[0].trust.ods_code, ReportSource.HL7, "RIS", f"R{number}")
            tell_report(connection, Told(key, status, at, content))
    return known.uid


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    install()
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def context(browser: Browser, service: Service, record: UUID) -> Iterator[BrowserContext]:
    with signed_in(browser, service, "owl", "administrator") as somebody:
        yield somebody


def until(page: Page, is_so: Callable[[], bool]) -> None:
    """Look again until it is so: reports find their studies in the background."""
    deadline = time.monotonic() + PATIENCE_S
    page.wait_for_load_state("networkidle")
    while not is_so():
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        time.sleep(0.5)
        page.reload()
        page.wait_for_load_state("networkidle")


def test_a_person_is_found_by_number_with_the_keyboard_alone_and_their_pictures_open(
    context: BrowserContext, service: Service, studies: dict[str, str], record: UUID
) -> None:
    with watched(context, service.url) as page:
        page.goto("/record")
        keep(page, "record-find")
        page.get_by_label("NHS number").focus()
        page.keyboard.type("999 000 0018")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/record/{record}")
        until(page, lambda: page.locator(".imx-timeline__report").count() == 2)
        assert page.locator("h1").inner_text() == "O'NEILL, Ruth"
        assert page.get_by_role("heading", name="Restricted record").count() == 1
        assert page.locator(".imx-timeline__study").count() == len(studies)
        drawn = page.locator(".imx-timeline__picture img").evaluate_all(
            "all => all.filter(each => each.naturalWidth > 0).length"
        )
        assert drawn > 0
        keep(page, "record")
        page.locator(".imx-timeline__report summary").first.click()
        assert page.get_by_text("No acute abnormality.").first.is_visible()
        page.set_viewport_size({"width": 1280, "height": 2000})
        keep(page, "record-report")
        page.locator(f"h3 a[href$='={studies['CT chest']}']").click()
        wait_for_picture(page, ".viewport-element canvas")


def test_it_is_narrowed_on_a_phone_and_without_scripts(
    browser: Browser, context: BrowserContext, service: Service, record: UUID
) -> None:
    phone = browser.new_context(
        viewport={"width": 390, "height": 844},
        java_script_enabled=False,
        storage_state=context.storage_state(),
        base_url=service.url,
    )
    with watched(phone, service.url) as page:
        page.goto(f"/record/{record}")
        page.set_viewport_size({"width": 390, "height": 2400})
        keep(page, "record-phone")
        page.get_by_label("Specialty").select_option("cardiology")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**specialty=cardiology*")
        assert page.locator(".imx-timeline__study").count() == 1
        assert page.locator("html").evaluate("element => element.scrollWidth") <= 390
        keep(page, "record-phone-narrowed")
    phone.close()


def test_an_administrator_sees_what_a_carer_would(
    context: BrowserContext, service: Service, record: UUID
) -> None:
    with watched(context, service.url) as page:
        page.goto("/record-views")
        keep(page, "record-views")
        page.get_by_role("link", name="Change what a carer sees").click()
        keep(page, "record-view")
        page.get_by_label("Cardiology").uncheck()
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/record-views")
        assert "owl" in page.locator("tbody tr").first.inner_text()
        page.goto(f"/record/{record}?view=carer")
        assert page.locator(".imx-timeline__picture").count() == 0
        assert "not part of this view" in page.get_by_role("status").first.inner_text()
        keep(page, "record-carer")
