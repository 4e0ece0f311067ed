"""Who is measured: ours, Debian's Orthanc, and DCMTK's storescp, each as its own process on new data."""

import json
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from benchmarks.senders import Address, Tuning
from tests.peers.archives import DICOMWEB_PLUGIN
from tests.ports import free_port
from tests.processes import cpu_seconds
from tests.service import Service

#: The calling AE title of every sender, which our registry knows.
SENDER = "BENCH"


class Receiver(ABC):
    """One that instances are pushed to."""

    name: str
    address: Address

    @abstractmethod
    def pid(self) -> int:
        """The process whose family does the work."""

    @abstractmethod
    def held(self, studies: Mapping[str, int]) -> int:
        """How many instances of these studies it holds and finds."""

    @abstractmethod
    def stop(self) -> None:
        """End it, and return when it has ended."""

    def cpu_s(self) -> float:
        """CPU seconds that it and its children have used."""
        return cpu_seconds(self.pid())


class Imx(Receiver):
    """Ours as it is run: closed, durable before the answer, indexed, DICOMweb beside it."""

    name = "imx"

    def __init__(
        self, folder: Path, tuning: Tuning, name: str = name, destination: Address | None = None
    ) -> None:
        """With a `destination`, its sender may have what is kept sent there."""
        self.name = name
        self.service = Service(folder / f"imx{len(list(folder.iterdir()))}", before=tuning.command)
        try:
            self.service.start()
            self.service.imx("trust", "add", "RBT", "Bench")
            self.service.imx("peer", "add", SENDER, "--trust", "RBT", "--plain", "--read")
            if destination:
                where = ("--host", destination.host, "--port", str(destination.port))
                self.service.imx("peer", "add", destination.ae_title, "--trust", "RBT", "--read", *where)
            self.token = self.service.token("contributor", "RBT")
        except BaseException:
            self.service.stop()
            raise
        self.address = Address("IMX", self.service.dicom_port)

    def pid(self) -> int:
        assert self.service.process is not None
        return self.service.process.pid

    def held(self, studies: Mapping[str, int]) -> int:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/dicom+json"}
        found = 0
        with httpx.Client(base_url=f"{self.service.url}/dicom-web", headers=headers) as client:
            for uid in studies:
                answer = client.get(f"/studies/{uid}/instances", params={"limit": "10000"})
                answer.raise_for_status()
                found += len(answer.json()) if answer.status_code == 200 else 0
        return found

    def stop(self) -> None:
        self.service.stop()


class _Program(Receiver):
    """A program of Debian's, which listens soon after its start."""

    def __init__(self, command: Sequence[str], address: Address, log: Path) -> None:
        self.address = address
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _wait_for(address.port)

    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.kill()  # its data goes too, and Orthanc takes its time
        self.process.wait()


class Orthanc(_Program):
    """Orthanc with its SQLite index and its defaults, but for ports, folders and no sign-in."""

    name = "Orthanc"

    def __init__(
        self, folder: Path, tuning: Tuning, destination: Address | None = None, *, dicomweb: bool = False
    ) -> None:
        """With a `destination`, anybody may have what is kept sent there; DICOMweb is a plugin."""
        own = folder / "orthanc"
        own.mkdir(parents=True)
        dicom_port, self.http_port = free_port(), free_port()
        settings: dict[str, object] = {
            "StorageDirectory": str(own / "objects"),
            "IndexDirectory": str(own / "index"),
            "HttpPort": self.http_port,
            "DicomPort": dicom_port,
            "AuthenticationEnabled": False,
            "RemoteAccessAllowed": False,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
        }
        if destination:
            settings |= {
                "DicomAlwaysAllowGet": True,
                "DicomAlwaysAllowMove": True,
                "DicomModalities": {
                    "destination": [destination.ae_title, destination.host, destination.port]
                },
            }
        if dicomweb:
            settings["Plugins"] = [DICOMWEB_PLUGIN]
        own.joinpath("orthanc.json").write_text(json.dumps(settings))
        command = [*tuning.command, "/usr/sbin/Orthanc", str(own / "orthanc.json")]
        super().__init__(command, Address("ORTHANC", dicom_port), own / "log")
        _wait_for(self.http_port)

    @property
    def url(self) -> str:
        """Of its REST API."""
        return f"http://127.0.0.1:{self.http_port}"

    def held(self, studies: Mapping[str, int]) -> int:
        with httpx.Client(base_url=self.url, timeout=60) as client:
            found = [
                client.post("/tools/find", json={"Level": "Instance", "Query": {"StudyInstanceUID": uid}})
                for uid in studies
            ]
        return sum(len(answer.json()) for answer in found)


class Storescp(_Program):
    """DCMTK's storescp, a process for each association: files without an index, and without a flush."""

    name = "storescp"

    def __init__(self, folder: Path, tuning: Tuning) -> None:
        self._own = folder / "storescp"
        self._own.mkdir(parents=True)
        address = Address("STORESCP", free_port())
        options = ("--fork", "-aet", address.ae_title, "-od", str(self._own))
        super().__init__(
            [*tuning.command, "storescp", *options, str(address.port)], address, folder / "scp.log"
        )

    def held(self, studies: Mapping[str, int]) -> int:
        # Its files carry no study in their names: it holds what it said it kept, and no more than that.
        return min(sum(studies.values()), sum(1 for _ in self._own.iterdir()))


def _wait_for(port: int, patience_s: float = 120) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
