"""Other people's archives as processes: Debian's Orthanc with its DICOMweb plugin, and dcmqrscp."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.peers.material import Stamped
from tests.ports import free_ports
from tests.service import PATIENCE_S

DICOMWEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass
class Orthanc:
    """One Orthanc, which knows our router by the port it listens on."""

    folder: Path
    router_port: int
    title: str = "ORTHANC"
    dicom_port: int = field(default_factory=lambda: free_ports(1)[0])
    http_port: int = field(default_factory=lambda: free_ports(1)[0])
    settings: Mapping[str, object] = field(default_factory=dict)  # besides
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.folder.mkdir(exist_ok=True)
        settings = {
            "Name": self.title,
            "DicomAet": self.title,
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "StorageDirectory": str(self.folder / "db"),
            "IndexDirectory": str(self.folder / "db"),
            "Plugins": [DICOMWEB_PLUGIN],
            "RemoteAccessAllowed": True,
            "RegisteredUsers": {"trust": "secret"},
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {"imx": ["IMX", "127.0.0.1", self.router_port]},
            "SaveJobs": False,
            **self.settings,
        }
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(settings))
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < deadline, self.folder.joinpath("orthanc.log").read_text()[-2000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/system").is_success
        except httpx.TransportError:
            return False

    def client(self) -> httpx.Client:
        """Of its REST API."""
        return httpx.Client(base_url=self.url, auth=("trust", "secret"), timeout=60)

    def take(self, files: Sequence[Stamped]) -> None:
        """Have it keep these."""
        with self.client() as client:
            for file in files:
                client.post("/instances", content=file.path.read_bytes()).raise_for_status()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None


@dataclass
class Dcmqrscp:
    """DCMTK's archive in a folder. It keeps uncompressed objects only, as it is by default."""

    folder: Path
    router_port: int
    title: str = "DCMQRSCP"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        store = self.folder / "store"
        store.mkdir(parents=True, exist_ok=True)
        path = self.folder / "dcmqrscp.cfg"
        path.write_text(
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nimx = (IMX, 127.0.0.1, {self.router_port})\nHostTable END\n"
            "VendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{self.title} {store} RW (200, 1024mb) ANY\nAETable END\n"
        )
        command = ["env", "TCP_NODELAY=1", "dcmqrscp", "-c", str(path)]
        with (self.folder / "dcmqrscp.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run(
            ["echoscu", "-aec", self.title, "127.0.0.1", str(self.port)], capture_output=True, check=False
        ).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def take(self, files: Sequence[Stamped]) -> None:
        """Have it keep these."""
        command = ["storescu", "-aec", self.title, "127.0.0.1", str(self.port)]
        subprocess.run([*command, *(str(file.path) for file in files)], capture_output=True, check=True)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None
