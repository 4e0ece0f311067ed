"""A DICOMweb server to talk to, and the study that is talked about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from conformance.dialogues.material import Sent
from conformance.dialogues.verdicts import Broken, NotAsked, NotOffered, Unreachable, hold

JSON = "application/dicom+json"
DICOM = "application/dicom"
#: What a server answers that declines (RFC 9110 §15.5).
DECLINED = (400, 404, 405, 406, 415, 501)

Match = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """An instance that the peer has, with all of its study's."""

    study: Match
    series: Match
    instance: Match
    instances: tuple[Match, ...]  # of the series

    @property
    def study_uid(self) -> str:
        return value(self.study, "0020000D")

    @property
    def series_path(self) -> str:
        return f"/studies/{self.study_uid}/series/{value(self.series, '0020000E')}"

    @property
    def path(self) -> str:
        return f"{self.series_path}/instances/{value(self.instance, '00080018')}"


@dataclass
class WebPeer:
    """Its client, and what we sent to it."""

    client: httpx.Client
    has_credentials: bool
    sent: Sent | None = None
    _example: Example | None = field(default=None, repr=False)

    def get(self, path: str, accept: str = JSON, **headers: str) -> httpx.Response:
        """Whatever it answers, but a fault of its own. Raises Broken."""
        answer = self.client.get(path, headers={"Accept": accept, **headers})
        hold(answer.status_code not in (500, 502, 504), f"status {answer.status_code}")
        return answer

    def offered(self, path: str, accept: str) -> httpx.Response:
        """A success. Raises NotOffered where it declines with a status for that, else Broken."""
        answer = self.get(path, accept)
        if answer.status_code in DECLINED:
            raise NotOffered(f"status {answer.status_code}")
        hold(answer.status_code in (200, 206), f"status {answer.status_code}")
        return answer

    def search(self, path: str) -> list[dict[str, Any]]:
        """Matches; none, where that is the answer (PS3.18 §10.6.3)."""
        answer = self.get(path)
        if answer.status_code == 204:
            return []
        hold(answer.status_code == 200, f"status {answer.status_code}")
        found = answer.json()
        hold(isinstance(found, list), "the answer is no JSON array")
        return list(found)

    def example(self) -> Example:
        """What we sent, else a small study with pixels that it has. Raises NotAsked."""
        if self._example is None:
            self._example = self._find()
        return self._example

    def _find(self) -> Example:
        wanted = f"?StudyInstanceUID={self.sent.study_uid}" if self.sent else "?limit=20"
        for study in self.search(f"/studies{wanted}"):
            path = f"/studies/{value(study, '0020000D')}"
            for series in self.search(f"{path}/series"):
                found = self.search(f"{path}/series/{value(series, '0020000E')}/instances")
                with_pixels = [each for each in found if "Value" in each.get("00280010", {})]
                if with_pixels and len(found) <= 500:
                    return Example(study, series, with_pixels[0], tuple(found))
        raise NotAsked("it has no study of pictures; --write sends one")


def reach(url: str, headers: Mapping[str, str], auth: tuple[str, str] | None) -> WebPeer:
    """A peer that answers a search. Raises Unreachable."""
    client = httpx.Client(base_url=url.rstrip("/"), headers=headers, auth=auth, timeout=60)
    peer = WebPeer(client, has_credentials=bool(headers or auth))
    try:
        answer = client.get("/studies?limit=1", headers={"Accept": JSON})
    except httpx.HTTPError as error:
        raise Unreachable(f"{url} does not answer: {type(error).__name__}") from error
    if answer.status_code in (401, 403):
        raise Unreachable(f"{url} does not let us in ({answer.status_code}): give --token or --user")
    if answer.status_code == 404:
        raise Unreachable(f"{url} has no DICOMweb service: studies are not found below it")
    return peer


def value(match: Match, tag: str) -> str:
    """The first value, as text. Raises Broken."""
    values = match.get(tag, {}).get("Value")
    if not values:
        raise Broken(f"an answer without {tag}")
    return str(values[0])


@dataclass(frozen=True, slots=True)
class Part:
    """One of a multipart body."""

    media_type: str
    content: bytes


def parts(answer: httpx.Response) -> list[Part]:
    """Of a multipart/related body (RFC 2387). Raises Broken."""
    content_type = answer.headers.get("content-type", "")
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    hold(content_type.lower().startswith("multipart/related"), "the body is not multipart/related")
    if boundary is None:
        raise Broken("multipart without a boundary")
    pieces = (b"\r\n" + answer.content).split(b"\r\n--" + boundary[1].encode())
    hold(pieces[-1].startswith(b"--"), "the body has no end")
    found = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        media = re.search(rb"(?im)^content-type:\s*(.+?)\s*$", head)
        found.append(Part(media[1].decode() if media else "", content))
    hold(found, "a multipart body without parts")
    return found
