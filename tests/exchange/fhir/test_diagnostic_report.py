"""Reports as FHIR: valid, comparable with UK Core's example, and silent where they must be."""

import base64
from dataclasses import replace
from uuid import UUID

import pytest
from defusedxml import ElementTree
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from hypothesis import given
from hypothesis import strategies as st

from exchange.fhir.diagnostic_report import PROFILE, as_diagnostic_report
from exchange.fhir.identifiers import Json
from exchange.fhir.xml import from_xml
from exchange.hl7.message import read_message
from exchange.hl7.namespace import Namespace
from exchange.hl7.observations import reports_in
from exchange.people.person import Person, Sensitivity
from exchange.reports.report import (
    Content,
    Discipline,
    Form,
    Report,
    ReportSource,
    ReportStatus,
    Section,
    Told,
)
from tests.exchange.fhir.material import ASSIGNERS, AT, CHEST, DICOMWEB, jane
from tests.exchange.hl7.reports_material import echocardiogram, histopathology, radiology
from tests.ologies.material import sample

REPORTS = "https://pacs.example/reports"
EXAMPLE = "fhir/UKCore-DiagnosticReport-CTChestScan-Example.xml"


def report_of(told: Told) -> Report:
    return Report(
        id=UUID("4b1f6f3e-0d0a-4a06-93c1-2f3f6a1f0c01"),
        study_uid=CHEST.uid,
        source=told.key.source,
        trust=told.key.trust,
        assigner=told.key.assigner,
        number=told.key.number,
        status=told.status,
        content=told.content,
        version=1,
        changed_at=AT,
        said_at=told.said.at,
    )


def heard(raw: bytes) -> Report:
    [brought] = reports_in(read_message(raw), Namespace("RBL", "RBL"), AT)
    return report_of(brought.told)


def made(report: Report, person: Person | None = None) -> Json:
    found = as_diagnostic_report(report, CHEST, person, DICOMWEB, REPORTS, ASSIGNERS)
    DiagnosticReport.model_validate(found)
    return found


@pytest.mark.parametrize("raw", [radiology(), histopathology(), echocardiogram()])
@pytest.mark.parametrize("person", [None, jane(), jane(Sensitivity.RESTRICTED)])
def test_reports_of_every_discipline_are_valid(raw: bytes, person: Person | None) -> None:
    found = made(heard(raw), person)
    assert ElementTree.fromstring(found["text"]["div"]).tag == "{http://www.w3.org/1999/xhtml}div"


def test_a_report_says_what_the_repository_asks_for() -> None:
    found = made(heard(radiology()), jane())
    assert found["meta"]["profile"] == [PROFILE]
    assert found["status"] == "final"
    assert found["category"][0]["coding"][0]["code"] == "RAD"
    assert found["category"][1]["coding"][0]["code"] == "CR"
    assert found["code"]["coding"][0] == {
        "system": "https://nicip.nhs.uk", "code": "XWRIL", "display": "XR Wrist Lt",
    }  # fmt: skip
    assert found["subject"]["identifier"]["value"] == "9990000018"
    assert found["basedOn"][0]["identifier"]["value"] == CHEST.accession
    [trust] = found["performer"]
    assert trust["identifier"]["value"] == "RBL"
    first, second = found["resultsInterpreter"]
    assert first["identifier"] == {"system": "https://fhir.hl7.org.uk/Id/gmc-number", "value": "C1234567"}
    functions = [
        each["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] for each in (first, second)
    ]
    assert functions == ["PPRF", "SPRF"]
    [text] = found["presentedForm"]
    assert base64.b64decode(text["data"]).decode().startswith("No fracture.")
    assert found["conclusion"].startswith("Normal & aligned.")


def test_it_has_what_uk_cores_example_has() -> None:
    example = from_xml(sample(EXAMPLE).read_bytes())
    found = made(heard(radiology()), jane())
    assert example.keys() <= found.keys()
    assert example["category"][0] == found["category"][0]
    assert [each.keys() & {"reference", "type"} for each in found["imagingStudy"]] == [{"reference", "type"}]


def test_documents_are_had_where_they_lie() -> None:
    [brought] = made(heard(histopathology()))["presentedForm"]
    assert brought["url"] == f"{REPORTS}/4b1f6f3e-0d0a-4a06-93c1-2f3f6a1f0c01/forms/1"
    assert brought["contentType"] == "application/pdf"
    [elsewhere] = made(heard(echocardiogram()))["presentedForm"]
    assert elsewhere["url"] == "https://cvis.example/e55"
    form = Form("application/pdf", "Report", series_uid="1.3", instance_uid="1.4")
    report = replace(
        heard(radiology()), source=ReportSource.PDF, number="1.4", content=Content(forms=(form,))
    )
    [kept] = made(report)["presentedForm"]
    assert kept["url"] == f"{DICOMWEB}/studies/{CHEST.uid}/series/1.3/instances/1.4/rendered"
    assert made(report)["identifier"] == [{"system": "urn:dicom:uid", "value": "urn:oid:1.4"}]


@pytest.mark.parametrize("status", [ReportStatus.ENTERED_IN_ERROR, ReportStatus.CANCELLED])
def test_of_what_was_withdrawn_nothing_is_said(status: ReportStatus) -> None:
    found = made(replace(heard(histopathology()), status=status), jane())
    assert found["status"] == status.value
    assert not found.keys() & {"text", "conclusion", "presentedForm"}


def test_who_reported_a_restricted_person_is_not_said() -> None:
    assert "resultsInterpreter" not in made(heard(radiology()), jane(Sensitivity.RESTRICTED))


@given(st.text(), st.text(), st.sampled_from(Discipline))
def test_whatever_a_report_says_is_text(heading: str, text: str, discipline: Discipline) -> None:
    content = Content(sections=(Section(heading, text),), conclusion=text, discipline=discipline)
    found = made(replace(heard(radiology()), content=content))
    read = ElementTree.fromstring(found["text"]["div"])
    assert {each.tag.partition("}")[2] for each in read.iter()} <= {"div", "p", "b", "h4", "br"}
