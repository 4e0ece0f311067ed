"""What a FHIR server will not delete is nobody's all the same (FHIR R4 §3.1.0.7)."""

import pytest
from fhir.resources.R4B import get_fhir_model_class

from exchange.reports.report import ReportStatus
from exchange.telling.fhir_retraction import emptied
from exchange.telling.outbox import Because
from exchange.telling.subscriber import Kind, Subscriber
from imx.demo.record.server import Fault, RecordServer
from imx.demo.record.store import Json
from tests.exchange.telling.material import studies_of
from tests.exchange.telling.region import IVY, RUTH, Region


@pytest.fixture(autouse=True)
def told(region: Region, record: RecordServer) -> None:
    """The record holds Ruth's study, its manifests and a report."""
    region.subscribe(Subscriber(name="record", kind=Kind.FHIR, address=record.url))
    region.study()
    region.link("1.2.1", RUTH)
    region.report("1.2.1", ReportStatus.FINAL)
    region.tell()
    assert studies_of(record, RUTH) == ["1.2.1"]


def others(record: RecordServer, kind: str) -> str:
    """Somebody else's list of what is there; its id."""
    [held, *_] = record.store.find(kind)
    entry = [{"item": {"reference": f"{kind}/{held['id']}"}}]
    made = {"resourceType": "List", "status": "current", "mode": "working", "entry": entry}
    answer = record.store.interact("POST", "List", made)
    return str(answer["response"]["location"]).split("/")[1]


def left(record: RecordServer) -> list[Json]:
    """All that is there of studies."""
    kinds = ("DiagnosticReport", "DocumentReference", "ImagingStudy")
    return [each for kind in kinds for each in record.store.find(kind)]


def retold(region: Region) -> None:
    region.rows("update telling set due_at = now() returning id")
    region.tell()


@pytest.mark.parametrize("kind", ["DiagnosticReport", "DocumentReference", "ImagingStudy"])
def test_what_others_refer_to_is_emptied_and_the_rest_deleted(
    region: Region, record: RecordServer, kind: str
) -> None:
    others(record, kind)
    region.link("1.2.1")
    region.tell()

    [shell] = left(record)
    assert (shell["resourceType"], shell["status"]) == (kind, "entered-in-error")
    assert RUTH not in str(shell)
    assert "fracture" not in str(shell)
    assert region.states == [("1.2.1", "told", "")]
    assert region.rows("select things from telling") == [([],)]


def test_what_was_emptied_is_told_again_in_its_place(region: Region, record: RecordServer) -> None:
    others(record, "ImagingStudy")
    region.link("1.2.1")
    region.tell()
    [shell] = record.store.find("ImagingStudy")

    region.link("1.2.1", IVY)
    region.tell()

    [study] = record.store.find("ImagingStudy")
    assert (study["id"], study["status"]) == (shell["id"], "available")
    assert (studies_of(record, RUTH), studies_of(record, IVY)) == ([], ["1.2.1"])


def test_a_report_that_may_not_be_deleted_holds_up_nothing_else(region: Region, record: RecordServer) -> None:
    others(record, "DiagnosticReport")
    region.rows("update report set study_uid = null, state = 'unmatched' returning id")
    region.study(instances=3)
    region.note("1.2.1", Because.REPORT)
    region.tell()

    [study] = record.store.find("ImagingStudy")
    assert study["numberOfInstances"] == 3
    [report] = record.store.find("DiagnosticReport")
    assert (report["status"], "subject" in report) == ("entered-in-error", False)
    assert region.states == [("1.2.1", "told", "")]


def test_where_nothing_is_ever_deleted_all_is_emptied(region: Region, record: RecordServer) -> None:
    record.store.deletes = False
    region.link("1.2.1")
    region.tell()

    assert {each["status"] for each in left(record)} == {"entered-in-error"}
    assert RUTH not in str(left(record))
    assert region.states == [("1.2.1", "told", "")]


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_taken_back(region: Region, record: RecordServer, status: int) -> None:
    for each in left(record):
        record.store.current.pop(f"{each['resourceType']}/{each['id']}")
    # Each transaction, and each deletion, says so.
    record.faults.extend([status] * 3)
    region.link("1.2.1")
    region.tell()
    assert region.states == [("1.2.1", "told", "")]


