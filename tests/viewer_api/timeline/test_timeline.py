"""The record of one person as a page and as JSON: closed, audited, and nobody's name in an address."""

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from exchange.people.person import Said, Sensitivity
from exchange.policy import Role
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
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.timeline.material import RUTH, a_record, someone

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def reader(open_api: httpx.Client) -> httpx.Client:
    """The browser of somebody who may read."""
    open_api.headers.update(BROWSER)
    return open_api


def opened(page: httpx.Response) -> list[str]:
    """The studies that a page's titles open, in order."""
    assert page.status_code == httpx.codes.OK, page.text
    found = re.findall(r'<h3[^>]*><a href="/viewer/\w+\?StudyInstanceUIDs=([\d.]+)', page.text)
    return [str(each) for each in found]


def test_all_ologies_of_all_trusts_stand_on_one_line_the_newest_first(
    reader: httpx.Client, place: Place
) -> None:
    page = reader.get(f"/record/{a_record(place)}")
    assert opened(page) == ["1.9.1", "1.9.2", "1.9.3"]
    for words in ("O&#39;NEILL, Ruth", "999 000 0018", "4 March 1971", "Electrocardiogram", "Mid Cheshire"):
        assert words in page.text
    assert "CH1 1AA" not in page.text
    assert page.headers["cache-control"] == "no-store"


def test_filters_are_links_that_work_without_scripts(reader: httpx.Client, place: Place) -> None:
    uid = a_record(place)
    assert opened(reader.get(f"/record/{uid}", params={"specialty": "cardiology"})) == ["1.9.2"]
    assert opened(reader.get(f"/record/{uid}", params={"trust": "RBT", "year": "2025"})) == ["1.9.3"]
    nothing = reader.get(f"/record/{uid}", params={"specialty": "dentistry"})
    assert (opened(nothing), "No study is of that kind" in nothing.text) == ([], True)


def test_an_nhs_number_leads_to_the_person_and_stands_in_no_address(
    reader: httpx.Client, place: Place
) -> None:
    uid = a_record(place)
    answer = reader.post("/record", data={"nhs_number": "999 000 0018"})
    assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, f"/record/{uid}")


def test_several_who_share_a_name_and_birth_date_are_chosen_from(reader: httpx.Client, place: Place) -> None:
    uids = {someone(place), someone(place, "9990000026")}
    answer = reader.post("/record", data={"family": "O'Neill", "birth_date": "4/3/1971"})
    assert re.fullmatch(r"/record\?search=[\w-]{22}", answer.headers["location"])
    page = reader.get(answer.headers["location"]).text
    assert {UUID(each) for each in re.findall(r'href="/record/([0-9a-f-]{36})"', page)} == uids


def test_nobody_is_said_to_be_nobody_and_a_wrong_number_is_said_at_its_field(reader: httpx.Client) -> None:
    unknown = reader.post("/record", data={"nhs_number": RUTH}, follow_redirects=True)
    assert "Nobody is known by that" in unknown.text
    wrong = reader.post("/record", data={"nhs_number": "9990000019"})
    assert "one of its ten digits is wrong" in wrong.text
    assert reader.get(f"/record/{uuid4()}").status_code == httpx.codes.NOT_FOUND
    assert "no longer kept" in reader.get("/record?search=gone").text


def test_a_restricted_record_says_so(reader: httpx.Client, place: Place) -> None:
    uid = a_record(place, Sensitivity.RESTRICTED)
    assert "Restricted record" in reader.get(f"/record/{uid}").text


def test_programs_have_it_as_json(open_api: httpx.Client, place: Place) -> None:
    found = open_api.get(f"/record/{a_record(place)}", headers=JSON).json()
    assert (found["person"]["nhs_number"], found["total"], found["view"]) == (
        "999 000 0018",
        3,
        "practitioner",
    )
    assert [(each["uid"], each["trust"], each["specialties"]) for each in found["studies"]] == [
        ("1.9.1", "RBL", ["radiology"]),
        ("1.9.2", "RBT", ["cardiology"]),
        ("1.9.3", "RBT", ["pathology"]),
    ]


def report(place: Place, status: ReportStatus, text: str = "Both lungs are clear.") -> None:
    """Of the CT."""
    content = Content(
        sections=(Section("Findings", text),), performers=(Performer("Dr A. Gray", Part.RESPONSIBLE),),
        study_uid="1.9.1",
    )  # fmt: skip
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with psycopg.connect(place.database) as connection:
        key = ReportKey("RBL", ReportSource.HL7, "RIS", "R1")
        tell_report(connection, Told(key, status, Said(at, status.value), content))
        connection.execute("update report set study_uid = '1.9.1', state = 'matched'")


@pytest.mark.parametrize(
    ("status", "word", "is_read"),
    [
        (ReportStatus.FINAL, "Final", True),
        (ReportStatus.PRELIMINARY, "Not verified", True),
        (ReportStatus.ENTERED_IN_ERROR, "Withdrawn", False),
    ],
)
def test_a_report_is_read_as_it_stands(
    reader: httpx.Client, place: Place, status: ReportStatus, word: str, is_read: bool
) -> None:
    uid = a_record(place)
    report(place, status)
    page = reader.get(f"/record/{uid}").text
    assert word in page
    assert ("Both lungs are clear." in page) is is_read


def test_what_was_reported_is_text_and_no_markup(reader: httpx.Client, place: Place) -> None:
    uid = a_record(place)
    report(place, ReportStatus.FINAL, "<script>alert(1)</script>")
    assert "<script>alert" not in reader.get(f"/record/{uid}").text


def test_another_view_is_previewed_by_who_may_change_it(closed_api: httpx.Client, place: Place) -> None:
    uid = a_record(place)
    report(place, ReportStatus.PRELIMINARY)
    admin = bearer(place, Role.ADMINISTRATOR, "root", trust="")
    carer = closed_api.get(f"/record/{uid}?view=carer", headers={**BROWSER, **admin})
    assert "This is a preview" in carer.text
    assert "thumbnail" not in carer.text
    assert "Both lungs" not in carer.text
    own = closed_api.get(f"/record/{uid}", headers={**BROWSER, **admin})
    assert "Both lungs" in own.text
    ann = bearer(place, Role.READER, "ann")
    refused = closed_api.get(f"/record/{uid}?view=carer", headers={**JSON, **ann})
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert closed_api.get(f"/record/{uid}?view=cat", headers={**JSON, **admin}).status_code == 400


def test_it_is_for_those_who_may_and_each_look_is_written_down_by_person(
    closed_api: httpx.Client, place: Place
) -> None:
    uid = a_record(place)
    assert closed_api.get(f"/record/{uid}", headers=JSON).status_code == httpx.codes.UNAUTHORIZED
    auditor = bearer(place, Role.AUDITOR, "al")
    assert closed_api.get(f"/record/{uid}", headers={**JSON, **auditor}).status_code == 403
    assert closed_api.get("/record", headers={**JSON, **auditor}).status_code == 403
    ann = bearer(place, Role.READER, "ann")
    assert closed_api.get(f"/record/{uid}", headers={**JSON, **ann}).status_code == 200
    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select action, outcome from audit where actor = 'ann' and person = %s", (uid,)
        ).fetchall()
    assert rows == [("see a person's record", "allowed")]
