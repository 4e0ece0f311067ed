"""Destinations that are other people's programs, and our own DICOMweb: each keeps the contract."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dicom_router.deliveries.destinations.dicomweb import DicomWebDestination
from dicom_router.deliveries.destinations.dimse import DimseDestination
from dicom_router.deliveries.destinations.orthanc import OrthancDestination
from dicom_router.deliveries.destinations.port import Destination, NotReached
from dicom_router.requestor import Callee, Calling
from exchange.destinations import Entry, Kind
from exchange.registry import Trust
from tests.contracts.destination import DestinationContract
from tests.dicom_router.holdings import Holdings
from tests.ports import free_port
from tests.service import Service

TRUST = Trust("RBN", "Mersey and West Lancashire", "RBN")
pytestmark = [pytest.mark.peers]


@pytest.fixture(scope="module")
def orthanc(peers_folder: Path) -> Iterator[tuple[int, int]]:
    """Debian's, with nothing in it: its HTTP and DICOM ports."""
    own = peers_folder / "orthanc-destination"
    own.mkdir()
    http_port, dicom_port = free_port(), free_port()
    settings = {
        "StorageDirectory": str(own / "objects"),
        "IndexDirectory": str(own / "index"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "RegisteredUsers": {"imx": "secret"},
        "AuthenticationEnabled": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
    }
    own.joinpath("orthanc.json").write_text(json.dumps(settings))
    with own.joinpath("log").open("wb") as log:
        process = subprocess.Popen(["/usr/sbin/Orthanc", str(own / "orthanc.json")], stdout=log, stderr=log)
    try:
        transport = httpx.HTTPTransport(retries=8)  # of connecting, with pauses that grow to some seconds
        with httpx.Client(transport=transport, timeout=60) as client:
            client.get(f"http://127.0.0.1:{http_port}/system")
        yield http_port, dicom_port
    finally:
        process.kill()
        process.wait()


def entry(kind: Kind, address: str, account: str = "", secret_file: Path | None = None) -> Entry:
    return Entry(
        name="THERE",
        kind=kind,
        address=address,
        trust=TRUST,
        account=account,
        secret_file=secret_file,
        is_asked=True,
    )


class TestOrthanc(DestinationContract):
    @pytest.fixture
    def destination(
        self,
        orthanc: tuple[int, int],
        holdings: Holdings,
        tmp_path: Path,
    ) -> Iterator[Destination]:
        secret = tmp_path / "secret"
        secret.write_text("secret\n")
        there = OrthancDestination(
            entry(Kind.ORTHANC, f"http://127.0.0.1:{orthanc[0]}", "imx", secret), holdings.reader
        )
        yield there
        there.close()


class TestOrthancByDimse(DestinationContract):
    @pytest.fixture
    def destination(
        self,
        orthanc: tuple[int, int],
        holdings: Holdings,
    ) -> Iterator[Destination]:
        there = DimseDestination(
            Callee("ORTHANC", "127.0.0.1", orthanc[1]), "IMX", holdings.reader, Calling()
        )
        yield there
        there.close()


@pytest.fixture(scope="module")
def other(peers_folder: Path) -> Iterator[Service]:
    """Another service of ours, with a DICOMweb door."""
    service = Service(peers_folder / "dicomweb-destination")
    try:
        service.start()
        service.imx("trust", "add", "RBN", "Mersey")
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def token(other: Service, peers_folder: Path) -> Path:
    [made] = json.loads(
        other.imx("token", "create", "router", "--role", "contributor", "--trust", "RBN", "--json")
    )
    path = peers_folder / "token"
    path.write_text(made["token"])
    return path


class TestDicomWeb(DestinationContract):
    @pytest.fixture
    def destination(
        self,
        other: Service,
        token: Path,
        holdings: Holdings,
    ) -> Iterator[Destination]:
        address = f"{other.url}/dicom-web"
        there = DicomWebDestination(entry(Kind.DICOMWEB, address, "", token), holdings.reader)
        yield there
        there.close()


def test_a_wrong_token_is_the_destinations_fault(
    other: Service,
    holdings: Holdings,
    tmp_path: Path,
) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("nobody")
    there = DicomWebDestination(entry(Kind.DICOMWEB, f"{other.url}/dicom-web", "", wrong), holdings.reader)

    with pytest.raises(NotReached, match="credentials"):
        list(there.send(holdings.leaving(holdings.study(1))))
    there.close()


def test_a_wrong_password_is_too(
    orthanc: tuple[int, int],
    holdings: Holdings,
    tmp_path: Path,
) -> None:
    wrong = tmp_path / "secret"
    wrong.write_text("nobody")
    there = OrthancDestination(
        entry(Kind.ORTHANC, f"http://127.0.0.1:{orthanc[0]}", "imx", wrong), holdings.reader
    )

    with pytest.raises(NotReached, match="credentials"):
        list(there.send(holdings.leaving(holdings.study(1))))
    there.close()
