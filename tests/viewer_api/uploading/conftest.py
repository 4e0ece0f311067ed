"""Somebody who may contribute, and a client that speaks tus."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from exchange.policy import Role
from exchange.registry import PostgresRegistry, Trust
from tests.viewer_api.conftest import Place, bearer

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**pairs: str) -> str:
    """A value that is empty may be left out, with the blank before it."""
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in pairs.items()}
    return ",".join(f"{name} {value}".strip() for name, value in encoded.items())


@dataclass
class Client:
    """A few words of the protocol."""

    http: httpx.Client
    headers: dict[str, str] = field(default_factory=dict)

    def begin(self, length: int, **more: str) -> httpx.Response:
        headers = {**self.headers, **TUS, "Upload-Length": str(length), **more}
        return self.http.post("/uploads", headers=headers)

    def begun(self, length: int, **more: str) -> str:
        answer = self.begin(length, **more)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def send(self, url: str, offset: int, content: Any, **more: str) -> httpx.Response:
        headers = {**self.headers, **BYTES, "Upload-Offset": str(offset), **more}
        return self.http.patch(url, headers=headers, content=content)

    def offset(self, url: str) -> int:
        answer = self.http.head(url, headers={**self.headers, **TUS})
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    def remove(self, url: str) -> httpx.Response:
        return self.http.delete(url, headers={**self.headers, **TUS})

    def shown(self, url: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(url, headers=self.headers).json()
        return found

    def upload(self, content: bytes, name: str = "file.bin") -> str:
        url = self.begun(len(content), **{"Upload-Metadata": metadata(filename=name)})
        assert self.send(url, 0, content).status_code == 204
        return url


@pytest.fixture
def trust(place: Place) -> Trust:
    """The trust for which the contributors keep."""
    found = Trust("RBS", "Children's", "RBS")
    PostgresRegistry(place.ingest.index.pool).add_trust(found)
    return found


Someone = Callable[[str], Client]


@pytest.fixture
def someone(place: Place, trust: Trust, closed_api: httpx.Client) -> Someone:
    """A contributor of that name, with a token."""

    def made(name: str) -> Client:
        return Client(closed_api, bearer(place, Role.CONTRIBUTOR, name, trust.ods_code))

    return made


@pytest.fixture
def client(someone: Someone) -> Client:
    return someone("robin")
