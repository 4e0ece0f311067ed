"""UK Core's own examples are read, and we say the same of the same facts."""

from datetime import UTC, datetime

import pytest
from fhir.resources.R4B import get_fhir_model_class

from exchange.fhir.identifiers import Json
from exchange.fhir.imaging_study import as_imaging_study
from exchange.fhir.service_request import as_service_request
from exchange.fhir.xml import from_xml
from exchange.order import Code, Order, Patient, Status
from exchange.orders import Placed
from exchange.record.study import SharedInstance, SharedSeries, SharedStudy
from tests.exchange.fhir.material import AT, DICOMWEB, jane
from tests.ologies.material import sample


def example(resource: str) -> Json:
    return from_xml(sample(f"fhir/UKCore-{resource}-CTChestScan-Example.xml").read_bytes())


@pytest.mark.parametrize("resource", ["ImagingStudy", "DiagnosticReport", "ServiceRequest"])
def test_an_example_is_read(resource: str) -> None:
    found = example(resource)
    get_fhir_model_class(resource).model_validate(found)
    assert found["resourceType"] == resource


def test_of_the_same_study_we_say_the_same() -> None:
    theirs = example("ImagingStudy")
    series = theirs["series"][0]
    instance = series["instance"][0]
    kept = SharedInstance(instance["uid"], instance["sopClass"]["code"].removeprefix("urn:oid:"), 1, 1)
    shared = SharedSeries(
        series["uid"], "CT", series["number"], series["description"], "CHEST", "", "", "", (kept,)
    )
    ours = as_imaging_study(
        SharedStudy(
            1, "1.2.3", "RR8", "20230124", "090120", "", "", "", (), "", ("CT",), "", "", "", "", "", AT, AT,
            (shared,),
        ),
        jane(),
        DICOMWEB,
    )  # fmt: skip

    assert datetime.fromisoformat(ours["started"]) == datetime.fromisoformat(theirs["started"])
    for name in ("status", "numberOfSeries", "numberOfInstances"):
        assert ours[name] == theirs[name]
    for name in series.keys() - {
        "bodySite"
    }:  # theirs is a segment of the trunk, ours the DICOM term's concept
        assert ours["series"][0][name] == series[name]
    assert ours["series"][0]["bodySite"]["system"] == series["bodySite"]["system"]
    assert ours["subject"].keys() >= theirs["subject"].keys()


def test_of_the_same_order_we_say_the_same() -> None:
    theirs = example("ServiceRequest")
    code = theirs["code"]["coding"][0]
    order = Order(
        trust="RR8",
        number="1",
        patient=Patient(identifier="1", issuer="RR8"),
        codes=(Code(code["code"], "SCT", code["display"]),),
    )
    authored = datetime(2024, 4, 12, 9, 38, tzinfo=UTC)
    ours = as_service_request(Placed(1, order, Status.SCHEDULED, True, "x", authored), jane())

    for name in ("status", "intent", "code"):
        assert ours[name] == theirs[name]
    assert datetime.fromisoformat(ours["authoredOn"]) == datetime.fromisoformat(theirs["authoredOn"])
