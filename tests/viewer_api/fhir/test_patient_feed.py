"""Who people are, told over FHIR (IHE PIXm ITI-104): by those who may, of their own numbers."""

from typing import Any

import httpx
import psycopg
import pytest

from exchange.fhir.identifiers import NHS_NUMBER, NUMBER_STATUS, NUMBER_STATUS_EXTENSION, patient_system
from exchange.people.person import Identifier, NumberStatus, Sensitivity
from exchange.policy import Role
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.ologies.material import sample
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.fhir.people import fill, known

URL = "/fhir/R4/Patient"
WIRRAL, LIVERPOOL = patient_system("RBL"), patient_system("REM")


def nhs(number: str, status: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"system": NHS_NUMBER, "value": number}
    if status:
        concept = {"coding": [{"system": NUMBER_STATUS, "code": status}]}
        found["extension"] = [{"url": NUMBER_STATUS_EXTENSION, "valueCodeableConcept": concept}]
    return found


def patient(*identifiers: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "identifier": list(identifiers), "active": True,
        "name": [{"family": "Mohr", "given": ["Alissa"]}], "gender": "female", "birthDate": "1958-01-30",
        **more,
    }  # fmt: skip


def local(number: str, system: str = WIRRAL) -> dict[str, Any]:
    return {"system": system, "value": number}


@pytest.fixture
def pas(place: Place, closed_api: httpx.Client) -> httpx.Client:
    """Wirral's patient administration system."""
    fill(place)
    closed_api.headers.update(bearer(place, Role.FEEDER, "pas", "RBL"))
    return closed_api


def put(api: httpx.Client, identifier: str, body: dict[str, Any]) -> httpx.Response:
    return api.put(URL, params={"identifier": identifier}, json=body)


def test_a_patient_is_added_and_revised(place: Place, pas: httpx.Client) -> None:
    made = put(pas, f"{WIRRAL}|9", patient(local("9"), nhs("9990000042", "01")))
    assert (made.status_code, made.content) == (201, b"")
    who = known(place, Identifier("9", "RBL"))
    assert made.headers["location"].endswith(f"/fhir/R4/Patient/{who.uid}")
    assert (who.nhs_number, who.is_verified) == ("9990000042", True)

    labels = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
    changed = patient(
        local("9"), nhs("9990000042", "01"),
        name=[{"family": "Mohr", "given": ["Alice"]}], meta={"security": labels},
    )  # fmt: skip
    assert put(pas, f"{WIRRAL}|9", changed).status_code == 200
    who = known(place, Identifier("9", "RBL"))
    assert (who.demographics.name.given, who.sensitivity) == (("Alice",), Sensitivity.RESTRICTED)
    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select action, person, detail from audit where actor = 'pas'").fetchall()
    assert rows == [("tell who people are", who.uid, {"did": "told who somebody is"})]


def test_what_was_said_earlier_comes_too_late(place: Place, pas: httpx.Client) -> None:
    for at, given in (("2026-03-02T09:00:00Z", "Alice"), ("2026-03-01T09:00:00+01:00", "Alissa")):
        name = [{"family": "Mohr", "given": [given]}]
        put(pas, f"{WIRRAL}|9", patient(local("9"), meta={"lastUpdated": at}, name=name))
    assert known(place, Identifier("9", "RBL")).demographics.name.given == ("Alice",)


def test_a_number_without_its_status_is_as_the_trusts_other_feeds_have_it(
    place: Place, pas: httpx.Client
) -> None:
    put(pas, f"{WIRRAL}|9", patient(local("9"), nhs("9990000042")))
    assert known(place, Identifier("9", "RBL")).status is NumberStatus.NOT_TRACED
    trust = Trust("RBL", "Wirral", "RBL", nhs_number_status="01")
    PostgresRegistry(place.objects.pool).add_trust(trust)
    put(pas, f"{WIRRAL}|9", patient(local("9"), nhs("9990000042")))
    assert known(place, Identifier("9", "RBL")).is_verified


