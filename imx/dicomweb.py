"""A small DICOMweb client on the standard library: search and retrieve (PS3.18 §10.4, §10.6)."""

import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

ANSWER_LIMIT_S = 120.0

Match = Mapping[str, Any]  # one data set in the DICOM JSON model (PS3.18 §F)


class DicomWebError(Exception):
    """The service cannot be reached, refuses, or answers with something else."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart answer."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to, and what the service said of its completeness (PS3.18 §8.3.4.4)."""

    matches: Sequence[Match]
    warning: str = ""


class DicomWeb:
    """One connection to a DICOMweb service, kept open between requests. Not for several threads."""

    def __init__(self, at: str, token: str = "") -> None:
        parts = urlsplit(at.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DicomWebError(f"{at!r} is not an address such as http://localhost:8080/dicom-web")
        try:
            port = parts.port
        except ValueError as error:
            raise DicomWebError(f"{at!r} has a port that cannot be") from error
        if re.search(r"[^\x21-\x7e]", token):
            raise DicomWebError("the token holds a character that no token has")
        self._path = parts.path
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._host = f"{parts.scheme}://{parts.netloc}"
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(
                parts.hostname, port, timeout=ANSWER_LIMIT_S, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=ANSWER_LIMIT_S)

    def __enter__(self) -> "DicomWeb":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def search(self, what: str, keys: Sequence[tuple[str, str]]) -> Found:
        """The data sets that match (QIDO-RS, PS3.18 §10.6); `what` is studies, series or instances."""
        path = f"{self._path}/{what}?{urlencode(keys)}"
        status, headers, body = self._get(path, "application/dicom+json")
        warning = headers.get("Warning", "")
        if status == http.HTTPStatus.NO_CONTENT:
            return Found((), warning)
        try:
            matches = json.loads(body)
        except ValueError as error:
            raise DicomWebError(f"{self._host} answered a search with what is not JSON") from error
        if not isinstance(matches, list):
            raise DicomWebError(f"{self._host} answered a search with what is not a list")
        return Found(matches, warning)

    def retrieve(self, path: str, transfer_syntax: str = "*") -> Iterator[Part]:
        """The instances at a path, as DICOM files in a transfer syntax, `*` as stored (PS3.18 §10.4)."""
        accept = f'multipart/related; type="application/dicom"; transfer-syntax={transfer_syntax}'
        _, headers, body = self._get(f"{self._path}/{path}", accept)
        return parts_of(headers.get("Content-Type", ""), body)

    def _get(self, path: str, accept: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {**self._headers, "Accept": accept}
        for last in (False, True):
            fresh = self._connection.sock is None
            try:
                self._connection.request("GET", path, headers=headers)
                response = self._connection.getresponse()
                body = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                # a connection kept open may have been closed by the other end meanwhile: once more, afresh
                if fresh or last:
                    raise DicomWebError(f"cannot reach {self._host}: {_words(error)}") from error
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise DicomWebError(f"{self._host} answered {response.status} {response.reason}{_said(body)}")
        return response.status, response.headers, body


def parts_of(content_type: str, body: bytes) -> Iterator[Part]:
    """The parts of a multipart/related body (RFC 2046 §5.1.1). A body of another type is one part."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.lower().startswith("multipart/") or boundary is None:
        yield Part(content_type, body)
        return
    delimiter = b"\r\n--" + boundary[1].strip().encode("latin-1")
    pieces = (b"\r\n" + body).split(delimiter)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        head, separator, content = piece.partition(b"\r\n\r\n")
        if not separator:
            raise DicomWebError("a part of the answer has no header")
        kind = re.search(rb"(?im)^content-type:\s*(.*?)\s*$", head)
        yield Part(kind[1].decode("latin-1") if kind else "", content)
    raise DicomWebError("the answer was cut: its last boundary is missing")


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _said(body: bytes) -> str:
    """What the service said of a refusal, when it did so in a line or in JSON."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    if isinstance(said, dict):
        for name in ("detail", "message", "error", "title"):
            if isinstance(said.get(name), str):
                return f": {said[name]}"
    return ""
