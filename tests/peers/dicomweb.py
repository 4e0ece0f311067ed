"""A reader of our DICOMweb edge that takes answers apart by itself, as they stream in."""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.service import Service


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The data set of an instance that was given back, without its file meta information."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Reader:
    """One who may read, on connections that stay open."""

    client: httpx.Client

    def find_instance(self, sop_instance_uid: str) -> list[dict[str, Any]]:
        """QIDO-RS over all instances (PS3.18 §10.6)."""
        answer = self.client.get("/instances", params={"SOPInstanceUID": sop_instance_uid})
        answer.raise_for_status()
        return list(answer.json()) if answer.status_code == 200 else []

    def instances_of(self, study_uid: str) -> set[str]:
        """SOP Instance UIDs that QIDO-RS finds in a study."""
        answer = self.client.get(f"/studies/{study_uid}/instances", params={"limit": "10000"})
        answer.raise_for_status()
        found = answer.json() if answer.status_code == 200 else []
        return {match["00080018"]["Value"][0] for match in found}

    def retrieve(self, study_uid: str, series_uid: str, instance_uid: str, syntax: str = "*") -> Retrieved:
        """WADO-RS of one instance (PS3.18 §10.4), in the transfer syntax that is asked for."""
        accept = f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'
        path = f"/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}"
        with self.client.stream("GET", path, headers={"Accept": accept}) as answer:
            if answer.status_code != 200:
                raise LookupError(f"{answer.status_code}: {answer.read().decode(errors='replace')[:500]}")
            boundary = _boundary(answer.headers["content-type"])
            return _digest(_only_part(answer.iter_raw(), boundary))


@contextmanager
def reading(service: Service) -> Iterator[Reader]:
    """One who may read everything there."""
    headers = {"Authorization": f"Bearer {service.token()}", "Accept": "application/dicom+json"}
    with httpx.Client(base_url=f"{service.url}/dicom-web", headers=headers, timeout=120) as client:
        yield Reader(client)


def _boundary(content_type: str) -> bytes:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary":
            return value.strip('"').encode()
    raise AssertionError(f"no boundary in {content_type}")


def _only_part(chunks: Iterator[bytes], boundary: bytes) -> Iterator[bytes]:
    """The body of the one part of a multipart answer (RFC 2046 §5.1), as it comes."""
    opening, closing = b"--" + boundary, b"\r\n--" + boundary + b"--"
    held = b""
    while b"\r\n\r\n" not in held:
        held += next(chunks)
    head, _, held = held.partition(b"\r\n\r\n")
    assert opening in head, head
    for chunk in chunks:
        held += chunk
        ready = max(len(held) - len(closing) - 2, 0)  # the closing line, and a line end that may follow it
        yield held[:ready]
        held = held[ready:]
    body, found, rest = held.partition(closing)
    assert found, "the answer was cut"
    assert not rest.strip(), "more than one part"
    yield body


def _digest(part10: Iterator[bytes]) -> Retrieved:
    held = b""
    while len(held) < 144:
        held += next(part10)
    assert held[128:132] == b"DICM"
    assert held[132:140] == b"\x02\x00\x00\x00UL\x04\x00"  # File Meta Information Group Length (PS3.10 §7.1)
    to_skip = 144 + int(struct.unpack("<L", held[140:144])[0])
    digest, size = hashlib.sha256(), 0
    for chunk in _after(to_skip, held, part10):
        digest.update(chunk)
        size += len(chunk)
    return Retrieved(digest.hexdigest(), size)


def _after(to_skip: int, first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    held = first
    while len(held) < to_skip:
        held += next(others)
    yield held[to_skip:]
    yield from others
