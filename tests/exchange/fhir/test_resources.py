"""Every resource is FHIR R4, and says what we know and no more."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class

from exchange.fhir.diagnostic_report import as_diagnostic_report
from exchange.fhir.document_reference import Document, Form, as_document_reference
from exchange.fhir.endpoint import as_endpoint, as_viewer_endpoint
from exchange.fhir.identifiers import NHS_NUMBER, Json, patient_identifier, study_id
from exchange.fhir.imaging_study import as_imaging_study
from exchange.fhir.organization import as_organization
from exchange.fhir.report_document import as_report_document
from exchange.fhir.service_request import as_service_request
from exchange.order import Code, Order, Patient, Status, Step
from exchange.orders import Placed
from exchange.people.person import Identifier, NumberStatus, Person, Sensitivity
from exchange.record.study import Coded
from exchange.reports.report import (
    Content,
    Discipline,
    Part,
    Performer,
    Report,
    ReportSource,
    ReportStatus,
    Section,
)
from tests.exchange.fhir.material import ASSIGNERS, AT, CHEST, DICOMWEB, TRUST, jane

ORDER = Placed(
    3,
    Order(
        trust="RBL",
        number="F1",
        patient=Patient(identifier="L123", issuer="RBL"),
        steps=(Step(modality="CT", date="20261119", time="1000"),),
        placer="P1",
        filler="F1",
        accession="A-77",
        accession_issuer="RBL",
        description="CT thorax",
        codes=(Code("CCHES", "NICIP", "CT Chest"),),
        requesting="House^Gregory",
        ward="Ward 4",
    ),
    Status.SCHEDULED,
    True,
    "tie",
    AT,
)
REPORT = Report(
    id=UUID("7f0c7b2e-9d55-4f8e-9be2-000000000001"),
    study_uid=CHEST.uid,
    source=ReportSource.HL7,
    trust="RBL",
    assigner="RIS",
    number="R1",
    status=ReportStatus.FINAL,
    content=Content(
        discipline=Discipline.RADIOLOGY,
        category="RAD",
        codes=(Coded("CCHES", "NICIP", "CT Chest"),),
        issued=AT,
        performers=(Performer("Dr A. Reporter", Part.RESPONSIBLE, Identifier("1234567", "GMC")),),
        sections=(Section("Findings", "Clear & well."),),
        conclusion="Normal.",
    ),
    version=2,
    changed_at=AT,
    said_at=AT,
)
PEOPLE = pytest.mark.parametrize(
    "person", [None, jane(), jane(Sensitivity.RESTRICTED), jane(Sensitivity.VERY_RESTRICTED)]
)


def is_valid(resource: Json) -> None:
    """Raises where the model of R4B does not take it as it is."""
    model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert json.loads(model.model_dump_json()).keys() == resource.keys()


def documents() -> list[Document]:
    return [
        Document(form, "2.25.7", f"https://pacs.example/x/{form.value}", datetime(2026, 11, 20, tzinfo=UTC))
        for form in Form
    ]


def made_of(person: Person | None) -> list[Json]:
    """Each kind of resource, of a study that is linked to somebody or to nobody."""
    report = as_diagnostic_report(REPORT, CHEST, person, DICOMWEB, "https://pacs.example/reports", ASSIGNERS)
    return [
        as_imaging_study(CHEST, person, DICOMWEB, ASSIGNERS, [ORDER]),
        as_endpoint(DICOMWEB),
        as_viewer_endpoint(CHEST.uid, "https://pacs.example/IHEInvokeImageDisplay?studyUID=1.2"),
        as_organization(TRUST),
        as_service_request(ORDER, person, ASSIGNERS),
        report,
        as_report_document(REPORT, report, CHEST, person, "https://pacs.example/fhir/R4", ASSIGNERS),
        *(as_document_reference(document, CHEST, person, ASSIGNERS) for document in documents()),
    ]


def made_of_everything() -> list[Json]:
    """Of people of every sensitivity, and of nobody."""
    people = [None, *(jane(each) for each in Sensitivity)]
    return [each for person in people for each in made_of(person)]


@PEOPLE
def test_resources_are_valid(person: Person | None) -> None:
    for each in made_of(person):
        is_valid(each)


def test_a_study_that_says_little_is_valid() -> None:
    bare = replace(
        CHEST,
        date="",
        time="",
        accession="",
        accession_issuer="",
        description="",
        codes=(),
        referring="",
        modalities=(),
        patient_id="",
        series=tuple(replace(each, modality="", number=-1, body_part="") for each in CHEST.series),
    )
    made = as_imaging_study(bare, None, DICOMWEB)
    is_valid(made)
    assert "identifier" not in made["subject"]
    for document in documents():
        is_valid(as_document_reference(document, bare, None))


def test_a_linked_study_is_about_the_person() -> None:
    made = as_imaging_study(CHEST, jane(), DICOMWEB, ASSIGNERS)
    number = made["subject"]["identifier"]
    assert made["subject"]["reference"] == f"Patient/{jane().uid}"
    assert (number["system"], number["value"]) == (NHS_NUMBER, "9990000018")
    assert number["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "01"
    assert made["started"] == "2026-11-19T10:11:12+00:00"


def test_a_study_linked_to_nobody_says_only_the_number_as_sent() -> None:
    subject = as_imaging_study(CHEST, None, DICOMWEB, ASSIGNERS)["subject"]
    assert "reference" not in subject
    assert subject["identifier"]["use"] == "temp"
    assert subject["identifier"]["value"] == "L123"
    assert subject["identifier"]["assigner"]["identifier"]["value"] == "RBL"
    assert "SMITH" not in json.dumps(subject).upper()


def test_an_nhs_number_as_sent_is_not_verified() -> None:
    sent = replace(CHEST, patient_id="9990000018", patient_issuer="NHS")
    number = as_imaging_study(sent, None, DICOMWEB)["subject"]["identifier"]
    assert number["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "02"


@pytest.mark.parametrize("sensitivity", [Sensitivity.RESTRICTED, Sensitivity.VERY_RESTRICTED])
def test_of_a_restricted_person_nothing_tells_where_they_are(sensitivity: Sensitivity) -> None:
    person = jane(sensitivity)
    made = [
        as_imaging_study(CHEST, person, DICOMWEB, ASSIGNERS),
        as_service_request(ORDER, person, ASSIGNERS),
        *(as_document_reference(each, CHEST, person, ASSIGNERS) for each in documents()),
    ]
    for each in made:
        assert each["meta"]["security"][0]["code"] == sensitivity.value
        assert not {"Meredith", "House", "Ward 4"} & set(json.dumps(each).replace('"', " ").split())
    open_to_all = json.dumps([as_imaging_study(CHEST, jane(), DICOMWEB), as_service_request(ORDER, jane())])
    assert "Dr Meredith Grey" in open_to_all
    assert "Ward 4" in open_to_all


def test_both_manifests_point_to_each_other() -> None:
    kos, fhir = (as_document_reference(each, CHEST, jane()) for each in documents())
    assert kos["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{fhir['id']}"
    assert fhir["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{kos['id']}"
    assert kos["content"][0]["attachment"]["contentType"] == "application/dicom"


def test_ids_stay_and_tell_nothing() -> None:
    assert study_id(CHEST.uid) == study_id(CHEST.uid)
    assert CHEST.uid not in study_id(CHEST.uid)
    assert study_id(CHEST.uid) != study_id(CHEST.uid + ".1")


def test_a_number_is_of_its_issuer() -> None:
    made = patient_identifier(jane().others[0].identifier, NumberStatus.VERIFIED)
    assert made["system"] == "urn:id:RBL:mrn"
