"""Whose study is this, by API and by page: for those who may decide, of their own trust's studies."""

import re
from typing import Any

import httpx
import pytest

from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Record,
    Sensitivity,
    Sex,
)
from exchange.people.telling import tell
from exchange.policy import Role
from tests.exchange.people.test_directory import said
from tests.viewer_api.conftest import Place, an_account, bearer, sign_in
from tests.viewer_api.material import an_image, kept

STUDY = "1.2.3"
ANN, JO = "9990000018", "9990000026"


@pytest.fixture
def people(place: Place) -> dict[str, Person]:
    """A study of Jo Smith's that waits, and two whose it may be."""
    kept(place, an_image("1.2.3.1.1", OtherPatientNames="Smith^Joanna", Allergies="Latex"))
    kept(place, an_image("1.2.3.1.2"))
    with place.ingest.index.pool.connection() as connection:
        connection.execute("insert into trust (ods_code, name, issuer) values ('RBS', 'Alder Hey', 'RBS')")
        found = {}
        for number, given, born, sensitivity in (
            (JO, "Jo", "19700101", Sensitivity.NORMAL), (ANN, "Ann", "19620405", Sensitivity.RESTRICTED)
        ):  # fmt: skip
            of = Demographics((PersonName("Smith", (given,)),), born, Sex.FEMALE, postcode="CH1 1AA")
            tell(
                connection,
                Record(Identifier.nhs(number), of, number, NumberStatus.VERIFIED, sensitivity),
                said(),
            )
            person = person_known_as(connection, Identifier.nhs(number))
            assert person is not None
            found[given] = person
        row = connection.execute("select id from study").fetchone()
        assert row is not None
        proposed = tuple(each.id for each in found.values())
        keep_link(connection, row[0], Decided(LinkState.AMBIGUOUS, None, (), proposed), LINKER, by_hand=False)
    return found


def coordinator(place: Place, trust: str = "RBS") -> dict[str, str]:
    return bearer(place, Role.COORDINATOR, f"mary of {trust}", trust)


def test_a_case_is_shown_and_decided_by_those_who_may(
    closed_api: httpx.Client, place: Place, people: dict[str, Person]
) -> None:
    api, mary = closed_api, coordinator(place)
    for who, status in (({}, 401), (bearer(place), 403)):
        assert api.get("/links/waiting", headers=who).status_code == status
        assert api.post(f"/links/{STUDY}/link", headers=who, json={}).status_code == status

    (waiting,) = api.get("/links/waiting", headers=mary).json()["waiting"]
    assert (waiting["study"], waiting["state"], waiting["proposed"]) == (STUDY, "ambiguous", 2)
    case = api.get(f"/links/{STUDY}", headers=mary).json()
    jo, ann = case["people"]
    assert (jo["nhs_number"], jo["postcode"], ann["postcode"]) == (JO, "CH1 1AA", "")
    assert {each["fact"]: each["verdict"] for each in jo["evidence"]}["birth date"] == "agrees"

    elsewhere = coordinator(place, "REM")
    assert api.get("/links/waiting", headers=elsewhere).json()["waiting"] == []
    assert api.get(f"/links/{STUDY}", headers=elsewhere).status_code == 404
    decision = {"person": jo["person"], "reason": "the ward said so", "seen": case["seen"]}
    assert api.post(f"/links/{STUDY}/link", headers=elsewhere, json=decision).status_code == 404
    for bad in ({"reason": " "}, {"reason": 3}, {"person": "x"}, {"seen": "x"}, {"reason": "x" * 1001}):
        assert api.post(f"/links/{STUDY}/link", headers=mary, json=decision | bad).status_code == 400
    answer = api.post(f"/links/{STUDY}/link", headers=mary, json=decision)
    assert answer.status_code == 201, answer.text
    assert api.post(f"/links/{STUDY}/link", headers=mary, json=decision).status_code == 409
    assert api.get("/links/waiting", headers=mary).json()["counts"] == {}

    number = answer.json()["decision"]
    undone = api.post(f"/links/{STUDY}/decisions/{number}/undo", headers=mary, json={"reason": "mistaken"})
    assert undone.json()["undone_because"] == "mistaken"
    assert api.get(f"/links/{STUDY}", headers=mary).json()["state"] == "ambiguous"
    looked = _rows(
        place, "select distinct person from audit where study_uid = %s and outcome = 'allowed'", STUDY
    )
    assert {each.uid for each in people.values()} <= {person for (person,) in looked}


