"""Documents, reports and orders over FHIR."""

from datetime import UTC, datetime
from hashlib import sha256

import httpx
import pytest
from fhir.resources.R4B import get_fhir_model_class

from exchange.fhir.identifiers import study_id
from exchange.order import Code, Order, Patient, Said, Status, Step
from exchange.orders import Placed, PostgresOrders, Told
from exchange.people.person import Identifier, Person
from exchange.people.person import Said as Heard
from exchange.record.study import Coded
from exchange.reports import telling
from exchange.reports.report import Content, Discipline, Form, ReportKey, ReportSource, ReportStatus, Section
from exchange.reports.report import Told as Reported
from exchange.ties import consider_new_orders
from tests.viewer_api.conftest import Place
from tests.viewer_api.fhir.records import NHS, RUTH, a_person, a_study, link, trusts

URL = "/fhir/R4"
WHO = f"{NHS}|{RUTH.value}"
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def ruth(place: Place) -> Person:
    """Somebody with one study, which is reported."""
    trusts(place)
    person = a_person(place)
    link(place, a_study(place), person)
    return person


PDF = b"%PDF-1.4 a report"


def report(
    place: Place, status: ReportStatus = ReportStatus.FINAL, number: str = "R1", *, as_pdf: bool = False
) -> None:
    """What a radiologist said of it, as a message brought it."""
    digest = sha256(PDF).hexdigest()
    form = Form("application/pdf", "Report", len(PDF), digest)
    content = Content(
        patients=(Identifier("123456", "RBS"),),
        study_uid="1.2.826.0.1.9",
        accessions=("A1",),
        accession_issuer="RBS",
        discipline=Discipline.RADIOLOGY,
        category="RAD",
        codes=(Coded("CCHES", "NICIP", "CT chest"),),
        issued=AT,
        sections=(Section("Findings", "Clear lungs."),),
        conclusion="Normal.",
        forms=(form,) if as_pdf else (),
    )
    key = ReportKey("RBS", ReportSource.HL7, "RIS", number)
    with place.ingest.index.pool.connection() as connection:
        at = AT if status is ReportStatus.FINAL else AT.replace(hour=11)
        telling.tell(
            connection,
            Reported(key, status, Heard(at, f"{number} {status.value}"), content),
            {digest: PDF} if as_pdf else None,
        )
        connection.execute("update report set state = 'matched', study_uid = '1.2.826.0.1.9', because = ''")


def an_order(place: Place, number: str = "F1", identifier: str = "123456", born: str = "19710304") -> Placed:
    """That the study answers."""
    order = Order(
        trust="RBS",
        number=number,
        filler=number,
        accession="A1" if number == "F1" else number,
        patient=Patient(identifier=identifier, birth_date=born),
        steps=(Step(modality="CT", date="20260301", time="1000"),),
        description="CT chest",
        codes=(Code("CCHES", "NICIP", "CT chest"),),
    )
    told = Told(order, Status.SCHEDULED, Said(AT, number))
    return PostgresOrders(place.ingest.index.pool).tell(told, "test")


def matches(answer: httpx.Response) -> list[dict[str, object]]:
    assert answer.status_code == 200, answer.text
    get_fhir_model_class("Bundle").model_validate(answer.json())
    return [each["resource"] for each in answer.json().get("entry", ()) if each["search"]["mode"] == "match"]


def test_a_persons_documents_are_found_and_fetched(
    place: Place, open_api: httpx.Client, ruth: Person
) -> None:
    report(place)
    url = f"{URL}/DocumentReference"

    found = matches(open_api.get(url, params={"patient.identifier": WHO, "status": "current"}))
    by_post = matches(open_api.post(f"{url}/_search", data={"patient.identifier": WHO, "status": "current"}))

    assert found == by_post
    assert [str(each["id"]).rpartition("-")[2] for each in found] == ["kos", "fhir", "report"]
    for each in found:
        assert open_api.get(f"{url}/{each['id']}").json() == each
        attachment = each["content"][0]["attachment"]  # type: ignore[index]
        fetched = open_api.get(attachment["url"])
        assert fetched.status_code == 200
        assert fetched.headers["content-type"] == attachment["contentType"]