def test_a_duplicate_gives_way_to_the_one_that_survives(place: Place, pas: httpx.Client) -> None:
    put(pas, f"{WIRRAL}|m94", patient(local("m94"), nhs("9990000042", "01")))
    put(pas, f"{WIRRAL}|994", patient(local("994"), nhs("9990000042", "01")))
    link = [{"other": {"identifier": local("994")}, "type": "replaced-by"}]
    gone = patient(local("m94"), active=False, link=link)
    assert put(pas, f"{WIRRAL}|m94", gone).status_code == 200
    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select kind from person_statement").fetchall()
    assert ("merged",) in rows
    answer = pas.get(f"{URL}?identifier={WIRRAL}|m94", headers=bearer(place))
    assert [each["resource"]["identifier"][0]["value"] for each in answer.json()["entry"]] == ["9990000042"]


def test_a_trust_tells_of_its_own_numbers_alone(place: Place, pas: httpx.Client) -> None:
    for identifier, body in (
        (f"{LIVERPOOL}|9", patient(local("9", LIVERPOOL))),
        (f"{NHS_NUMBER}|9990000042", patient(nhs("9990000042", "01"))),
        (f"{WIRRAL}|9", patient(local("9"), link=[
            {"other": {"identifier": local("9", LIVERPOOL)}, "type": "replaced-by"}])),
    ):  # fmt: skip
        answer = put(pas, identifier, body)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "forbidden")
    index = bearer(place, Role.FEEDER, "mpi", "")
    pas.headers.update(index)
    assert put(pas, f"{NHS_NUMBER}|9990000042", patient(nhs("9990000042", "01"))).status_code == 201
    assert known(place, Identifier.nhs("9990000042")).is_verified


def test_what_cannot_be_taken_is_said_without_repeating_it(place: Place, pas: httpx.Client) -> None:
    for identifier, body, code in (
        ("SECRET", patient(local("SECRET")), "required"),
        ("urn:oid:1.2.3|SECRET", patient(local("SECRET")), "code-invalid"),
        (f"{WIRRAL}|9", patient(local("8")), "invariant"),
        (f"{NHS_NUMBER}|9990000019", patient(), "value"),
        (f"{WIRRAL}|9", patient(local("9"), birthDate="SECRET"), "invalid"),
        (f"{WIRRAL}|9", {"resourceType": "Observation"}, "invalid"),
    ):
        answer = put(pas, identifier, body)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, code), answer.text
        assert "SECRET" not in answer.text
    for sent in (b"<Patient", b'<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"/>'):
        kind = {"Content-Type": "application/fhir+xml"}
        answer = pas.put(f"{URL}?identifier={WIRRAL}|9", content=sent, headers=kind)
        assert answer.status_code == 400
    assert put(pas, f"{WIRRAL}|9", patient(local("9"))).status_code == 201
    pas.headers.update(bearer(place))
    assert put(pas, f"{WIRRAL}|9", patient(local("9"))).status_code == 403
    assert pas.put(f"{URL}/1", json=patient(local("9"))).status_code == 405


def test_the_uk_core_example_is_taken_as_xml(place: Place, pas: httpx.Client) -> None:
    """Told by a master index, whose numbers are the NHS's own; under a test number."""
    pas.headers.update(bearer(place, Role.FEEDER, "mpi", ""))
    example = sample("fhir/UKCore-Patient-RichardSmith-Example.xml").read_text()
    body = example.replace("9912003888", "9990000042")
    kind = {"Content-Type": "application/fhir+xml; charset=utf-8"}
    answer = pas.put(f"{URL}?identifier={NHS_NUMBER}|9990000042", content=body.encode(), headers=kind)
    assert answer.status_code == 201, answer.text
    said = known(place, Identifier.nhs("9990000042"))
    assert said.is_verified
    assert (said.demographics.name.family, said.demographics.name.given) == ("SMITH", ("Richard",))
    assert (said.demographics.birth_date, said.demographics.postcode) == ("19700911", "LS17 7DF")
    assert said.demographics.address == ("4 Sandmoor Drive", "LEEDS")