def test_what_is_said_not_to_be_there_and_is_found_is_emptied(region: Region, record: RecordServer) -> None:
    [report] = record.store.find("DiagnosticReport")
    region.rows("update report set study_uid = null, state = 'unmatched' returning id")
    region.note("1.2.1", Because.REPORT)
    # The whole, the report's own transaction, and its deletion; then it may go.
    record.faults.extend([404, 404, 404])
    region.tell()
    assert not record.store.find("DiagnosticReport")
    assert f"DiagnosticReport/{report['id']}" in record.store.versions
    assert record.store.versions[f"DiagnosticReport/{report['id']}"] == 3, "emptied, then deleted"


def test_an_address_at_which_nobody_is_takes_nothing_back(region: Region, record: RecordServer) -> None:
    region.link("1.2.1")
    # The whole; reports together; the report; whether it is there.
    record.faults.extend([404] * 4)
    region.tell()
    [(_, state, why)] = region.states
    assert (state, why) == ("waiting", "nothing at its address says what it holds (HTTP 404 (transient))")
    assert studies_of(record, RUTH) == ["1.2.1"]

    retold(region)
    assert not left(record)


def test_of_several_of_ours_all_go(region: Region, record: RecordServer) -> None:
    [report] = record.store.find("DiagnosticReport")
    record.store.interact("POST", "DiagnosticReport", {**report})
    region.link("1.2.1")
    region.tell()
    assert not left(record)
    assert region.states == [("1.2.1", "told", "")]


def test_of_several_of_ours_those_that_may_not_be_deleted_are_emptied(
    region: Region, record: RecordServer
) -> None:
    others(record, "DiagnosticReport")
    [report] = record.store.find("DiagnosticReport")
    record.store.interact("POST", "DiagnosticReport", {**report})
    region.link("1.2.1")
    region.tell()
    [shell] = left(record)
    assert (shell["id"], shell["status"]) == (report["id"], "entered-in-error")
    assert "subject" not in shell


def test_which_of_several_studies_is_ours_a_person_says(region: Region, record: RecordServer) -> None:
    [study] = record.store.find("ImagingStudy")
    twin = {**study, "subject": {"display": "somebody"}}
    record.store.interact("POST", "ImagingStudy", twin)
    region.link("1.2.1")
    region.tell()

    assert {each["resourceType"] for each in left(record)} == {"ImagingStudy"}
    [(_, state, why)] = region.states
    assert state == "dead"
    assert why == (
        "its ImagingStudy is not taken back:"
        " several there have its identifier, and which is ours a person must say"
    )
    assert len(region.rows("select jsonb_array_elements(things) from telling")) == 1, "it is still held"


def test_a_death_between_two_deletions_takes_back_the_rest_later(
    region: Region, record: RecordServer
) -> None:
    others(record, "ImagingStudy")
    region.link("1.2.1")
    # The whole is carried out by nobody; reports go; then no answer.
    record.faults.extend([409, Fault.SLOW, Fault.CUT_AFTER])
    region.tell()
    assert [state for _, state, _ in region.states] == ["waiting"]
    retold(region)
    [shell] = left(record)
    assert shell["status"] == "entered-in-error"


@pytest.mark.parametrize(
    "key",
    [
        "ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.1",
        "DocumentReference?identifier=urn:ietf:rfc:3986|urn:uuid:5b0dfe4b-b6b2-5ca0-9b1f-1f0a3e3f1a11",
        "DiagnosticReport?identifier=urn:ietf:rfc:3986|urn:uuid:5b0dfe4b-b6b2-5ca0-9b1f-1f0a3e3f1a11",
    ],
)
def test_what_stands_in_the_place_of_a_thing_is_fhir_and_is_found_by_its_identifier(key: str) -> None:
    shell = emptied(key)
    get_fhir_model_class(shell["resourceType"]).model_validate(shell)
    [own] = shell["identifier"]
    assert key.endswith(f"{own['system']}|{own['value']}")
