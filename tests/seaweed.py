"""A real S3: SeaweedFS from its wheel, on loopback, in a folder of its own."""

import json
import os
import signal
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from minio import Minio

from tests.ports import free_ports

ACCESS_KEY = "imx-test"
SECRET_KEY = "not-a-secret"

_OWNER = ("imx-test-owner", "not-a-secret-either")

WEED = Path(sysconfig.get_path("scripts"), "weed")

#: Ports that `weed server` opens: each part's own, and the one of its gRPC.
_PORTS = tuple(f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc"))

#: Every bucket flushes before it answers, as the product needs it.
_FLUSH = "fs.configure -locationPrefix=/buckets/ -fsync -volumeGrowthCount=1 -apply"


class SeaweedFailed(Exception):
    """SeaweedFS did not come up, or did not do as it was told."""


@dataclass
class Seaweed:
    """One server: master, volume, filer and S3 gateway in one process. May be killed and started again."""

    folder: Path
    options: tuple[str, ...] = ()
    ports: dict[str, int] = field(
        default_factory=lambda: dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    )
    process: "subprocess.Popen[bytes] | None" = None
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.ports['s3.port']}"

    def url(self, bucket: str) -> str:
        """The bucket as IMX_OBJECTS_URL names it."""
        return f"s3://{bucket}?endpoint={self.endpoint}&secure=0"

    def new_bucket(self) -> str:
        """The name of a fresh bucket, which flushes."""
        name = f"bucket-{next(self._numbers)}"
        self.owner().make_bucket(name)
        return name

    def owner(self) -> Minio:
        """A client that may do anything."""
        return Minio(self.endpoint, *_OWNER, secure=False, region="us-east-1")

    def start(self, patience_s: float = 30) -> None:
        """Start it, and return when it takes requests and flushes."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        identities = self.folder / "s3.json"
        identities.write_text(json.dumps(_identities()))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    WEED, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}",
                    *(f"-{name}={port}" for name, port in self.ports.items()),
                    "-filer", f"-filer.localSocket={self.folder}/filer.sock",
                    "-s3", f"-s3.config={identities}", f"-s3.localSocket={self.folder}/s3.sock",
                    "-s3.autoCreateBucket=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
                    "-volume.max=500", "-volume.preStopSeconds=0", "-master.volumeSizeLimitMB=64",
                    "-master.electionTimeout=500ms", "-master.heartbeatInterval=100ms",
                    "-master.telemetry=false",
                    *self.options,
                ],
                cwd=self.folder, env=self._environment(), stdout=log, stderr=log,
            )  # fmt: skip
        self._wait_until_ready(time.monotonic() + patience_s)
        if '"fsync":  true' not in self.shell(_FLUSH, "fs.configure"):
            raise SeaweedFailed("it does not flush")

    def shell(self, *commands: str) -> str:
        """What `weed shell` prints for them."""
        master, filer = (
            f"127.0.0.1:{self.ports[f'{part}.port']}.{self.ports[f'{part}.port.grpc']}"
            for part in ("master", "filer")
        )
        done = subprocess.run(
            [WEED, "shell", f"-master={master}", f"-filer={filer}"],
            input="\n".join(["lock", *commands, "unlock", "exit", ""]).encode(),
            cwd=self.folder, env=self._environment(), capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        printed = (done.stdout + done.stderr).decode()
        if "error:" in printed:
            raise SeaweedFailed(printed)
        return printed

    def hang(self) -> None:
        """Stop answering, without a word, from now on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def wake(self) -> None:
        """Go on after `hang`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and see to it: it waits long for clients of its own parts."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.folder)}

    def _wait_until_ready(self, deadline: float) -> None:
        while not (self._answers("s3.port", "/status") and self._answers("filer.port", "/")):
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise SeaweedFailed((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def _answers(self, port: str, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code < 500
        except OSError:
            return False


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Seaweed]:
    """A server that is stopped afterwards."""
    server = Seaweed(folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _identities() -> dict[str, object]:
    """One account that may use buckets and not make them, as the product has; one that makes them."""
    uses = {
        "name": "imx",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Read", "Write", "List", "Tagging"],
    }
    owns = {
        "name": "owner",
        "credentials": [{"accessKey": _OWNER[0], "secretKey": _OWNER[1]}],
        "actions": ["Admin"],
    }
    return {"identities": [uses, owns]}
