"""Other people's FHIR clients find a person's studies by NHS number and open the pixels; validators agree."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from dicomweb_client.api import DICOMwebClient
from fhir.resources.R4B import get_fhir_model_class
from fhirclient.client import FHIRClient
from fhirclient.models.endpoint import Endpoint
from fhirclient.models.imagingstudy import ImagingStudy
from fhirclient.models.patient import Patient
from fhirpy import SyncFHIRClient
from pydicom import dcmread

from conformance.dialogues.material import PATIENT_ID, Sent, make_study, part10
from tests.exchange.fhir.test_patient import patients_of_everything
from tests.exchange.fhir.test_resources import made_of_everything
from tests.peers.conftest import introduce
from tests.service import Service

pytestmark = [pytest.mark.peers]

NHS = "https://fhir.nhs.uk/Id/nhs-number"
NUMBER = "9990000018"
WHO = f"{NHS}|{NUMBER}"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Region:
    """A service with a study that is linked to somebody."""

    url: str
    token: str
    sent: Sent

    @property
    def facade(self) -> str:
        return f"{self.url}/fhir/R4"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
def service(peers_folder: Path) -> Iterator[Service]:
    running = Service(peers_folder / "fhir-clients")
    running.environment = (f"IMX_HTTP_PUBLIC_URL={running.url}",)
    try:
        running.start()
        introduce(running)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def region(service: Service, peers_folder: Path) -> Region:
    """Somebody of the directory, and a study of theirs by a trust's own number."""
    people = peers_folder / "people.csv"
    people.write_text(
        "issuer,number,nhs_number,nhs_number_status,family,given,birth_date,sex\n"
        f"RBT,{PATIENT_ID},{NUMBER},01,Conformance,Test,19700101,O\n"
    )
    service.imx("people", "load", str(people))
    sent, token = make_study(), service.token("contributor", "RBT")
    found = Region(service.url, token, sent)
    client = DICOMwebClient(f"{service.url}/dicom-web", headers=found.headers)
    client.store_instances([dcmread(BytesIO(part10(each))) for each in sent.instances])
    deadline = time.monotonic() + PATIENCE_S
    while not _is_linked(found):
        assert time.monotonic() < deadline, "the study was not linked"
        time.sleep(0.2)
    return found


def _is_linked(region: Region) -> bool:
    answer = httpx.get(
        f"{region.facade}/ImagingStudy", params={"patient.identifier": WHO}, headers=region.headers
    )
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["total"])


def _first_frame(address: str, study: str, series: str, instance: str, region: Region) -> bytes:
    """As whoever got that address opens the pixels (PS3.18 §10.4)."""
    answer = httpx.get(
        f"{address}/studies/{study}/series/{series}/instances/{instance}/frames/1",
        headers={**region.headers, "Accept": 'multipart/related; type="application/octet-stream"'},
    )
    assert answer.status_code == 200
    return answer.content


def test_fhirpy_finds_the_studies_of_a_person_and_opens_the_pixels(region: Region) -> None:
    client = SyncFHIRClient(region.facade, authorization=f"Bearer {region.token}")

    (study,) = client.resources("ImagingStudy").search(**{"patient.identifier": WHO}).fetch_all()
    patient = client.reference(reference=study["subject"]["reference"]).to_resource()
    endpoint = client.reference(reference=study["endpoint"][0]["reference"]).to_resource()

    assert study["identifier"][0]["value"] == f"urn:oid:{region.sent.study_uid}"
    assert patient["birthDate"] == "1970-01-01"
    image = region.sent.instances[0]
    pixels = _first_frame(
        endpoint["address"],
        region.sent.study_uid,
        study["series"][0]["uid"],
        str(image.SOPInstanceUID),
        region,
    )
    assert image.PixelData in pixels
    documents = client.resources("DocumentReference").search(
        **{"patient.identifier": WHO, "status": "current"}
    )
    assert {each["content"][0]["attachment"]["contentType"] for each in documents.fetch_all()} == {
        "application/dicom",
        "application/fhir+json",
    }


def test_fhirclient_finds_the_studies_of_a_person_and_opens_the_pixels(region: Region) -> None:
    smart = FHIRClient(settings={"app_id": "test", "api_base": region.facade})
    with closing(smart.server.session) as session:
        session.headers.update(region.headers)
        search = ImagingStudy.where(
            {"patient.identifier": WHO, "modality": "CT", "_include": "ImagingStudy:endpoint"}
        )
        resources = list(search.perform_resources_iter(smart.server))
        (study,) = [each for each in resources if isinstance(each, ImagingStudy)]
        endpoint = next(
            each
            for each in resources
            if isinstance(each, Endpoint) and each.connectionType.code == "dicom-wado-rs"
        )
        patient = Patient.read(study.subject.reference.rpartition("/")[2], smart.server)

    assert patient.name[0].family == "Conformance"
    series = next(each for each in study.series if each.modality.code == "OT")
    multi = region.sent.instances[2]
    pixels = _first_frame(endpoint.address, region.sent.study_uid, series.uid, series.instance[0].uid, region)
    assert multi.PixelData[: multi.Rows * multi.Columns] in pixels


def test_what_we_say_is_valid_for_others(region: Region) -> None:
    resources: list[Any] = [*made_of_everything(), *patients_of_everything()]
    known = {"resourceType": "Patient", "identifier": [{"system": NHS, "value": NUMBER}]}
    asked = (
        httpx.post(f"{region.facade}/Patient/$match", json=known, headers=region.headers),
        httpx.get(f"{region.facade}/Patient/$ihe-pix?sourceIdentifier={WHO}", headers=region.headers),
    )
    resources += [each.json() for each in asked]
    for path in ("/metadata", "/Endpoint", "/Organization", *(
        f"/{each}?patient.identifier={WHO}"
        for each in ("ImagingStudy", "DocumentReference", "DiagnosticReport", "ServiceRequest")
    ), f"/Patient?identifier={WHO}", "/ImagingStudy"):  # fmt: skip
        answer = httpx.get(f"{region.facade}{path}", headers=region.headers).json()
        resources += [answer, *(each["resource"] for each in answer.get("entry", ()))]

    for each in resources:
        get_fhir_model_class(each["resourceType"]).model_validate(each)
    for each, wrong in zip(resources, wrong_by_npm(resources), strict=True):
        assert not wrong, (each["resourceType"], wrong)


def wrong_by_npm(resources: list[Any]) -> list[list[dict[str, str]]]:
    """What npm's fhir finds wrong with each."""
    script = Path(__file__).with_name("validate_fhir.js")
    done = subprocess.run(
        ["node", str(script)],
        input=json.dumps(resources),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[list[dict[str, str]]] = json.loads(done.stdout)
    return found