def test_a_correction_is_previewed_applied_and_undone(
    closed_api: httpx.Client, place: Place, people: dict[str, Person]
) -> None:
    api, mary = closed_api, coordinator(place)
    ann = str(people["Ann"].uid)
    shown = api.get(f"/links/{STUDY}/correction", headers=mary, params={"person": ann}).json()
    said = {each["name"]: (each["before"], each["after"]) for each in shown["changes"]}
    assert said["Patient ID"] == (["123"], ANN)
    assert said["Other Patient Names"] == (["Smith, Joanna"], "")
    assert said["Allergies"] == (["Latex"], "")
    body = {"person": ann, "reason": "wrong wristband", "token": shown["token"]}
    assert api.post(f"/links/{STUDY}/correction", headers=mary, json=body | {"token": "x"}).status_code == 409
    number = api.post(f"/links/{STUDY}/correction", headers=mary, json=body).json()["decision"]

    reader = bearer(place, name="reader 2")
    (study,) = api.get(
        "/dicom-web/studies", headers=reader, params={"PatientID": ANN, "IssuerOfPatientID": "NHS"}
    ).json()
    assert study["00100010"]["Value"] == [{"Alphabetic": "Smith^Ann"}]
    seen = api.get(f"/links/{STUDY}", headers=mary).json()["seen"]
    for verb, person in (("reject", ann), ("link", str(people["Jo"].uid))):
        decision = {"person": person, "reason": "x", "seen": seen}
        refused = api.post(f"/links/{STUDY}/{verb}", headers=mary, json=decision)
        assert refused.status_code == 409
        assert f"undo decision {number}" in refused.text
    api.post(f"/links/{STUDY}/decisions/{number}/undo", headers=mary, json={"reason": "it was not"})
    (study,) = api.get("/dicom-web/studies", headers=reader).json()
    assert study["00100020"]["Value"] == ["123"]
    assert api.get("/links/still-wrong", headers=mary).json() == []


def test_two_studies_of_a_visit_are_one_decision_by_api_and_by_page(
    closed_api: httpx.Client, place: Place, people: dict[str, Person]
) -> None:
    api, mary = closed_api, coordinator(place)
    other = "1.2.4"
    kept(place, an_image("1.2.4.1.1", StudyInstanceUID=other, SeriesInstanceUID="1.2.4.1"))
    ann = str(people["Ann"].uid)
    address = f"/links/{STUDY}/correction"
    alone = api.get(address, headers=mary, params={"person": ann}).json()
    assert [each["study_uid"] for each in alone["others"]] == [other]
    shown = api.get(address, headers=mary, params={"person": ann, "also": other}).json()
    assert [each["study"] for each in shown["also"]] == [other]
    assert (shown["order"], shown["order_then"]) == (None, None)
    body = {"person": ann, "reason": "wrong wristband", "token": shown["token"], "also": [other]}
    wrong: list[dict[str, Any]] = [{"also": other}, {"also": [1]}, {"also": ["x"]}, {"also": []}]
    for bad in wrong:
        assert api.post(address, headers=mary, json=body | bad).status_code in (400, 409)
    assert api.post(address, headers=coordinator(place, "REM"), json=body).status_code == 404

    number = api.post(address, headers=mary, json=body).json()["decision"]

    (decision,) = api.get(f"/links/{other}", headers=mary).json()["decisions"]
    assert decision["together"] == number
    looked = _rows(place, "select count(*) from audit where study_uid = %s and outcome = 'allowed'", other)
    assert looked[0][0] >= 3

    api.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    an_account(place, Role.COORDINATOR, "meg")
    assert sign_in(api, "meg").status_code == 303
    page = api.get(f"/review/{STUDY}")
    assert f'One decision with <a href="/review/{other}">another study</a>' in page.text
    undoing = api.get(f"/review/{STUDY}/undo/{number}")
    assert "All of them are undone together." in undoing.text
    (token,) = set(re.findall(r'name="form_token" value="([0-9a-f]+)"', undoing.text))
    typed = {"form_token": token, "reason": "the ward said so"}
    api.post(f"/review/{STUDY}/undo/{number}", data=typed)
    assert _rows(place, "select count(*) from correction where undone_at is null") == [(0,)]

    address = f"/review/{STUDY}/correction/{ann}"
    assert 'type="checkbox" value="1.2.4">' in api.get(address).text
    preview = api.get(f"{address}?also={other}")
    assert 'type="checkbox" value="1.2.4" checked>' in preview.text
    assert "Correct 2 studies to" in preview.text
    sent = {
        name: re.findall(rf'name="{name}" value="([^"]*)"', preview.text)[-1] for name in ("token", "also")
    }
    corrected = api.post(address, data=typed | sent)
    assert corrected.status_code == 303, corrected.text
    assert "corrected the study to this person" in api.get(f"/review/{other}").text


