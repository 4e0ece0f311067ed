"""A document recipient is told of studies by Provide Document Bundles (MHD ITI-65)."""

import hashlib
from base64 import b64decode
from io import BytesIO
from itertools import product

import pydicom
import pytest

from exchange.telling.outbox import Because
from exchange.telling.subscriber import Kind, Subscriber
from imx.demo.record.server import Fault, RecordServer
from tests.exchange.telling.material import documents_of, never_of_two
from tests.exchange.telling.region import IVY, RUTH, SAM, Region

#: At which request, and how.
CUTS: list[tuple[int, Fault]] = [*product(range(3), (Fault.CUT_BEFORE, Fault.CUT_AFTER))]


@pytest.fixture(autouse=True)
def subscribed(region: Region, record: RecordServer) -> None:
    region.subscribe(Subscriber(name="repository", kind=Kind.MHD, address=record.url))


def test_a_study_is_a_document_with_its_bytes(region: Region, record: RecordServer) -> None:
    region.study(instances=2)
    region.link("1.2.1", RUTH)
    region.tell()

    [document] = documents_of(record, RUTH)
    [attachment] = [each["attachment"] for each in document["content"]]
    [binary] = record.store.find("Binary")
    data = b64decode(binary["data"])
    assert attachment["url"] == f"Binary/{binary['id']}"
    assert attachment["size"] == len(data)
    assert b64decode(attachment["hash"]) == hashlib.sha1(data, usedforsecurity=False).digest()
    manifest = pydicom.dcmread(BytesIO(data))
    assert document["masterIdentifier"]["value"] == f"urn:oid:{manifest.SOPInstanceUID}"
    [evidence] = manifest.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == "1.2.1"

    # MHD Comprehensive: what is required, and what may not be.
    assert "docStatus" not in document
    for name in ("type", "category", "securityLabel", "author"):
        assert document[name]
    assert {"contentType", "language", "creation"} < attachment.keys()
    assert {"facilityType", "practiceSetting", "sourcePatientInfo", "related"} < document["context"].keys()
    assert [each["id"] for each in document["contained"]] == ["patient", "author"]
    [submission] = record.store.find("List")
    assert submission["entry"] == [{"item": {"reference": f"DocumentReference/{document['id']}"}}]
    assert len(submission["extension"]) == 2


def test_what_changes_is_another_document_in_its_place(region: Region, record: RecordServer) -> None:
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    [before] = documents_of(record, RUTH)
    region.study(instances=2)
    region.tell()

    [now] = documents_of(record, RUTH)
    assert now["relatesTo"] == [
        {"code": "replaces", "target": {"reference": f"DocumentReference/{before['id']}"}}
    ]
    assert record.store.current[f"DocumentReference/{before['id']}"]["status"] == "superseded"
    assert [method for method, _ in record.seen] == ["POST", "GET", "POST"]


def test_a_study_that_becomes_somebody_elses_is_superseded_first(
    region: Region, record: RecordServer
) -> None:
    region.study()
    for number in (RUTH, IVY, RUTH):
        region.link("1.2.1", number)
        region.tell()
        assert [len(documents_of(record, each)) for each in (RUTH, IVY)] == [number == RUTH, number == IVY]
    assert never_of_two(record)
    region.link("1.2.1")
    region.tell()
    assert not record.store.find("DocumentReference", status="current")
    assert len(record.store.find("DocumentReference")) == 3


def test_a_request_that_was_cut_is_made_good(region: Region, record: RecordServer) -> None:
    """Whichever of them it is, in whatever way, and whoever the study is of by then."""
    record.slow_s = 0.0
    for number, (place, fault) in enumerate(CUTS):
        uid = f"1.2.{number}"
        region.study(uid)
        region.link(uid, RUTH)
        region.tell()
        region.link(uid, IVY)
        record.faults.extend([*[Fault.SLOW] * place, fault])
        region.tell()
        region.link(uid, SAM)
        for _ in range(2):
            region.rows("update telling set due_at = now() returning id")
            region.tell()
        assert [len(documents_of(record, each)) for each in (RUTH, IVY, SAM)] == [0, 0, number + 1]
    assert never_of_two(record)
    assert {state for _, state, _ in region.states} == {"told"}


def test_told_again_it_is_one_document(region: Region, record: RecordServer) -> None:
    region.study()
    region.link("1.2.1", RUTH)
    record.faults.append(Fault.CUT_AFTER)
    region.tell()
    region.note("1.2.1", Because.REPLAYED)
    region.rows("update telling set due_at = now() returning id")
    region.tell()
    assert len(documents_of(record, RUTH)) == 1
