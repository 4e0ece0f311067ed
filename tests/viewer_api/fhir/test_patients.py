"""People over FHIR: searched and read (IHE PDQm), by those who may, and each of them written down."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import psycopg
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.patient import Patient

from exchange.fhir.identifiers import NHS_NUMBER, patient_system
from exchange.people import finding
from exchange.people.person import Identifier
from exchange.policy import Role
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.fhir.people import (
    HIDDENS_NUMBER,
    RUTHS_LOCAL,
    RUTHS_NUMBER,
    RUTHS_OLD_NUMBER,
    fill,
    known,
    many,
)

URL = "/fhir/R4/Patient"


@pytest.fixture
def api(place: Place, open_api: httpx.Client) -> httpx.Client:
    fill(place)
    return open_api


def found(api: httpx.Client, query: str) -> list[Mapping[str, Any]]:
    """The patients that a search answers; asked both ways, which say the same."""
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    Bundle.model_validate(bundle)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api.post(f"{URL}/_search", content=query, headers=headers).json() == bundle
    resources = [each["resource"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]
    assert bundle["total"] >= len(resources)
    return resources


def numbers(resources: list[Mapping[str, Any]]) -> list[str]:
    return [each["identifier"][0]["value"] for each in resources]


BOTH = [HIDDENS_NUMBER, RUTHS_NUMBER]

#: Whom each search finds, in order.
SEARCHES: Sequence[tuple[str, Sequence[Identifier]]] = (
    ("family=o'neill", [RUTHS_NUMBER]),
    ("family=One", BOTH),
    ("family:exact=O'Neill", [RUTHS_NUMBER]),
    ("family:exact=o'neill", []),
    ("family:contains=neil", [RUTHS_NUMBER]),
    ("family=smith,oneill", [RUTHS_NUMBER]),
    ("family=one&given=ann", [RUTHS_NUMBER]),
    ("name=ruth", [RUTHS_NUMBER]),
    ("name=ruth&name=oneill", [RUTHS_NUMBER]),
    ("name=ruth&given=ada", []),
    ("birthdate=1971-03-04&family=one", BOTH),
    ("birthdate=1971-03-05", []),
    ("birthdate=1971-03", BOTH),
    ("birthdate=ge1971&birthdate=lt1971-03-04", []),
    ("birthdate=le1971-03-04&birthdate=gt1971-03-03", BOTH),
    ("family=one&gender=female&active=true", BOTH),
    ("family=one&gender=male", []),
    ("family=one&active=false", []),
    (f"identifier={NHS_NUMBER}|9990000018", [RUTHS_NUMBER]),
    ("identifier=999 000 0018", [RUTHS_NUMBER]),
    (f"identifier={NHS_NUMBER}|9990000026", [RUTHS_NUMBER]),  # superseded
    ("identifier=123456", [RUTHS_NUMBER]),
    (f"identifier={patient_system('RBL')}|123456", [RUTHS_NUMBER]),
    (f"identifier={patient_system('REM')}|123456", []),
    ("identifier=urn:id:nobody:mrn|123456", []),
    (f"identifier={NHS_NUMBER}|9990000018&identifier=123456", [RUTHS_NUMBER]),
    (f"identifier={NHS_NUMBER}|9990000034&identifier=123456", []),
    # Nobody restricted is found by where they live.
    ("address-postalcode=CH41", [RUTHS_NUMBER]),
    ("address-postalcode:exact=ch411aa", [RUTHS_NUMBER]),
    ("family=one&general-practitioner=N85001", [RUTHS_NUMBER]),
    ("family=one&address-postalcode=CH41 1AA&gender=female", [RUTHS_NUMBER]),
)


def test_a_search_finds_whom_it_says(api: httpx.Client) -> None:
    answers = [(query, numbers(found(api, query))) for query, _ in SEARCHES]
    assert answers == [(query, [each.value for each in who]) for query, who in SEARCHES]


def test_identifiers_of_some_domains_alone_are_answered_where_they_are_asked_for(api: httpx.Client) -> None:
    wirral, liverpool = patient_system("RBL"), patient_system("REM")
    [patient] = found(api, f"family=one&identifier={wirral}|,{liverpool}|")
    assert [each["system"] for each in patient["identifier"]] == [wirral]
    assert found(api, f"family=one&identifier={liverpool}|") == []

    answer = api.get(f"{URL}?family=one&identifier=urn:oid:1.2.3|")
    assert answer.status_code == 404
    assert answer.json()["issue"] == [
        {"severity": "warning", "code": "not-found", "diagnostics": "targetSystem not found"}
    ]


def test_a_trusts_own_system_goes_out_and_both_are_understood(place: Place, api: httpx.Client) -> None:
    own, made = "https://fhir.wirral.example/Id/mrn", patient_system("RBL")
    PostgresRegistry(place.objects.pool).add_trust(Trust("RBL", "Wirral", "RBL", number_system=own))

    for system in (own, made):
        [patient] = found(api, f"identifier={system}|123456")
        assert {each["system"] for each in patient["identifier"]} == {NHS_NUMBER, own}
        [patient] = found(api, f"family=one&identifier={system}|")
        assert [each["system"] for each in patient["identifier"]] == [own]
        numbers = {"sourceIdentifier": f"{system}|123456", "targetSystem": NHS_NUMBER}
        assert api.get(f"{URL}/$ihe-pix", params=numbers).json()["parameter"][0]["valueIdentifier"]
        studies = api.get("/fhir/R4/ImagingStudy", params={"patient.identifier": f"{system}|123456"})
        assert studies.status_code == 200
        local = {"system": system, "value": "123456"}
        name = [{"family": "O'Neill", "given": ["Ruth", "Ann"]}]
        said = {"name": name, "birthDate": "1971-03-04", "gender": "female"}
        asked = {"resourceType": "Patient", "identifier": [local], **said}
        [match, *_] = api.post(f"{URL}/$match", json=asked).json()["entry"]
        assert own in str(match["resource"]["identifier"])


def test_one_of_them_is_read_and_a_record_that_gave_way_says_to_whom(place: Place, api: httpx.Client) -> None:
    ruth = known(place, RUTHS_NUMBER)
    patient = api.get(f"{URL}/{ruth.uid}").json()
    Patient.model_validate(patient)
    assert [each["value"] for each in patient["identifier"]] == ["9990000018", "123456"]
    assert patient["address"] == [{"use": "home", "line": ["1 Hill Road"], "postalCode": "CH41 1AA"}]

    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select uid from person_record where (issuer, value) in (('NHS', %s), ('RBL', %s))",
            (RUTHS_OLD_NUMBER.value, RUTHS_LOCAL.value),
        ).fetchall()
    assert len(rows) == 2
    for (uid,) in rows:
        replaced = api.get(f"{URL}/{uid}").json()
        Patient.model_validate(replaced)
        assert replaced["active"] is False
        assert replaced["link"][0]["other"] == {"reference": f"Patient/{ruth.uid}"}
        assert "name" not in replaced
    for nobody in ("00000000-0000-4000-8000-000000000000", "9990000018"):
        answer = api.get(f"{URL}/{nobody}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")
        assert "9990000018" not in answer.text


def test_nothing_says_where_somebody_restricted_is(place: Place, api: httpx.Client) -> None:
    [patient] = found(api, f"identifier={NHS_NUMBER}|{HIDDENS_NUMBER.value}")
    assert patient["meta"]["security"][0]["code"] == "R"
    assert not {"address", "generalPractitioner"} & patient.keys()


def test_pages_follow_each_other(place: Place, api: httpx.Client) -> None:
    who = many(place, 7)
    seen, url = [], f"{URL}?family=jones&_count=3"
    while url:
        bundle = api.get(url).json()
        assert bundle["total"] == 7
        seen += [each["resource"]["identifier"][0]["value"] for each in bundle["entry"]]
        url = next((each["url"] for each in bundle["link"] if each["relation"] == "next"), "")
    assert seen == [each.value for each in who]
    assert "entry" not in api.get(f"{URL}?family=jones&_count=0").json()


def test_what_is_not_understood_counts_for_nothing(api: httpx.Client) -> None:
    bundle = api.get(f"{URL}?family=oneill&shoe-size=SECRET&telecom=0151").json()
    [own] = [each["url"] for each in bundle["link"] if each["relation"] == "self"]
    assert dict(parse_qsl(urlsplit(own).query)) == {"family": "oneill", "_count": "20"}
    strict = api.get(f"{URL}?family=oneill&telecom=0151", headers={"Prefer": "handling=strict"})
    assert (strict.status_code, strict.json()["issue"][0]["diagnostics"]) == (400, "telecom: not known here")


def test_a_search_that_cannot_be_answered_says_why(api: httpx.Client) -> None:
    for query, code in (
        ("", "too-costly"),
        ("gender=female", "too-costly"),
        ("given=ruth&active=true", "too-costly"),
        ("birthdate=SECRET", "invalid"),
        ("gender=SECRET", "invalid"),
        ("family:sounds=SECRET", "invalid"),
        ("family=oneill&_count=SECRET", "invalid"),
        (f"family={'SECRET' * 2000}", "invalid"),
    ):
        answer = api.get(f"{URL}?{query}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, code)
        assert "SECRET" not in answer.text


def test_who_matches_too_many_is_asked_for_more(
    place: Place, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FOUND_LIMIT", 4)
    many(place, 5)
    answer = api.get(f"{URL}?family=jones")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")


def test_it_is_xml_for_those_who_want_xml(place: Place, api: httpx.Client) -> None:
    url = f"{URL}?family=oneill"
    for answer in (
        api.get(url, headers={"Accept": "application/fhir+xml"}),
        api.get(f"{url}&_format=xml"),
        api.get(f"{url}&_format=application/fhir+xml"),
    ):
        assert answer.headers["content-type"] == "application/fhir+xml"
        read = Bundle.model_validate_xml(answer.content)
        assert read.total == 1
    assert api.get(url, headers={"Accept": "image/png"}).status_code == 406
    missing = api.get(f"{URL}/nobody", headers={"Accept": "application/fhir+xml"})
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/fhir+xml")


def test_only_those_look_for_people_who_may_and_each_person_is_written_down(
    place: Place, closed_api: httpx.Client
) -> None:
    fill(place)
    ruth, hidden = known(place, RUTHS_NUMBER), known(place, HIDDENS_NUMBER)
    for headers, status, code in (({}, 401, "login"), (bearer(place, Role.FEEDER, "pas"), 403, "forbidden")):
        for url in (f"{URL}?family=one", f"{URL}/{ruth.uid}"):
            answer = closed_api.get(url, headers=headers)
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code)
    reader = bearer(place)
    closed_api.get(f"{URL}?family=one&_count=5", headers=reader)
    closed_api.get(f"{URL}?family=nobody", headers=reader)
    closed_api.get(f"{URL}/{ruth.uid}", headers=reader)

    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select action, person, outcome, detail from audit where actor = 'reader' order by id"
        ).fetchall()
    keys = {"of": "Patient", "keys": ["family"]}
    assert sorted(rows[:2], key=lambda row: str(row[1])) == sorted(
        [("look for people", each.uid, "allowed", keys) for each in (ruth, hidden)],
        key=lambda row: str(row[1]),
    )
    assert rows[2:] == [
        ("look for people", None, "allowed", keys),
        ("see a person's record", ruth.uid, "allowed", {}),
    ]
