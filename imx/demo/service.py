"""The service that the demo plays on: started as an operator would, on embedded defaults, not open."""

import ctypes
import http
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exchange.hl7.senders import PostgresSenders, Sender
from exchange.policy import Role
from exchange.registry import Peer, PostgresRegistry, Trust
from imx.configuration import read
from imx.database import open_database
from imx.demo.region import MODALITIES, TRUSTS
from imx.destination import Destination
from imx.errors import SetupError

USUAL_DICOM_PORT, USUAL_HTTP_PORT, USUAL_HL7_PORT = 11112, 8080, 2575
START_LIMIT_S = 120.0
STOP_LIMIT_S = 60.0
LOG_LINES = 12

#: What each role may read, to see whether a token is still good.
_PROBES = {Role.READER: "/dicom-web/studies?limit=1", Role.AUDITOR: "/metrics"}

_PR_SET_PDEATHSIG = 1


class ServiceFailed(SetupError):
    """The service did not start, or has ended."""


@dataclass(frozen=True, slots=True)
class Service:
    """`imx serve`, running."""

    process: "subprocess.Popen[bytes]"
    data: Path
    log: Path
    dicom_port: int
    http_port: int
    hl7_port: int

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb(self) -> str:
        return f"{self.http}/dicom-web"

    @property
    def dicom(self) -> Destination:
        return Destination("IMX", "127.0.0.1", self.dicom_port)

    def wait_until_ready(self) -> None:
        """Raises ServiceFailed, with the end of its log."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServiceFailed(f"the service ended while it started:\n{self._end_of_log()}")
            if _answer(f"{self.http}/health/ready") == http.HTTPStatus.OK:
                return
            time.sleep(0.1)
        raise ServiceFailed(f"not ready after {START_LIMIT_S:.0f} seconds:\n{self._end_of_log()}")

    def watch(self) -> None:
        """Return never, but raise ServiceFailed when it ends by itself."""
        self.process.wait()
        raise ServiceFailed(f"the service has ended:\n{self._end_of_log()}")

    def _end_of_log(self) -> str:
        try:
            with self.log.open(errors="replace") as log:
                return "".join(deque(log, LOG_LINES)) + f"(all of it: {self.log})"
        except OSError:
            return f"(no log at {self.log})"


@contextmanager
def running(folder: Path, pds_url: str) -> Iterator[Service]:
    """The service on `folder`, started but maybe not ready; afterwards it is drained and gone."""
    folder.mkdir(parents=True, exist_ok=True)
    data, log = folder / "data", folder / "service.log"
    service_ports = [free_port(usual) for usual in (USUAL_DICOM_PORT, USUAL_HTTP_PORT, USUAL_HL7_PORT)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "imx", "serve", "--data", str(data),
                "--dicom-port", str(service_ports[0]), "--http-port", str(service_ports[1]),
                "--hl7-port", str(service_ports[2]),
            ],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env={**_environment(), "IMX_PDS_URL": pds_url},
            start_new_session=True,     # Ctrl-C reaches the demo, which then lets the service drain
            preexec_fn=_end_with_us,
        )  # fmt: skip
    try:
        yield Service(process, data, log, *service_ports)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def register(service: Service) -> None:
    """What `imx trust add`, `imx peer add` and `imx hl7 allow` do, for the region. Again changes nothing."""
    with open_database(read({"data": service.data}, {})) as pool:
        known = PostgresRegistry(pool)
        trusts = {
            each.ods_code: Trust(each.ods_code, each.name, issuer=each.ods_code, place=each.place)
            for each in TRUSTS
        }
        for trust in trusts.values():
            known.add_trust(trust)
        for modality in MODALITIES:
            known.add_peer(Peer(modality.ae_title, trusts[modality.trust.ods_code], plain_allowed=True))
        senders = PostgresSenders(pool)
        for ods_code in trusts:
            senders.add(Sender("127.0.0.1", ods_code, facility=ods_code))


def token_for(service: Service, role: Role, file: Path) -> str:
    """A token of that role, as `imx token create` makes it: the one of the last run while it is good."""
    if file.is_file():
        token = file.read_text("ascii").strip()
        if _answer(f"{service.http}{_PROBES[role]}", token) == http.HTTPStatus.OK:
            return token
        file.unlink()
    name = f"demo {role.value} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    options = ["--role", role.value, "--data", str(service.data), "--json"]
    made = subprocess.run(
        [sys.executable, "-m", "imx", "token", "create", name, *options],
        capture_output=True, text=True, env=_environment(), check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise ServiceFailed(f"no token could be made: {made.stderr.strip()}")
    token = str(json.loads(made.stdout)[0]["token"])
    _write_secret(file, token)
    return token


def first_password(service: Service, name: str, file: Path) -> str:
    """Of an account that may read, as `imx account create` makes it in the first run; kept in the file."""
    if not file.is_file():
        options = ["--role", Role.READER.value, "--data", str(service.data), "--json"]
        made = subprocess.run(
            [sys.executable, "-m", "imx", "account", "create", name, *options],
            capture_output=True, text=True, env=_environment(), check=False,
        )  # fmt: skip
        if made.returncode != 0:
            raise ServiceFailed(f"no account could be made: {made.stderr.strip()}")
        _write_secret(file, str(json.loads(made.stdout)[0]["password"]))
    return file.read_text("utf-8").strip()


def _write_secret(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(f"{text}\n")


def _environment() -> dict[str, str]:
    """Ours without settings of another service: the demo runs on the defaults."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IMX_")}


def free_port(usual: int) -> int:
    """The usual port if nobody listens there, else another."""
    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise ServiceFailed("this machine has no free port")


def _answer(address: str, token: str = "") -> int:
    """The status of a GET, 0 for none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - our own service
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _end_with_us() -> None:
    """In the child: should the demo be killed, the kernel tells the service to drain (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
