"""A FHIR R4 server of somebody else's making (fhir_server.mjs), which may be killed and started again."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

HERE = Path(__file__).parent
PATIENCE_S = 180.0


@dataclass
class FhirServer:
    """One, with what it was told in a file."""

    journal: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its base."""
        return f"http://127.0.0.1:{self.port}/fhir/R4"

    def start(self) -> None:
        """Return when it answers."""
        # The flag is for Node.js 20: the package takes WebSocket for granted.
        command = ["node", "--experimental-websocket", "fhir_server.mjs", str(self.journal), str(self.port)]
        with self.journal.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=HERE, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/Patient", timeout=10).raise_for_status()
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.journal.with_suffix(".log").read_text())

    def kill(self) -> None:
        """At once, whatever it is doing."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def serving(self) -> Iterator["FhirServer"]:
        """Until the end of the block."""
        try:
            self.start()
            yield self
        finally:
            self.kill()

    def find(self, kind: str, **asked: str) -> list[dict[str, Any]]:
        """What a search gives."""
        answer = httpx.get(f"{self.url}/{kind}", params={**asked, "_count": "1000"}, timeout=30)
        answer.raise_for_status()
        return [each["resource"] for each in answer.json().get("entry", [])]

    def read(self, place: str) -> list[dict[str, Any]]:
        """What is at an address, or is found by a search of that address; nothing where it is not."""
        kind, _, asked = place.partition("?identifier=")
        if asked:
            return self.find(kind, identifier=asked)
        answer = httpx.get(f"{self.url}/{place}", timeout=30)
        return [answer.json()] if answer.is_success else []

    def places(self, *kinds: str) -> list[str]:
        """All that there is of some kinds."""
        return sorted(f"{kind}/{each['id']}" for kind in kinds for each in self.find(kind))
