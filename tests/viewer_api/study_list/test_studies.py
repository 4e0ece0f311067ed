"""The list of studies over HTTP: found without a patient's name in any address, closed, and audited."""

import html
import re

import httpx
import psycopg
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.people.directory import person_known_as
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record
from exchange.people.telling import tell
from exchange.policy import Role
from tests.exchange.people.test_directory import said
from tests.viewer_api.conftest import ORIGIN, Place, an_account, bearer, open_page, sign_in
from tests.viewer_api.material import encoded

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


def keep(
    place: Place, number: int, name: str, patient_id: str = "", issuer: str = "RBS", day: str = ""
) -> str:
    """One study of one image; its UID."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, f"1.9.{number}.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.9.{number}", f"1.9.{number}.1"
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = name, patient_id or f"P{number}", issuer
    ds.PatientBirthDate, ds.Modality = "19520516", "CT"
    ds.StudyDate, ds.AccessionNumber = day or f"202601{number % 28 + 1:02}", f"A{number}"
    place.keep(ds.SOPClassUID, ds.SOPInstanceUID, ExplicitVRLittleEndian, encoded(ds), ORIGIN)
    return str(ds.StudyInstanceUID)


@pytest.fixture
def reader(open_api: httpx.Client) -> httpx.Client:
    """The browser of somebody who may read."""
    open_api.headers.update(BROWSER)
    return open_api


def opened(page: httpx.Response) -> list[str]:
    """The studies that a page's links open, in order."""
    assert page.status_code == 200, page.text
    return re.findall(r"/viewer/viewer\?StudyInstanceUIDs=([\d.]+)", page.text)


def search(reader: httpx.Client, **typed: str) -> httpx.Response:
    """Fill the form in and follow where it leads."""
    return reader.post("/studies", data=typed, follow_redirects=True)


def test_the_first_page_is_the_list_and_the_list_is_for_those_who_may_search(
    closed_api: httpx.Client, place: Place
) -> None:
    assert closed_api.get("/").status_code == 401
    assert closed_api.get("/", headers=bearer(place)).headers["location"] == "/studies"
    assert closed_api.get("/studies").status_code == 401
    auditor = bearer(place, Role.AUDITOR, "auditor")
    assert closed_api.get("/studies", headers=auditor).status_code == 403
    assert closed_api.get("/", headers=auditor).headers["location"] == "/account"
    assert closed_api.post("/studies", headers=auditor, data={"name": "a"}).status_code == 403


def test_without_a_search_the_newest_come_first_a_page_at_a_time(reader: httpx.Client, place: Place) -> None:
    for number in range(27):
        keep(place, number, f"Person^{number}")

    first = reader.get("/studies")
    second = reader.get("/studies?page=2")

    assert len(opened(first)) == 25
    assert opened(first)[0] == "1.9.26"
    assert opened(second) == ["1.9.1", "1.9.0"]
    assert "Studies 1 to 25" in first.text
    assert 'href="/studies?page=2"' in first.text
    assert 'href="/studies"' in second.text
    assert "no more studies" in reader.get("/studies?page=3").text


