"""Other people's DICOMweb clients work with ours, signed in by a token: they store, search and retrieve."""

import json
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import dcmread

from conformance.dialogues.material import PATIENT_ID, SIDE_PX, Sent, make_study, part10
from tests.peers.archives import Orthanc
from tests.peers.conftest import introduce
from tests.service import Service

pytestmark = [pytest.mark.peers]


@pytest.fixture(scope="module")
def service(peers_folder: Path) -> Iterator[Service]:
    running = Service(peers_folder / "web-clients")
    # The Python client names its host without the port: what answers point to is said as behind a proxy.
    running.environment = (f"IMX_HTTP_PUBLIC_URL={running.url}",)
    try:
        running.start()
        introduce(running, "ANYONE")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    return service.token("contributor", "RBT")


@pytest.fixture
def sent() -> Sent:
    """Of a patient of its own for each test: what one stores is no other's to find."""
    return make_study()


def test_dicomweb_client_of_python(service: Service, token: str, sent: Sent) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    client = DICOMwebClient(f"{service.url}/dicom-web", headers=headers)
    first = sent.instances[0]
    series = str(first.SeriesInstanceUID)

    kept = client.store_instances([dcmread(BytesIO(part10(each))) for each in sent.instances])
    assert len(kept.ReferencedSOPSequence) == 3

    search = {"StudyInstanceUID": sent.study_uid, "PatientID": PATIENT_ID}
    (study,) = client.search_for_studies(search_filters=search, fields=["StudyDescription"])
    assert study["00081030"]["Value"] == ["Conformance test"]
    assert len(client.search_for_series(sent.study_uid)) == 2
    assert len(client.search_for_instances(sent.study_uid, series, limit=1)) == 1
    assert len(client.retrieve_study(sent.study_uid)) == 3
    assert len(client.retrieve_series_metadata(sent.study_uid, series)) == 2

    where = (sent.study_uid, series, str(first.SOPInstanceUID))
    assert client.retrieve_instance(*where) == first
    assert client.retrieve_instance_frames(*where, [1]) == [first.PixelData]
    drawn = client.retrieve_instance_rendered(*where, media_types=("image/png",))
    assert Image.open(BytesIO(drawn)).size == (SIDE_PX, SIDE_PX)
    (metadata,) = [each for each in client.retrieve_series_metadata(*where[:2]) if _uid(each) == where[2]]
    assert client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"]) == [first.PixelData]
    multi = sent.instances[2]
    frames = client.retrieve_instance_frames(
        sent.study_uid, str(multi.SeriesInstanceUID), str(multi.SOPInstanceUID), [3, 1]
    )
    pixels = np.frombuffer(multi.PixelData, np.uint8).reshape(3, -1)
    assert frames == [pixels[2].tobytes(), pixels[0].tobytes()]


def _uid(match: dict[str, Any]) -> str:
    return str(match["00080018"]["Value"][0])


def test_dicomweb_client_of_npm(service: Service, token: str, sent: Sent, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.dcm" for number in range(3)]
    for path, instance in zip(paths, sent.instances, strict=True):
        path.write_bytes(part10(instance))

    script = Path(__file__).with_name("read_dicomweb_client.js")
    command = ["node", str(script), f"{service.url}/dicom-web", token, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "study": sent.study_uid,
        "series": 2,
        "instances": 2,
        "metadata": 2,
        "is_part10": True,
        "frame": 2 * SIDE_PX * SIDE_PX,
        "is_png": True,
        "all": 3,
    }


@pytest.fixture(scope="module")
def orthanc(service: Service, token: str, peers_folder: Path) -> Iterator[Orthanc]:
    """One whose plugin calls us."""
    headers = {"Authorization": f"Bearer {token}"}
    servers = {"imx": {"Url": f"{service.url}/dicom-web/", "HttpHeaders": headers}}
    peer = Orthanc(peers_folder / "orthanc-client", 1, settings={"DicomWeb": {"Servers": servers}})
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


def test_orthancs_plugin_as_a_client(service: Service, token: str, orthanc: Orthanc, sent: Sent) -> None:
    with orthanc.client() as rest:
        for instance in sent.instances:
            rest.post("/instances", content=part10(instance)).raise_for_status()
        (study,) = _studies_of(rest, sent)

        stored = rest.post("/dicom-web/servers/imx/stow", json={"Resources": [study], "Synchronous": True})
        assert stored.is_success, stored.text
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"}
        path = f"{service.url}/dicom-web/studies/{sent.study_uid}/instances"
        assert len(httpx.get(path, headers=headers, timeout=60).json()) == 3

        asked = {"Uri": "/studies", "Arguments": {"StudyInstanceUID": sent.study_uid}}
        found = rest.post("/dicom-web/servers/imx/qido", json=asked)
        assert found.is_success, found.text
        assert sent.study_uid in found.text

        rest.delete(f"/studies/{study}").raise_for_status()
        wanted = {"Resources": [{"Study": sent.study_uid}], "Synchronous": True}
        retrieved = rest.post("/dicom-web/servers/imx/retrieve", json=wanted)
        assert retrieved.is_success, retrieved.text
        (again,) = _studies_of(rest, sent)
        assert len(rest.get(f"/studies/{again}/instances").json()) == 3


def _studies_of(rest: httpx.Client, sent: Sent) -> list[str]:
    asked = {"Level": "Study", "Query": {"StudyInstanceUID": sent.study_uid}}
    return list(rest.post("/tools/find", json=asked).json())
