"""The whole service as its own process on free ports, as an operator would start it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.processes import Process, family

_IMX = (sys.executable, "-m", "imx")

#: For whatever it is to do, where many tests run at once on a slow machine.
PATIENCE_S = 120.0


class NotReady(Exception):
    """The service did not come up, or did not come back."""


@dataclass
class Service:
    """`imx serve` on one data folder. It may be stopped, killed and started again."""

    data: Path
    is_open: bool = False
    dicom_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    environment: Sequence[str] = ()  # NAME=value
    before: Sequence[str] = ()  # a command to run it under
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where its HTTP edge answers."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> Path:
        """What it and its children printed."""
        return self.data.parent / f"{self.data.name}.log"

    def start(self, patience_s: float = PATIENCE_S) -> None:
        """Start it, and return when it is ready."""
        ports = ("--dicom-port", str(self.dicom_port), "--http-port", str(self.http_port))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(
                        "env",
                        *self.environment,
                        *self.before,
                        *_IMX,
                        "serve",
                        "--data",
                        str(self.data),
                        *ports,
                    ),
                    *(("--open",) if self.is_open else ()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_ready(patience_s)

    def wait_ready(self, patience_s: float = PATIENCE_S) -> None:
        """Return when it says that it can keep what it is sent."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            if self.is_ready():
                return
            time.sleep(0.05)
        raise NotReady(f"{self.log}: ...{self.log.read_text(errors='replace')[-2000:]}")

    def is_ready(self) -> bool:
        """What /health/ready says."""
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=PATIENCE_S).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, patience_s: float = PATIENCE_S) -> None:
        """SIGTERM, as an init system would; what does not end in time is killed."""
        if self.process is None:
            return
        relatives = self.family()
        self.process.terminate()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            for each in relatives:
                _kill(each.pid)
            raise
        finally:
            self.process = None

    def family(self) -> list[Process]:
        """Every process of it."""
        return family(self.process.pid) if self.process else []

    def imx(self, *arguments: str, patience_s: float = PATIENCE_S) -> str:
        """Run the command line on its data; what it printed."""
        done = subprocess.run(
            ["env", *self.environment, *_IMX, *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"imx {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def token(self, role: str = "reader", trust: str = "") -> str:
        """A new token of that role, for somebody of that trust."""
        created = self.imx("token", "create", "somebody", "--role", role, "--trust", trust, "--json")
        [made] = json.loads(created)
        return str(made["token"])


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