def test_a_report_that_came_as_a_pdf_is_fetched_as_one(
    place: Place, open_api: httpx.Client, ruth: Person
) -> None:
    report(place, as_pdf=True)

    (document,) = matches(
        open_api.get(
            f"{URL}/DocumentReference", params={"patient": str(ruth.uid), "contenttype": "application/pdf"}
        )
    )

    content = document["content"][0]  # type: ignore[index]
    assert content["format"]["code"] == "urn:ihe:rad:PDF"
    assert open_api.get(content["attachment"]["url"]).content == PDF


def test_documents_are_narrowed(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    report(place)
    report(place, ReportStatus.ENTERED_IN_ERROR)
    for name, text, ends in (
        ("status", "entered-in-error", ["report"]),
        ("contenttype", "application/dicom", ["kos"]),
        ("format", "urn:ihe:rad:MADO:fhir-manifest:2026", ["fhir"]),
        ("category", "http://snomed.info/sct|4201000179104", ["report"]),
        ("category", "http://snomed.info/sct|721981007,http://snomed.info/sct|4201000179104",
         ["kos", "fhir", "report"]),
        ("type", "https://nicip.nhs.uk|CCHES", ["report"]),
        ("event", "CT", ["kos", "fhir", "report"]),
        ("modality", "MR", []),
        ("bodysite", "816094009", ["kos", "fhir", "report"]),
        ("security-label", "U", ["kos", "fhir", "report"]),
        ("security-label", "R", []),
        ("setting", "810", ["kos", "fhir", "report"]),
        ("facility", "22232009", ["kos", "fhir", "report"]),
        ("period", "ge2026-03-01", ["kos", "fhir", "report"]),
        ("period", "ge2026-03-02", []),
        ("creation", "2026-03-02", ["report"]),
        ("study-instance-uid", "urn:oid:1.2.826.0.1.9", ["kos", "fhir", "report"]),
        ("accession-number", "urn:id:RBS:accession|A1", ["kos", "fhir", "report"]),
        ("related:identifier", "urn:id:RBS:accession|A2", []),
        ("_id", f"{study_id('1.2.826.0.1.9')}-kos", ["kos"]),
    ):  # fmt: skip
        answer = open_api.get(f"{URL}/DocumentReference", params={"patient.identifier": WHO, name: text})
        assert [str(each["id"]).rpartition("-")[2] for each in matches(answer)] == ends, (name, text)


def test_pages_of_documents_part_a_study(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    report(place)
    link(place, a_study(place, "1.2.826.0.1.8", StudyDate="20260201"), ruth)
    params: dict[str, str] = {"patient": str(ruth.uid), "_count": "2"}

    answer = open_api.get(f"{URL}/DocumentReference", params=params)
    ids = [each["id"] for each in matches(answer)]
    while following := [each["url"] for each in answer.json()["link"] if each["relation"] == "next"]:
        answer = open_api.get(following[0])
        ids += [each["id"] for each in matches(answer)]

    assert len(ids) == len(set(ids)) == 5
    assert open_api.get(
        f"{URL}/DocumentReference", params={**params, "_summary": "count"}
    ).json()["total"] == 5  # fmt: skip


def test_reports_are_found_beside_their_study(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    report(place)
    url = f"{URL}/DiagnosticReport"
    for name, text, is_found in (
        ("patient", str(ruth.uid), True),
        ("imaging-study", f"ImagingStudy/{study_id('1.2.826.0.1.9')}", True),
        ("imaging-study", f"ImagingStudy/{study_id('1.2.3')}", False),
        ("based-on:identifier", "urn:id:RBS:accession|A1", True),
        ("identifier", "urn:id:RBS:report:RIS|R1", True),
        ("identifier", "urn:id:RBS:report:RIS|R2", False),
    ):
        assert len(matches(open_api.get(url, params={name: text}))) == is_found, (name, text)
    for name, text, is_found in (
        ("status", "final", True),
        ("status", "preliminary", False),
        ("category", "http://terminology.hl7.org/CodeSystem/v2-0074|RAD", True),
        ("code", "https://nicip.nhs.uk|CCHES", True),
        ("issued", "2026-03-02", True),
        ("issued", "lt2026-03-02T09:00:00Z", False),
        ("date", "2026", False),
        ("modality", "CT", True),
        ("_lastUpdated", "ge2026-03-02", True),
    ):
        answer = open_api.get(url, params={"patient": str(ruth.uid), name: text})
        assert len(matches(answer)) == is_found, (name, text)
    answer = open_api.get(
        url, params={"patient": str(ruth.uid), "_include": ["DiagnosticReport:subject",
                                                            "DiagnosticReport:imaging-study"]}
    )  # fmt: skip
    assert [each["resource"]["resourceType"] for each in answer.json()["entry"]] == [
        "DiagnosticReport",
        "Patient",
        "ImagingStudy",
    ]
    (found,) = matches(answer)
    assert open_api.get(f"{url}/{found['id']}").json() == found
    assert open_api.get(f"{url}/nothing").status_code == 404
    assert open_api.get(url).json()["issue"][0]["code"] == "too-costly"


def test_orders_are_found_by_person_and_number(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    placed = an_order(place)
    an_order(place, "F2", born="19500101")
    an_order(place, "F3", "999")
    url = f"{URL}/ServiceRequest"

    for name, text, numbers in (
        ("patient.identifier", WHO, ["F1"]),
        ("patient", str(ruth.uid), ["F1"]),
        ("identifier", "urn:id:RBS:accession|A1", ["F1"]),
        ("identifier", "urn:id:RBS:filler|F2", ["F2"]),
        ("identifier", "urn:id:RBL:accession|A1", []),
    ):
        found = matches(open_api.get(url, params={name: text}))
        fillers = [each["identifier"][-1]["value"] for each in found]  # type: ignore[index]
        assert fillers == numbers, (name, text)
    for name, text, is_found in (
        ("status", "active", True),
        ("status", "revoked", False),
        ("code", "CCHES", True),
        ("occurrence", "2026-03-01", True),
        ("authored", "lt2020", False),
        ("_lastUpdated", "ge2026-03-02", True),
    ):
        answer = open_api.get(url, params={"patient": str(ruth.uid), name: text})
        assert len(matches(answer)) == is_found, (name, text)
    consider_new_orders(place.ingest.index.pool)
    answer = open_api.get(
        f"{URL}/ImagingStudy", params={"patient": str(ruth.uid), "_include": "ImagingStudy:basedon"}
    )
    study, order = (each["resource"] for each in answer.json()["entry"])
    assert study["basedOn"][0]["reference"] == f"ServiceRequest/{order['id']}"
    read = open_api.get(f"{url}/{order['id']}").json()
    assert read["meta"]["versionId"] == order["meta"]["versionId"]
    assert order["identifier"][0]["value"] == placed.order.accession
    for other in ("nothing", study["id"]):
        assert open_api.get(f"{url}/{other}").status_code == 404


def test_pages_of_orders(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    for number in range(1, 6):
        an_order(place, f"F{number}")
    params: dict[str, str] = {"patient": str(ruth.uid), "_count": "2", "_include": "ServiceRequest:patient"}

    answer = open_api.get(f"{URL}/ServiceRequest", params=params)
    ids = [each["id"] for each in matches(answer)]
    while following := [each["url"] for each in answer.json()["link"] if each["relation"] == "next"]:
        answer = open_api.get(following[0])
        ids += [each["id"] for each in matches(answer)]

    assert len(ids) == len(set(ids)) == 5
    counted = open_api.get(f"{URL}/ServiceRequest", params={**params, "_summary": "count"}).json()
    assert (counted["total"], "entry" in counted) == (5, False)
