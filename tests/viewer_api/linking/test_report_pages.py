"""Where a report belongs, by page: a list, both sides, a decision with its reason, and back."""

import re
from typing import Any

import httpx
import pytest
from pydicom.uid import CTImageStorage

from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.policy import Role
from exchange.registry import PostgresRegistry
from exchange.reports.considering import consider_waiting
from exchange.trusts import Trust
from tests.exchange.hl7.documents_material import mdm
from tests.exchange.hl7.material import answer_of
from tests.exchange.hl7.reports_material import radiology
from tests.storage.shelf import origin
from tests.viewer_api.conftest import Place, an_account, bearer, sign_in
from tests.viewer_api.material import an_image, kept

STUDY, OTHER, THEIRS = "1.2.1", "1.2.2", "1.2.3"


@pytest.fixture
def waiting(place: Place) -> str:
    """A report whose accession number is that of somebody else's study; its patient has another here."""
    pool = place.objects.pool
    for code, name in (("RBL", "Wirral"), ("RBS", "Alder Hey")):
        PostgresRegistry(pool).add_trust(Trust(code, name, code))
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
    for study, patient, number, trust in (
        (STUDY, "999", "RBL0001", "RBL"), (OTHER, "123456", "RBL0009", "RBL"), (THEIRS, "777", "RBS1", "RBS"),
    ):  # fmt: skip
        about = {
            "PatientID": patient, "PatientBirthDate": "19500102", "AccessionNumber": number,
            "StudyDescription": f"CT of {patient}",
            "StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1",
        }  # fmt: skip
        kept(place, an_image(f"{study}.1.1", SOPClassUID=CTImageStorage, **about), origin=origin(trust))
    hear(place, radiology())
    return str(_rows(place, "select uid from report")[0][0])


def hear(place: Place, raw: bytes) -> None:
    assert answer_of(Desk(place.objects.pool, HANDLERS).take(raw, "10.1.2.3"))[0] == "AA"
    consider_waiting(place.objects.pool)


@pytest.fixture
def mary(place: Place, closed_api: httpx.Client) -> httpx.Client:
    closed_api.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    an_account(place, Role.COORDINATOR, "mary", "RBL")
    assert sign_in(closed_api, "mary").status_code == 303
    return closed_api


def text(page: httpx.Response) -> str:
    return " ".join(page.text.split())


def form(page: httpx.Response, **fields: str) -> dict[str, str]:
    token = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', page.text)
    assert token
    assert seen
    return {"form_token": token[1], "seen": seen[1], "reason": "the department said so", **fields}


def test_from_the_list_to_a_decision_and_back(place: Place, mary: httpx.Client, waiting: str) -> None:
    here = f"/review/reports/{waiting}"
    assert 'href="/review/reports">1 report waits' in text(mary.get("/review"))
    listed = mary.get("/review/reports")
    assert f'href="{here}"' in listed.text
    assert "but the patient is another" in listed.text
    assert "No report waits for a person for that reason" in mary.get("/review/reports?state=unmatched").text
    assert mary.get("/review/reports?state=x").status_code == 400

    page = mary.get(here)
    for said in (
        "O&#39;NEIL, Zoë Ann",
        "The patient is another",
        "No fracture.",
        "CT of 999",
        "Dr Margaret Grey",
    ):
        assert said in text(page), said
    assert "CT of 123456" not in page.text

    without = mary.post(f"{here}/match", data=form(page, study=STUDY, reason=" "))
    assert (without.status_code, "Say why, in a few words" in without.text) == (400, True)
    found = mary.post(f"{here}/find", data=form(page, number="RBL0009"))
    assert found.headers["location"] == f"{here}?study={OTHER}"
    page = mary.get(found.headers["location"])
    assert "Not named by the report" in page.text
    done = mary.post(f"{here}/match", data=form(page, study=OTHER))
    assert done.status_code == 303
    banner = mary.get(done.headers["location"])
    assert "You put the report beside this study." in text(banner)
    assert "The report is here" in banner.text
    late = mary.post(f"{here}/dismiss", data=form(page))
    assert (late.status_code, "Something changed since you looked" in late.text) == (400, True)
    assert f'href="{here}"' in mary.get("/review/reports?state=decided").text
    assert "No report waits" in mary.get("/review/reports").text

    undone = mary.post(f"{here}/undo", data=form(banner, reason="wrong exam"))
    page = mary.get(undone.headers["location"])
    assert "You took back what was decided: the rules decide again." in text(page)
    assert "wrong exam" in page.text
    dismissed = mary.post(f"{here}/dismiss", data=form(page, reason="a private scan"))
    assert "belongs to none of these studies" in text(mary.get(dismissed.headers["location"]))
    assert _rows(place, "select decided_by, trust, verb, reason, study_uid from report_decision"
        " where verb <> '' order by id") == [
        ("mary", "RBL", "match", "the department said so", OTHER),
        ("mary", "RBL", "undo", "wrong exam", None),
        ("mary", "RBL", "dismiss", "a private scan", None),
    ]  # fmt: skip
    looked = {
        uid for (uid,) in _rows(place, "select distinct study_uid from audit where outcome = 'allowed'")
    }
    assert {STUDY, OTHER} <= looked
    assert THEIRS not in looked


def test_what_finds_no_study_is_shown_those_of_its_patient(
    place: Place, mary: httpx.Client, waiting: str
) -> None:
    hear(place, mdm(number="D9", filler="NOBODYS", order=""))
    [(report,)] = _rows(place, "select uid from report where number = 'D9'")
    page = mary.get(f"/review/reports/{report}")
    assert "CT of 123456" in page.text
    assert "CT of 999" not in page.text


def test_studies_of_another_trust_are_neither_shown_nor_taken(
    place: Place, mary: httpx.Client, waiting: str
) -> None:
    here = f"/review/reports/{waiting}"
    page = mary.get(f"{here}?study={THEIRS}")
    assert "It may belong to another trust’s study" in page.text
    assert "CT of 777" not in page.text
    refused = mary.post(f"{here}/match", data=form(page, study=THEIRS))
    assert refused.status_code == 400
    assert "CT of 777" not in refused.text
    assert _rows(place, "select state from report") == [("doubt",)]
    for number in ("RBS1", "", "1" * 65):
        wrong = mary.post(f"{here}/find", data=form(page, number=number))
        assert (wrong.status_code, "There is a problem" in wrong.text) == (400, True)


def test_only_those_who_may_see_and_decide(place: Place, mary: httpx.Client, waiting: str) -> None:
    here = f"/review/reports/{waiting}"
    page = mary.get(here)
    assert mary.post(f"{here}/dismiss", data={"seen": "0", "reason": "x"}).status_code == 403
    assert mary.post(f"{here}/dismiss", data=form(page, seen="")).status_code == 400
    mary.cookies.clear()
    for who, status in ((bearer(place), 403), (bearer(place, Role.COORDINATOR, "ann", "RBS"), 404)):
        assert mary.get(here, headers=who).status_code == status
    assert _rows(place, "select state from report") == [("doubt",)]


def _rows(place: Place, query: str, *values: object) -> list[tuple[Any, ...]]:
    with place.ingest.index.pool.connection() as connection:
        return connection.execute(query, values).fetchall()
