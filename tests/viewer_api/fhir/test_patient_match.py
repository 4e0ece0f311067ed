"""Who is like a patient that somebody describes (IHE PDQm ITI-119)."""

from typing import Any

import httpx
import psycopg
import pytest
from fhir.resources.R4B.bundle import Bundle

from exchange.fhir.identifiers import NHS_NUMBER
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Sex
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.fhir.people import HIDDENS_NUMBER, RUTHS_NUMBER, fill, known, tell_all
from viewer_api.fhir.patient_match import GRADE

URL = "/fhir/R4/Patient/$match"
RUTH: dict[str, Any] = {
    "resourceType": "Patient", "birthDate": "1971-03-04", "gender": "female",
    "name": [{"family": "O'Neill", "given": ["Ruth"]}],
}  # fmt: skip
NUMBERED = {**RUTH, "identifier": [{"system": NHS_NUMBER, "value": "9990000018"}]}


@pytest.fixture
def api(place: Place, open_api: httpx.Client) -> httpx.Client:
    fill(place)
    return open_api


def matched(api: httpx.Client, resource: dict[str, Any], **more: object) -> list[tuple[str, str]]:
    """The NHS number and the grade of each, in order."""
    parameters: list[dict[str, Any]] = [{"name": "resource", "resource": resource}]
    for name, value in more.items():
        parameters.append(
            {"name": name, "valueBoolean" if isinstance(value, bool) else "valueInteger": value}
        )
    answer = api.post(URL, json={"resourceType": "Parameters", "parameter": parameters})
    assert answer.status_code == 200, answer.text
    Bundle.model_validate(answer.json())
    entries = answer.json().get("entry", [])
    scores = [each["search"]["score"] for each in entries]
    assert scores == sorted(scores, reverse=True)
    return [
        (each["resource"]["identifier"][0]["value"], each["search"]["extension"][0]["valueCode"])
        for each in entries
    ]


def test_certain_is_whom_a_verified_number_names_and_all_else_fits(place: Place, api: httpx.Client) -> None:
    found = matched(api, NUMBERED)
    assert found[0] == ("9990000018", "certain")
    assert all(grade != "certain" for _, grade in found[1:])
    assert matched(api, NUMBERED, onlyCertainMatches=True) == [("9990000018", "certain")]
    bare = api.post(URL, json=NUMBERED).json()["entry"][0]["search"]
    assert bare["extension"] == [{"url": GRADE, "valueCode": "certain"}]


def test_likeness_makes_nobody_certain(place: Place, api: httpx.Client) -> None:
    assert matched(api, RUTH)[0] == ("9990000018", "probable")
    assert matched(api, RUTH, onlyCertainMatches=True) == []
    assert matched(api, {**NUMBERED, "birthDate": "1980-01-01"}, onlyCertainMatches=True) == []
    assert matched(api, {"resourceType": "Patient", "name": [{"family": "Nobody"}]}) == []


def test_as_many_are_answered_as_are_wanted(place: Place, api: httpx.Client) -> None:
    said = Demographics((PersonName("O'Neill", ("Ruth",)),), "19710304", Sex.FEMALE)
    tell_all(place, *(Record(Identifier(f"R{each}", "REM"), said) for each in range(3)))
    assert len(matched(api, RUTH)) >= 4
    assert len(matched(api, RUTH, count=2)) == 2


def test_no_guess_at_where_somebody_restricted_lives_is_answered(place: Place, api: httpx.Client) -> None:
    ada = {**RUTH, "name": [{"family": "O'Neal", "given": ["Ada"]}]}

    def score(postcode: str) -> float:
        said = {**ada, "address": [{"postalCode": postcode}]}
        [found] = [
            each
            for each in api.post(URL, json=said).json()["entry"]
            if each["resource"]["identifier"][0]["value"] == HIDDENS_NUMBER.value
        ]
        return float(found["search"]["score"])

    assert score("CH41 1AA") == score("L1 1AA")


def test_it_is_asked_in_xml_as_well(place: Place, api: httpx.Client) -> None:
    body = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="resource"/><resource><Patient>'
        '<name><family value="O\'Neill"/><given value="Ruth"/></name><birthDate value="1971-03-04"/>'
        "</Patient></resource></parameter></Parameters>"
    )
    kind = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml"}
    answer = api.post(URL, content=body, headers=kind)
    total = Bundle.model_validate_xml(answer.content).total
    assert total is not None
    assert total >= 1


def test_what_cannot_be_answered_is_said(api: httpx.Client) -> None:
    for body in (
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": [{"name": "count", "valueInteger": 1}]},
        {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": RUTH},
                                                     {"name": "count", "valueInteger": 0}]},
        {"resourceType": "Patient", "birthDate": "SECRET"},
        {"resourceType": "Observation"},
    ):  # fmt: skip
        answer = api.post(URL, json=body)
        assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")
        assert "SECRET" not in answer.text


def test_each_who_is_answered_is_written_down(place: Place, closed_api: httpx.Client) -> None:
    fill(place)
    assert closed_api.post(URL, json=NUMBERED, headers=bearer(place, Role.FEEDER, "pas")).status_code == 403
    assert closed_api.post(URL, json=NUMBERED, headers=bearer(place)).status_code == 200
    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select person from audit where actor = 'reader'").fetchall()
    assert (known(place, RUTHS_NUMBER).uid,) in rows


def test_an_untraced_number_makes_nobody_certain(place: Place, api: httpx.Client) -> None:
    said = Demographics((PersonName("Green", ("Ivy",)),), "19500102", Sex.FEMALE)
    tell_all(place, Record(Identifier("G1", "REM"), said, "9990000042", NumberStatus.NOT_TRACED))
    ivy = {
        "resourceType": "Patient", "birthDate": "1950-01-02", "gender": "female",
        "name": [{"family": "Green", "given": ["Ivy"]}],
        "identifier": [{"system": NHS_NUMBER, "value": "9990000042"}],
    }  # fmt: skip
    assert [grade for _, grade in matched(api, ivy)] == ["probable"]
