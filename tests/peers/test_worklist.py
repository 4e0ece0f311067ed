"""DCMTK's findscu asks for a worklist that HL7 messages fill, with query files that dump2dcm makes."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from exchange.hl7.framing import framed
from tests.exchange.hl7.material import answer_of, omi
from tests.ports import free_port
from tests.service import Service

pytestmark = pytest.mark.peers

QUERY = """
(0008,0005) CS ISO_IR\\ 100
(0008,0050) SH {accession}
(0008,0090) PN
(0010,0010) PN
(0010,0020) LO {patient}
(0010,0030) DA
(0020,000d) UI
(0040,0100) SQ
(fffe,e000) -
(0008,0060) CS {modality}
(0040,0001) AE
(0040,0002) DA {date}
(0040,0003) TM
(0040,0009) SH
(fffe,e00d) -
(fffe,e0dd) -
(0040,1001) SH
"""


@pytest.fixture(scope="module")
def service(peers_folder: Path) -> Iterator[Service]:
    """Two trusts whose systems send the same accession and Patient ID."""
    port = free_port()
    running = Service(peers_folder / "worklist", environment=(f"IMX_HL7_PORT={port}",))
    try:
        running.start()
        for trust, title in (("RBL", "CT1"), ("REM", "CT2")):
            running.imx("trust", "add", trust, trust)
            running.imx("peer", "add", title, "--trust", trust, "--plain", "--worklist")
            running.imx("hl7", "allow", "127.0.0.1", "--trust", trust, "--facility", trust)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            theirs = omi(study="1.2.826.0.1.9").replace(b"|RBL|IMX", b"|REM|IMX").replace(b"^RBL", b"^REM")
            for raw in (omi(), theirs):
                connection.sendall(framed(raw))
                assert answer_of(connection.recv(4096).strip(b"\x0b\x1c\r"))[0] == "AA"
        yield running
    finally:
        running.stop()


def asked(service: Service, folder: Path, calling: str, **keys: str) -> list[Dataset]:
    """The items that findscu -W is answered with."""
    text = QUERY.format(**{"accession": "", "patient": "", "modality": "", "date": "", **keys})
    (folder / "query.dump").write_text(text.replace("\\ ", " "))
    subprocess.run(
        ["dump2dcm", "-F", "query.dump", "query.dcm"], cwd=folder, check=True, capture_output=True, timeout=60
    )
    for old in folder.glob("rsp*.dcm"):
        old.unlink()
    command = ["findscu", "-W", "-X", "-aet", calling, "-aec", "IMX", "127.0.0.1", str(service.dicom_port)]
    subprocess.run([*command, "query.dcm"], cwd=folder, check=True, capture_output=True, timeout=60)
    return [dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]


@pytest.mark.parametrize(("calling", "study"), [("CT1", "1.2.826.0.1.1"), ("CT2", "1.2.826.0.1.9")])
def test_each_trusts_modality_sees_its_own(
    service: Service, tmp_path: Path, calling: str, study: str
) -> None:
    (item,) = asked(service, tmp_path, calling, accession="RBL0001", patient="123456")

    assert (item.StudyInstanceUID, item.PatientName) == (study, "O'Neil^Zoë^Ann^Ms")
    assert item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate == "20260303"
    assert item.IssuerOfPatientID == ("RBL" if calling == "CT1" else "REM")


@pytest.mark.parametrize(
    ("keys", "count"),
    [({}, 1), ({"modality": "MR"}, 0), ({"modality": "CT", "date": "20260301-20260303"}, 1),
     ({"date": "20260304-"}, 0)],
)  # fmt: skip
def test_steps_are_matched(service: Service, tmp_path: Path, keys: dict[str, str], count: int) -> None:
    assert len(asked(service, tmp_path, "CT1", **keys)) == count