def test_a_search_leads_to_an_address_that_holds_no_name(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë")
    keep(place, 2, "Baker^Tom")

    answer = reader.post("/studies", data={"name": "ashworth", "accession": "A1"})
    page = reader.get(answer.headers["location"])

    assert answer.status_code == 303
    assert re.fullmatch(r"/studies\?search=[\w-]{22}", answer.headers["location"])
    assert opened(page) == ["1.9.1"]
    assert 'value="ashworth"' in page.text  # what was typed stands there still


def test_a_search_is_its_makers_alone_and_ends(closed_api: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë")
    an_account(place)
    closed_api.headers.update(BROWSER)
    sign_in(closed_api)
    form = {"name": "ashworth", "form_token": open_page(closed_api, "/studies")}
    url = closed_api.post("/studies", data=form).headers["location"]

    assert opened(closed_api.get(url)) == ["1.9.1"]
    assert closed_api.post("/studies", data={"name": "ashworth"}).status_code == 403  # no form of ours
    stranger = closed_api.get(url, headers=bearer(place, name="somebody else"))
    assert "no longer kept" in stranger.text
    assert "ashworth" not in stranger.text
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute("update kept_search set kept_at = kept_at - interval '13 hours'")
        assert "no longer kept" in closed_api.get(url).text
        closed_api.post("/studies", data=form)
        assert connection.execute("select count(*) from kept_search").fetchone() == (1,)


def test_two_trusts_numbers_are_two_people(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "123456", "REM")
    keep(place, 2, "Baker^Tom", "123456", "RBL")

    both = search(reader, patient_id="123456")
    one = search(reader, patient_id="123456", issuer="RBL")

    assert sorted(opened(both)) == ["1.9.1", "1.9.2"]
    assert "REM" in both.text
    assert opened(one) == ["1.9.2"]


def test_days_and_kinds_are_looked_for_and_what_is_wrong_is_said(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", day="20260301")
    keep(place, 2, "Baker^Tom", day="20260302")

    assert opened(search(reader, first_day="2026-03-02")) == ["1.9.2"]
    assert opened(search(reader, last_day="1/3/2026", modality="CT")) == ["1.9.1"]
    assert "No study matches" in search(reader, modality="MR").text
    wrong = reader.post("/studies", data={"first_day": "soon", "name": "ashworth"})
    assert "There is a problem" in wrong.text
    assert "Enter a date such as" in wrong.text
    assert 'value="ashworth"' in wrong.text


def test_the_list_is_sorted_by_name(reader: httpx.Client, place: Place) -> None:
    for number, name in enumerate(("Cook", "Archer", "Baker")):
        keep(place, number, name)

    assert opened(reader.get("/studies?sort=name")) == ["1.9.1", "1.9.2", "1.9.0"]
    assert opened(reader.get("/studies?sort=oldest")) == ["1.9.0", "1.9.1", "1.9.2"]
    assert reader.get("/studies?sort=colour").status_code == 400
    assert reader.get("/studies?page=0").status_code == 400
    assert reader.get("/studies?search=%00").status_code == 400
    assert "no longer kept" in reader.get("/studies?search=never").text


def test_a_contested_and_an_inconsistent_study_say_so(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë")
    keep(place, 1, "Ashworth^Zoe")  # the same UID, other content
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute("update study set inconsistent = true")

    page = reader.get("/studies").text

    assert "Contested" in page
    assert "Inconsistent" in page
    assert "waits for a person to decide" in page


def test_markup_in_a_name_is_no_markup(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "<script>alert(1)</script>")

    page = search(reader, name="<script").text

    assert "<script>alert" not in page
    assert html.escape("<SCRIPT>ALERT(1)</SCRIPT>") in page


def test_looking_is_recorded_by_keys_and_without_values(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë")
    search(reader, name="ashworth")

    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select action, outcome, detail::text from audit").fetchall()
    assert ("query", "allowed") in {row[:2] for row in rows}
    assert any('"name"' in row[2] for row in rows)
    assert not any("ashworth" in row[2] for row in rows)


def invoke(reader: httpx.Client, **asked: str) -> str:
    """Where IHE's address leads."""
    answer = reader.get("/IHEInvokeImageDisplay", params=asked)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_one_match_opens_the_viewer(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "123456", "REM", day="20260301")
    keep(place, 2, "Baker^Tom", "123456", "RBL")
    keep(place, 3, "Ashworth^Zoë", "123456", "REM", day="20260302")

    assert invoke(reader, requestType="STUDY", studyUID="1.9.2") == "/viewer/viewer?StudyInstanceUIDs=1.9.2"
    assert invoke(reader, requestType="PATIENT", patientID="123456^^^RBL").endswith("=1.9.2")
    latest = invoke(reader, requestType="PATIENT", patientID="123456^^^REM", mostRecentResults="1")
    assert latest.endswith("=1.9.3")
    on_day = invoke(
        reader, requestType="PATIENT", patientID="123456^^^REM", upperDateTime="2026-03-01T23:59:59"
    )
    assert on_day.endswith("=1.9.1")


def test_more_than_one_match_never_opens_by_itself(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "123456", "REM")
    keep(place, 2, "Baker^Tom", "123456", "RBL")

    url = invoke(reader, requestType="PATIENT", patientID="123456")

    assert re.fullmatch(r"/studies\?search=[\w-]{22}", url)
    assert sorted(opened(reader.get(url))) == ["1.9.1", "1.9.2"]
    two = invoke(reader, requestType="STUDY", studyUID="1.9.1,1.9.2")
    assert sorted(opened(reader.get(two))) == ["1.9.1", "1.9.2"]


def test_a_number_without_issuer_opens_nothing_by_itself(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "777", "RBS")

    url = invoke(reader, requestType="STUDY", accessionNumber="A1")

    # Whoever asks has no namespace of their own: whose A1 is meant is not known.
    assert url.startswith("/studies?search=")
    assert opened(reader.get(url)) == ["1.9.1"]


def test_another_persons_name_is_no_reason_to_open(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "123456", "REM")

    asked = {"requestType": "PATIENT", "patientID": "123456^^^REM"}
    assert invoke(reader, **asked, patientName="ashworth^zoe").startswith("/viewer")
    url = invoke(reader, **asked, patientBirthDate="19990101")
    page = reader.get(url)

    assert opened(page) == ["1.9.1"]
    assert "Check whose this is" in page.text


def test_a_study_of_two_identities_is_for_the_reader_to_judge(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "123456", "REM")
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute("update study set inconsistent = true")

    url = invoke(reader, requestType="STUDY", studyUID="1.9.1")

    assert url.startswith("/studies?search=")
    assert "Check whose this is" in reader.get(url).text


def test_no_match_says_so_and_what_cannot_be_asked_is_a_page(reader: httpx.Client) -> None:
    url = invoke(reader, requestType="STUDY", studyUID="1.2.3")

    assert "This study is not here" in reader.get(url).text
    wrong = reader.get("/IHEInvokeImageDisplay", params={"requestType": "SERIES"})
    assert wrong.status_code == 400
    assert "PATIENT or STUDY" in wrong.text


def link(place: Place, study_uid: str, number: str, name: str) -> None:
    """To somebody with a verified NHS number."""
    with psycopg.connect(place.database) as connection:
        told = Demographics((PersonName(name),), "19520516")
        tell(connection, Record(Identifier.nhs(number), told, number, NumberStatus.VERIFIED), said())
        known = person_known_as(connection, Identifier.nhs(number))
        study = connection.execute("select id from study where uid = %s", (study_uid,)).fetchone()
        assert known is not None
        assert study is not None
        decided = Decided(LinkState.LINKED, known.id, ())
        keep_link(connection, study[0], decided, LINKER, by_hand=False)


def test_an_nhs_number_means_the_studies_that_are_linked_to_whoever_has_it(
    reader: httpx.Client, place: Place
) -> None:
    keep(place, 1, "Ashworth^Zoë", "123456", "REM", day="20260301")
    keep(place, 2, "Brown^Zoë", "777", "RBL", day="20260401")
    keep(place, 3, "Ashworth^Zoë", "9990000018", "NHS")  # bears the number, and nobody verified it
    link(place, "1.9.1", "9990000018", "Ashworth")
    link(place, "1.9.2", "9990000018", "Ashworth")

    for patient in ("9990000018^^^NHS", "999 000 0018^^^&2.16.840.1.113883.2.1.4.1&ISO"):
        url = invoke(reader, requestType="PATIENT", patientID=patient)
        assert "9990000018" not in url
        assert opened(reader.get(url)) == ["1.9.2", "1.9.1"]
    latest = invoke(reader, requestType="PATIENT", patientID="9990000018^^^NHS", mostRecentResults="1")
    assert latest.endswith("=1.9.2")
    early = invoke(reader, requestType="PATIENT", patientID="9990000018^^^NHS", upperDateTime="2026-03-31")
    assert early.endswith("=1.9.1")
    with psycopg.connect(place.database) as connection:
        seen = connection.execute(
            "select count(*) from audit where person = (select uid from person_record where issuer = 'NHS')"
        ).fetchone()
    assert seen is not None
    assert seen[0] >= 4


def test_nobody_by_that_nhs_number_has_no_studies(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë", "9990000026", "NHS")
    url = invoke(reader, requestType="PATIENT", patientID="9990000026^^^NHS")
    assert "No study is linked to this person" in reader.get(url).text


def test_a_study_that_is_linked_leads_to_the_persons_record(reader: httpx.Client, place: Place) -> None:
    keep(place, 1, "Ashworth^Zoë")
    keep(place, 2, "Baker^Tom")
    link(place, "1.9.1", "9990000018", "Ashworth")
    with psycopg.connect(place.database) as connection:
        row = connection.execute("select uid from person_record where issuer = 'NHS'").fetchone()
    assert row is not None
    assert re.findall(r'href="/record/([0-9a-f-]{36})"', reader.get("/studies").text) == [str(row[0])]
