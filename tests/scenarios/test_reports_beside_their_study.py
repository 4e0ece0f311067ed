"""Reports through the whole service: by HL7, by a structured report, read over FHIR, withdrawn."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from exchange.hl7.framing import framed
from tests.exchange.hl7.material import answer_of
from tests.exchange.hl7.reports_material import PDF, histopathology, radiology
from tests.exchange.reports.documents_material import document, structured
from tests.ports import free_port
from tests.service import Service

HL7_PORT = free_port()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path / "data", environment=(f"IMX_HL7_PORT={HL7_PORT}",))
    found.start()
    try:
        found.imx("trust", "add", "RBL", "Wirral")
        found.imx("hl7", "allow", "127.0.0.1", "--trust", "RBL")
        found.imx("peer", "add", "CT1", "--trust", "RBL", "--plain")
        yield found
    finally:
        found.stop()


def hear(*messages: bytes) -> None:
    with socket.create_connection(("127.0.0.1", HL7_PORT), timeout=60) as connection:
        for raw in messages:
            connection.sendall(framed(raw))
            assert answer_of(connection.recv(4096).strip(b"\x0b\x1c\r"))[0] == "AA"


def send(service: Service, folder: Path, *made: Dataset) -> None:
    paths = []
    for each in made:
        each.file_meta = FileMetaDataset()
        each.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        paths.append(folder / f"{each.SOPInstanceUID}.dcm")
        each.save_as(paths[-1], enforce_file_format=True)
    address = f"IMX@127.0.0.1:{service.dicom_port}"
    names = [str(each) for each in paths]
    done = subprocess.run(
        [sys.executable, "-m", "imx", "send", *names, "--to", address, "--from", "CT1"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What it shows once it is as wanted; a deadline later, as it is."""
    deadline = time.monotonic() + 60
    found = look()
    while not wanted(found) and time.monotonic() < deadline:
        time.sleep(0.3)
        found = look()
    return found


def test_reports_stand_beside_their_study(service: Service, tmp_path: Path) -> None:
    hear(radiology("P", "1"), histopathology())
    assert {each["state"] for each in json.loads(service.imx("reports", "waiting", "--json"))} == {
        "unmatched"
    }
    ct = document("1.2.1.1.1", CTImageStorage)
    ct.SeriesInstanceUID, ct.Modality = "1.2.1.1", "CT"
    slide = document("1.2.5.1.1", CTImageStorage, study="1.2.5")
    slide.SeriesInstanceUID, slide.AccessionNumber, slide.Modality = "1.2.5.1", "26H000123", "CT"
    send(service, tmp_path, ct, slide, structured())

    headers = {"Authorization": f"Bearer {service.token()}", "Accept": "application/fhir+json"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:

        def reports(status: str = "") -> list[dict[str, Any]]:
            since = f"ge{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
            asked = {"_lastUpdated": since, **({"status": status} if status else {})}
            answer = client.get("/fhir/R4/DiagnosticReport", params=asked)
            assert answer.status_code == 200, answer.text
            return [each["resource"] for each in answer.json().get("entry", ())]

        found = until(reports, lambda each: len(each) == 3)
        assert sorted(each["status"] for each in found) == ["final", "final", "preliminary"]
        [case] = [each for each in found if each["identifier"][0]["value"] == "26H000123"]
        [form] = case["presentedForm"]
        assert client.get(httpx.URL(form["url"]).path, headers={"Accept": "*/*"}).content == PDF
        [written] = [each for each in found if each["identifier"][0]["value"] == "urn:oid:1.9.1"]
        shown = client.get(
            httpx.URL(written["presentedForm"][0]["url"]).path, headers={"Accept": "text/html"}
        )
        assert "A nodule" in shown.text

        hear(radiology("F", "2", at="20260302100000"), radiology("F", "3", at="20260302120000", observed="W"))
        [wrong] = until(lambda: reports("entered-in-error"), lambda each: len(each) == 1)
        assert not {"text", "conclusion", "presentedForm"} & wrong.keys()
        [withdrawn] = json.loads(service.imx("reports", "of", "1.2.1", "--json"))[:1]
        heard = json.loads(service.imx("reports", "history", withdrawn["id"], "--json"))
        assert [each["status"] for each in heard] == ["preliminary", "final", "entered-in-error"]
