"""Storage commitment with dcmjs-dimse: plain and over TLS, the report on a new association."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

from tests.peers.conftest import introduce
from tests.ports import free_port
from tests.service import Service
from tests.storage.material import instance

pytestmark = pytest.mark.peers

_HERE = Path(__file__).parent
_CALLING = "DCMJS"


@dataclass(frozen=True)
class Papers:
    """Certificates of one authority, for both sides, as files."""

    key: Path
    cert: Path
    ca: Path

    def as_json(self) -> dict[str, str]:
        return {"key": str(self.key), "cert": str(self.cert), "ca": str(self.ca)}


@pytest.fixture(scope="module")
def papers(peers_folder: Path) -> Papers:
    folder = peers_folder / "commitment-papers"
    folder.mkdir(mode=0o755)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", _CALLING)
    found = Papers(folder / "key.pem", folder / "cert.pem", folder / "ca.pem")
    issued.private_key_pem.write_to_path(found.key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(found.cert, append=True)
    authority.cert_pem.write_to_path(found.ca)
    return found


@pytest.fixture(scope="module")
def tls_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(peers_folder: Path, papers: Papers, tls_port: int) -> Iterator[Service]:
    running = Service(
        peers_folder / "commitment",
        environment=(
            f"IMX_TLS_CERTIFICATE={papers.cert}",
            f"IMX_TLS_KEY={papers.key}",
            f"IMX_TLS_AUTHORITIES={papers.ca}",
            f"IMX_TLS_PORT={tls_port}",
            "IMX_COMMITMENT_WAIT_S=1",
        ),
    )
    try:
        running.start()
        introduce(running, "PYNETDICOM")
        yield running
    finally:
        running.stop()


def keep(service: Service, *instances: Dataset) -> None:
    ae = AE("PYNETDICOM")
    ae.add_requested_context(instances[0].SOPClassUID, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", service.dicom_port, ae_title="IMX")
    for each in instances:
        each.ensure_file_meta()
        each.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        assert association.send_c_store(each).Status == 0
    association.release()


def ask(port: int, listen: int, instances: list[Dataset], tls: Papers | None = None) -> dict[str, Any]:
    """What dcmjs-dimse heard."""
    wanted = {
        "port": port,
        "listen": listen,
        "transaction": generate_uid(),
        "instances": [[each.SOPClassUID, each.SOPInstanceUID] for each in instances],
        "tls": tls.as_json() if tls else None,
    }
    done = subprocess.run(
        ["node", str(_HERE / "commit_dcmjs.js"), json.dumps(wanted)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heard: dict[str, Any] = json.loads(done.stdout)
    assert heard["report"]["TransactionUID"] == wanted["transaction"]
    return heard


def as_list(found: Any) -> list[Any]:
    """dcmjs makes an object of a sequence with one item."""
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "TLS"])
def test_dcmjs_hears_its_report_on_a_new_association(
    service: Service, papers: Papers, tls_port: int, is_secure: bool
) -> None:
    made, unknown = [instance() for _ in range(3)], instance()
    keep(service, *made)
    listen = free_port()
    service.imx(
        "peer", "add", _CALLING, "--trust", "RBT", "--host", "127.0.0.1", "--port", str(listen),
        *(("--tls", "--no-plain") if is_secure else ("--plain", "--no-tls")),
    )  # fmt: skip
    port, tls = (tls_port, papers) if is_secure else (service.dicom_port, None)

    heard = ask(port, listen, made, tls)

    assert (heard["status"], heard["event"], heard["caller"]) == (0, 1, "IMX")
    committed = {
        item["ReferencedSOPInstanceUID"] for item in as_list(heard["report"]["ReferencedSOPSequence"])
    }
    assert committed == {str(each.SOPInstanceUID) for each in made}

    heard = ask(port, listen, [made[0], unknown], tls)

    [failed] = as_list(heard["report"]["FailedSOPSequence"])
    assert heard["event"] == 2
    assert (failed["ReferencedSOPInstanceUID"], failed["FailureReason"]) == (unknown.SOPInstanceUID, 0x0112)
    assert json.loads(service.imx("commitments", "--json")) == []