def test_who_reads_the_list_of_wrong_copies_is_written_down_with_each_study(
    closed_api: httpx.Client, place: Place, people: dict[str, Person]
) -> None:
    with place.ingest.index.pool.connection() as connection:
        connection.execute(
            "insert into renamed_copy (study_uid, destination, bears, since, after_delivery)"
            " values (%s, 'PACS', 'x', now(), 0)",
            (STUDY,),
        )

    (wrong,) = closed_api.get("/links/still-wrong", headers=coordinator(place)).json()

    assert wrong["study_uid"] == STUDY
    assert _rows(place, "select actor from audit where study_uid = %s", STUDY) == [("mary of RBS",)]
    settled = {"choice": "settled", "reason": "deleted there"}
    mary = bearer(place, Role.COORDINATOR, "mary 2", "RBS")
    assert closed_api.post(f"/links/{STUDY}/copies/PACS", headers=mary, json=settled).status_code == 200
    (right,) = closed_api.get("/links/told", headers=mary).json()
    assert (right["study_uid"], right["how"]) == (STUDY, "mary 2: deleted there")


def test_the_pages_lead_from_the_list_to_a_decision_and_back(
    closed_api: httpx.Client, place: Place, people: dict[str, Person]
) -> None:
    api = closed_api
    api.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    an_account(place, Role.COORDINATOR, "mary")
    assert sign_in(api, "mary").status_code == 303
    assert f'href="/review/{STUDY}"' in api.get("/review").text
    assert "No study waits" in api.get("/review?state=conflicting").text
    jo = str(people["Jo"].uid)

    page = api.get(f"/review/{STUDY}")
    assert "SMITH, Jo" in page.text
    assert "Restricted record" in page.text
    without = api.post(f"/review/{STUDY}/link", data=form(page.text, jo) | {"reason": ""})
    assert without.status_code == 400
    assert "Say why, in a few words" in without.text
    done = api.post(f"/review/{STUDY}/link", data=form(page.text, jo))
    assert done.status_code == 303
    banner = api.get(done.headers["location"])
    assert "You linked the study to this person: SMITH, Jo." in " ".join(banner.text.split())
    late = api.post(f"/review/{STUDY}/reject", data=form(page.text, jo))
    assert "The link changed since you looked" in late.text

    (undo,) = set(re.findall(rf"/review/{STUDY}/undo/\d+", banner.text))
    token = form(banner.text, jo)
    assert "Say why" in api.post(undo, data=token | {"reason": ""}).text
    undone = api.post(undo, data=token | {"reason": "mistaken"})
    assert "It is undone" in api.get(undone.headers["location"]).text

    found = api.post(f"/review/{STUDY}/find", data=token | {"number": "999 000 0018", "issuer": "NHS"})
    assert found.headers["location"] == f"/review/{STUDY}?person={people['Ann'].uid}"
    for number, issuer in (("9990000019", "NHS"), ("", "RBS"), ("55", "RBS")):
        wrong = api.post(f"/review/{STUDY}/find", data=token | {"number": number, "issuer": issuer})
        assert wrong.status_code == 400
        assert "There is a problem" in wrong.text

    asked = api.post(f"/review/{STUDY}/question", data=token | {"reason": "Whose wristband was it?"})
    assert "asked the trust" in api.get(asked.headers["location"]).text
    answered = api.post(f"/review/{STUDY}/answer", data=token | {"reason": "Jo Smith’s"})
    assert "You answered" in api.get(answered.headers["location"]).text

    preview = api.get(f"/review/{STUDY}/correction/{people['Ann'].uid}")
    assert "What every image will say" in preview.text
    (sent,) = re.findall(r'name="token" value="([0-9a-f]+)"', preview.text)
    correction = f"/review/{STUDY}/correction/{people['Ann'].uid}"
    assert "Say why" in api.post(correction, data=token | {"token": sent, "reason": ""}).text
    assert api.post(correction, data=token | {"token": "x"}).status_code == 409
    corrected = api.post(correction, data=token | {"token": sent, "reason": "wrong wristband"})
    assert "corrected the study to this person" in api.get(corrected.headers["location"]).text
    assert "No copy is known" in api.get("/review/wrong").text
    stranger = api.post(f"/review/{STUDY}/link", data={"person": jo, "seen": "0", "reason": "x"})
    assert stranger.status_code == 403


def form(page: str, person: str) -> dict[str, str]:
    token = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert token
    assert seen
    return {"form_token": token[1], "seen": seen[1], "person": person, "reason": "the ward said so"}


def _rows(place: Place, query: str, *values: object) -> list[tuple[Any, ...]]:
    with place.ingest.index.pool.connection() as connection:
        return connection.execute(query, values).fetchall()
