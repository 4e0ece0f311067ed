"""Studies over FHIR: found by person, number, modality, body site and date, a page at a time."""

from collections.abc import MutableMapping
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from fhir.resources.R4B import get_fhir_model_class

from exchange.fhir.identifiers import study_id
from exchange.people.person import Identifier, Person, Said, Sensitivity
from exchange.people.statements import Merged
from exchange.people.telling import tell
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.fhir.records import NHS, RUTH, a_person, a_study, link, trusts
from viewer_api.fhir import studies

URL = "/fhir/R4/ImagingStudy"


@pytest.fixture
def ruth(place: Place) -> Person:
    trusts(place)
    return a_person(place)


def found(answer: httpx.Response) -> list[str]:
    """The study UIDs of a page."""
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    get_fhir_model_class("Bundle").model_validate(bundle)
    matches = [each["resource"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]
    return [each["identifier"][0]["value"].removeprefix("urn:oid:") for each in matches]


def link_to(answer: httpx.Response, relation: str) -> str:
    return next((each["url"] for each in answer.json()["link"] if each["relation"] == relation), "")


def test_a_persons_studies_are_found_by_their_nhs_number(
    place: Place, open_api: httpx.Client, ruth: Person
) -> None:
    link(place, a_study(place), ruth)
    a_study(place, "1.2.826.0.1.10")

    for name in (
        "patient.identifier",
        "patient:identifier",
        "subject:identifier",
        "subject:Patient.identifier",
    ):
        assert found(open_api.get(URL, params={name: f"{NHS}|{RUTH.value}"})) == ["1.2.826.0.1.9"], name
        local = open_api.post(f"{URL}/_search", data={name: "urn:id:RBS:mrn|123456"})
        assert found(local) == ["1.2.826.0.1.9"], name
        assert found(open_api.get(URL, params={name: f"{NHS}|9990000026"})) == []
        assert found(open_api.get(URL, params={name: "urn:id:RBL:mrn|123456"})) == []


def test_by_the_id_of_their_patient(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    link(place, a_study(place), ruth)

    for text in (str(ruth.uid), f"Patient/{ruth.uid}", f"https://pacs.example/fhir/R4/Patient/{ruth.uid}"):
        assert found(open_api.get(URL, params={"patient": text})) == ["1.2.826.0.1.9"]
    assert found(open_api.get(URL, params={"patient": "Patient/nobody"})) == []


def test_a_study_is_found_by_whomever_it_is_linked_to_now(
    place: Place, open_api: httpx.Client, ruth: Person
) -> None:
    uid = a_study(place)
    link(place, uid, ruth)
    other = a_person(place, "9990000026", "777", Sensitivity.RESTRICTED)
    link(place, uid, other)

    assert found(open_api.get(URL, params={"patient": str(ruth.uid)})) == []
    answer = open_api.get(URL, params={"patient.identifier": f"{NHS}|9990000026"})
    assert found(answer) == [uid]
    study = answer.json()["entry"][0]["resource"]
    assert study["meta"]["security"][0]["code"] == "R"
    assert "referrer" not in study
    superseded = Merged(Identifier.nhs("9990000026"), RUTH)
    with place.ingest.index.pool.connection() as connection:
        tell(connection, superseded, Said(datetime(2026, 3, 5, tzinfo=UTC), "merge"))
    for number in ("9990000026", RUTH.value):
        answer = open_api.get(URL, params={"patient.identifier": f"{NHS}|{number}"})
        assert found(answer) == [uid], number
        subject = answer.json()["entry"][0]["resource"]["subject"]
        assert subject["identifier"]["value"] == RUTH.value


def test_a_number_without_its_system_is_nobodys(open_api: httpx.Client) -> None:
    for text in ("123456", "|123456"):
        answer = open_api.get(URL, params={"patient.identifier": text})
        assert answer.status_code == 400
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert "123456" not in answer.text


def test_a_study_that_is_linked_to_nobody_is_found_by_its_numbers(
    place: Place, open_api: httpx.Client, ruth: Person
) -> None:
    uid = a_study(place)

    assert found(open_api.get(URL, params={"patient": str(ruth.uid)})) == []
    for text in (
        f"urn:dicom:uid|urn:oid:{uid}",
        f"urn:dicom:uid|{uid}",
        uid,
        "urn:id:RBS:accession|A1",
        "RBS|A1",
        "A1",
    ):
        answer = open_api.get(URL, params={"identifier": text})
        assert found(answer) == [uid], text
        subject = answer.json()["entry"][0]["resource"]["subject"]
        assert "reference" not in subject
        assert subject["identifier"]["value"] == "123456"
    assert found(open_api.get(URL, params={"identifier": "urn:id:RBL:accession|A1"})) == []


NARROWED = [
    ("modality", "CT", True),
    ("modality", "http://dicom.nema.org/resources/ontology/DCM|CT", True),
    ("modality", "MR,CT", True),
    ("modality", "MR", False),
    ("bodysite", "http://snomed.info/sct|816094009", True),
    ("bodysite", "CHEST", True),
    ("bodysite", "HEAD", False),
    ("started", "2026-03-01", True),
    ("started", "eq2026-03", True),
    ("started", "ge2026-03-01T10:15:00Z", True),
    ("started", "gt2026-03-01T10:15:00Z", False),
    ("started", "lt2026-03-01T10:16:00+00:00", True),
    ("started", "2026-03-01,2027", True),
    ("started", "ne2026", False),
    ("status", "available", True),
    ("status", "cancelled", False),
    ("series", "urn:oid:1.2.826.0.1.9.1", True),
    ("series", "1.2.3", False),
    ("_id", study_id("1.2.826.0.1.9"), True),
    ("_id", "elsewhere", False),
    ("_lastUpdated", "gt2026-01-01", True),
    ("_lastUpdated", "lt2026-01-01", False),
    ("basedon:identifier", "urn:id:RBS:accession|A1", True),
    ("identifier", "A1", True),
    ("identifier", "A2", False),
]


def test_a_persons_studies_are_narrowed(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    link(place, a_study(place), ruth)

    for name, text, is_found in NARROWED:
        answer = open_api.get(URL, params={"patient": str(ruth.uid), name: text})
        assert found(answer) == (["1.2.826.0.1.9"] if is_found else []), (name, text)
        assert answer.json()["total"] == is_found


def test_by_some_days_alone_and_never_by_all(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    a_study(place)

    assert found(open_api.get(URL, params={"started": "2026-03-01"})) == ["1.2.826.0.1.9"]
    assert found(open_api.get(URL, params=[("started", "ge2026-02-20"), ("started", "lt2026-03-10")]))
    for params in ({}, {"modality": "CT"}, {"started": "2026"}, {"started": "ge2026-03-01"}):
        answer = open_api.get(URL, params=params)
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["code"] == "too-costly"


def test_what_goes_with_it_is_included(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    link(place, a_study(place), ruth)

    answer = open_api.get(
        URL, params={"patient": str(ruth.uid), "_include": ["ImagingStudy:patient", "ImagingStudy:endpoint"]}
    )

    included = [each["resource"] for each in answer.json()["entry"] if each["search"]["mode"] == "include"]
    assert [each["resourceType"] for each in included] == ["Patient", "Endpoint", "Endpoint"]
    assert included[0]["id"] == str(ruth.uid)
    study = answer.json()["entry"][0]["resource"]
    assert study["endpoint"][0]["reference"] == f"Endpoint/{included[1]['id']}"
    viewer = open_api.get(f"/fhir/R4/{study['endpoint'][1]['reference']}").json()
    assert viewer["address"].endswith("/IHEInvokeImageDisplay?requestType=STUDY&studyUID=1.2.826.0.1.9")
    assert viewer["id"] == included[2]["id"]
    assert open_api.get(f"/fhir/R4/Endpoint/{study_id('1.2.3')}-viewer").status_code == 404
    read = open_api.get(f"/fhir/R4/Endpoint/{included[1]['id']}")
    assert read.json()["address"] == f"{str(open_api.base_url).rstrip('/')}/dicom-web"


def test_pages_follow_one_another_and_name_nobody(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    uids = [a_study(place, f"1.2.826.0.1.{number}", StudyDate=f"202603{number:02}") for number in range(1, 6)]
    uids.append(a_study(place, "1.2.826.0.1.6", StudyDate=""))
    for uid in uids:
        link(place, uid, ruth)

    answer = open_api.get(URL, params={"patient.identifier": f"{NHS}|{RUTH.value}", "_count": "2"})
    seen = found(answer)
    assert RUTH.value in link_to(answer, "self")
    assert answer.json()["total"] == 6
    while following := link_to(answer, "next"):
        assert RUTH.value not in following
        answer = open_api.get(following)
        seen += found(answer)

    assert seen == ["1.2.826.0.1.5", "1.2.826.0.1.4", "1.2.826.0.1.3", "1.2.826.0.1.2", "1.2.826.0.1.1",
                    "1.2.826.0.1.6"]  # fmt: skip
    for broken in ("x.y", "nothing", "a.MjAyNjAz"):
        assert open_api.get(URL, params={"_cursor": broken}).status_code in (400, 410)


def test_how_many_and_which_elements(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    link(place, a_study(place, instances=3), ruth)
    who = {"patient": str(ruth.uid)}

    for params in ({"_summary": "count"}, {"_count": "0"}):
        assert open_api.get(URL, params={**who, **params}).json().keys() & {"total", "entry"} == {"total"}
    lean = open_api.get(URL, params={**who, "_elements": "started,modality"}).json()["entry"][0]["resource"]
    assert set(lean) == {"resourceType", "id", "meta", "started", "modality"}
    assert lean["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_what_nobody_knows_is_ignored_or_refused(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    params = {"patient": str(ruth.uid), "performer": "x"}

    lenient = open_api.get(URL, params=params)
    assert "performer" not in link_to(lenient, "self")
    strict = open_api.get(URL, params=params, headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400
    assert "performer" in strict.json()["issue"][0]["diagnostics"]
    for wrong in ({"started": "yesterday"}, {"modality:missing": "true"}, {"patient.name": "x"},
                  {"_count": "many"}):  # fmt: skip
        assert open_api.get(URL, params={**params, **wrong}).status_code == 400


def test_one_study_is_read_with_its_version(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    uid = a_study(place, instances=2)
    url = f"{URL}/{study_id(uid)}"

    before = open_api.get(url)
    get_fhir_model_class("ImagingStudy").model_validate(before.json())
    assert before.json()["numberOfInstances"] == 2
    assert before.headers["etag"] == f'W/"{before.json()["meta"]["versionId"]}"'
    assert "last-modified" in before.headers
    assert open_api.get(url, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
    link(place, uid, ruth)
    after = open_api.get(url, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["subject"]["reference"] == f"Patient/{ruth.uid}"
    assert after.json()["meta"]["lastUpdated"] > before.json()["meta"]["lastUpdated"]
    for other in (study_id("1.2.3"), "not-an-id"):
        answer = open_api.get(f"{URL}/{other}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")


def test_readers_are_admitted_and_written_down(place: Place, closed_api: httpx.Client, ruth: Person) -> None:
    uid = a_study(place)
    link(place, uid, ruth)
    params = {"patient.identifier": f"{NHS}|{RUTH.value}"}

    assert closed_api.get(URL, params=params).status_code == 401
    assert closed_api.get(URL, params=params).json()["issue"][0]["code"] == "login"
    refused = closed_api.get(URL, params=params, headers=bearer(place, Role.FEEDER, "feeder"))
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    who = bearer(place)
    assert found(closed_api.get(URL, params=params, headers=who)) == [uid]
    assert closed_api.get(f"{URL}/{study_id(uid)}", headers=who).status_code == 200
    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select study_uid, person, action, detail ->> 'of' from audit where actor = 'reader' order by id"
        ).fetchall()
    assert rows == [(uid, ruth.uid, "see a person's record", "ImagingStudy")] * 2


def test_who_was_asked_for_is_written_down_where_there_is_nothing_and_logs_name_nobody(
    place: Place, closed_api: httpx.Client, ruth: Person, logged: list[MutableMapping[str, object]]
) -> None:
    who = bearer(place)
    for kind in ("ImagingStudy", "DocumentReference", "DiagnosticReport", "ServiceRequest"):
        answer = closed_api.get(
            f"/fhir/R4/{kind}", params={"patient.identifier": f"{NHS}|{RUTH.value}"}, headers=who
        )
        assert answer.json()["total"] == 0
    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select person, study_uid, detail ->> 'of' from audit where actor = 'reader' order by id"
        ).fetchall()
    assert [(person, study) for person, study, _ in rows] == [(ruth.uid, None)] * 4
    assert RUTH.value not in repr(logged)


def test_capabilities_are_told_to_anybody(closed_api: httpx.Client) -> None:
    answer = closed_api.get("/fhir/R4/metadata")

    get_fhir_model_class("CapabilityStatement").model_validate(answer.json())
    assert answer.headers["content-type"] == "application/fhir+json"
    kinds = {each["type"] for each in answer.json()["rest"][0]["resource"]}
    assert kinds >= {"Patient", "ImagingStudy", "Endpoint", "Organization"}


def test_trusts_and_the_endpoint(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    assert open_api.get("/fhir/R4/Organization/RBS").json()["name"] == "Trust RBS"
    assert open_api.get("/fhir/R4/Organization/XXX").status_code == 404
    for params in ({"identifier": "https://fhir.nhs.uk/Id/ods-organization-code|RBS"}, {"_id": "RBS"},
                   {"name": "rbs"}, {"name": "trust rbs", "active": "true"}):  # fmt: skip
        bundle = open_api.get("/fhir/R4/Organization", params=params).json()
        assert [each["resource"]["id"] for each in bundle["entry"]] == ["RBS"]
    endpoints = open_api.get("/fhir/R4/Endpoint", params={"connection-type": "dicom-wado-rs"}).json()
    assert endpoints["total"] == 1
    assert open_api.get("/fhir/R4/Endpoint", params={"status": "off"}).json()["total"] == 0


def test_a_page_ends_where_it_has_many_instances(
    place: Place, open_api: httpx.Client, ruth: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "INSTANCES_LIMIT", 3)
    for number, instances in ((3, 2), (2, 2), (1, 4)):
        day = f"2026030{number}"
        link(place, a_study(place, f"1.2.826.0.1.{number}", instances, StudyDate=day), ruth)

    answer = open_api.get(URL, params={"patient": str(ruth.uid)})
    pages = [found(answer)]
    while following := link_to(answer, "next"):
        answer = open_api.get(following)
        pages.append(found(answer))

    assert pages == [["1.2.826.0.1.3"], ["1.2.826.0.1.2"], ["1.2.826.0.1.1"]]


def test_errors_are_outcomes(place: Place, open_api: httpx.Client) -> None:
    for method, url, status in (
        ("GET", "/fhir/R4/Nothing", 404),
        ("DELETE", URL, 405),
        ("GET", f"{URL}?_format=turtle", 406),
        ("GET", f"{URL}?{'x' * 40_000}", 414),
    ):
        answer = open_api.request(method, url)
        assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome"), url
    too_large = open_api.post(f"{URL}/_search", data={"patient": "x" * 2_000_000})
    assert (too_large.status_code, too_large.json()["issue"][0]["code"]) == (413, "too-long")
    not_a_form = open_api.post(f"{URL}/_search", content=b"{}", headers={"Content-Type": "application/json"})
    assert not_a_form.status_code == 400
    place.ingest.index.pool.close()
    away = open_api.get("/fhir/R4/Organization")
    assert (away.status_code, away.json()["issue"][0]["code"]) == (503, "transient")
    assert "retry-after" in away.headers
