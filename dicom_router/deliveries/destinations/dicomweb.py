"""A DICOMweb service: STOW-RS to send (PS3.18 §10.5), QIDO-RS to ask (§10.6)."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any
from uuid import uuid4

import httpx

from dicom_router.deliveries.destinations.part10 import file_of, size_of
from dicom_router.deliveries.destinations.port import CutOff, NotReached, Sent
from dicom_router.deliveries.destinations.secrets import secret_of
from dicom_router.storing import Reader
from exchange.destinations import Entry
from storage.errors import ArchiveError
from storage.leaving import Leaving

#: A request carries small instances up to so many and so large; a larger one goes alone.
REQUEST_INSTANCES = 50
REQUEST_BYTES = 16 * 1024 * 1024

CONNECT_S = 15.0
ANSWER_S = 600.0  # a service may flush a large object before it answers

#: Answers to a search are asked for in pages.
PAGE = 1000

#: HTTP statuses of a service, or of the proxy before it, that takes nothing now.
_ILL = frozenset({429, 502, 503, 504, 507})

_DICOM_JSON = "application/dicom+json"


class DicomWebDestination:
    """See Destination."""

    def __init__(self, entry: Entry, reader: Reader) -> None:
        self._reader = reader
        secret = secret_of(entry)
        authentication = httpx.BasicAuth(entry.account, secret) if entry.account else None
        headers = {"Authorization": f"Bearer {secret}"} if secret and not entry.account else {}
        self._client = httpx.Client(
            base_url=entry.address.rstrip("/"),
            auth=authentication,
            headers={**headers, "Accept": _DICOM_JSON},
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        )

    def send(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        """See Destination.send."""
        for request in requests_of(instances):
            yield from self._store(request)

    def holds(self, instances: Sequence[Leaving]) -> frozenset[str]:
        """See Destination.holds."""
        studies = {each.stored.study_uid for each in instances}
        return frozenset(uid for study in studies for uid in self._held(study))

    def close(self) -> None:
        """See Destination.close."""
        self._client.close()

    def _store(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        """One request (PS3.18 §10.5.1)."""
        boundary = uuid4().hex
        headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}'}
        length = _length(instances, boundary)
        if length is not None:  # not every service takes a body in chunks
            headers["Content-Length"] = str(length)
        try:
            answer = self._client.post(
                "/studies", content=_body(instances, boundary, self._reader), headers=headers
            )
        except _Unreadable as error:
            # Part of it has left: the service drops a request that ends early, and the others go alone.
            yield Sent(error.uid, is_kept=False, because=str(error))
            rest = [each for each in instances if each.stored.uid != error.uid]
            if rest:
                yield from self._store(rest)
            return
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise NotReached(f"nobody answers at its address ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise CutOff(f"it broke off in the middle ({type(error).__name__})") from error
        yield from read_answer(answer.status_code, answer.content, [each.stored.uid for each in instances])

    def _held(self, study_uid: str) -> Iterator[str]:
        offset = 0
        while True:
            keys: Mapping[str, str | int] = {"limit": PAGE, "offset": offset}
            try:
                answer = self._client.get(f"/studies/{study_uid}/instances", params=keys)
                found = answer.json() if answer.status_code == HTTPStatus.OK else []
            except (httpx.HTTPError, ValueError) as error:
                raise NotReached(f"it cannot be asked what it holds ({type(error).__name__})") from error
            if answer.status_code not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
                raise NotReached(f"it cannot be asked what it holds: HTTP {answer.status_code}")
            uids = [_text(each, "00080018") for each in found]
            yield from uids
            offset += len(uids)
            if not uids:
                return


class _Unreadable(Exception):
    """An instance that cannot be read here, found while the request was on its way."""

    def __init__(self, uid: str, error: ArchiveError) -> None:
        super().__init__(f"it cannot be read here: {error}")
        self.uid = uid


def requests_of(instances: Sequence[Leaving]) -> Iterator[list[Leaving]]:
    """In as few requests as their number and size allow. Of one study each: some services take no others."""
    for _, of_study in groupby(instances, key=lambda each: each.stored.study_uid):
        request: list[Leaving] = []
        size = 0
        for each in of_study:
            if request and (len(request) >= REQUEST_INSTANCES or size + each.stored.size > REQUEST_BYTES):
                yield request
                request, size = [], 0
            request.append(each)
            size += each.stored.size
        yield request


def _body(instances: Sequence[Leaving], boundary: str, reader: Reader) -> Iterator[bytes]:
    """A part for each, as it is read (RFC 2046 §5.1.1, PS3.18 §8.6.1)."""
    for each in instances:
        yield _part_head(each, boundary)
        try:
            yield from file_of(each, reader)
        except ArchiveError as error:
            raise _Unreadable(each.stored.uid, error) from error
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _length(instances: Sequence[Leaving], boundary: str) -> int | None:
    sizes = [size_of(each) for each in instances]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    heads = sum(len(_part_head(each, boundary)) + 2 for each in instances)
    return sum(known) + heads + len(boundary) + 6


def _part_head(leaving: Leaving, boundary: str) -> bytes:
    kind = f"application/dicom; transfer-syntax={leaving.transfer_syntax}"
    return f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()


def read_answer(status: int, body: bytes, uids: Sequence[str]) -> Iterator[Sent]:
    """What the service says of each instance (PS3.18 §10.5.3). Raises NotReached where it takes none now."""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise NotReached(f"it refuses our credentials (HTTP {status}): look at its account and secret file")
    failed = _failures(body)
    if status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        for uid in uids:
            reason = failed.get(uid)
            yield Sent(uid, is_kept=uid not in failed, because=_words(reason), is_ill=_is_ill(reason))
        return
    for uid in uids:
        because = _words(failed[uid]) if uid in failed else f"HTTP {status}"
        yield Sent(uid, is_kept=False, because=because, is_ill=status in _ILL or _is_ill(failed.get(uid)))


def _failures(body: bytes) -> dict[str, int | None]:
    """The Failed SOP Sequence (0008,1198) of an answer: UID to Failure Reason (0008,1197)."""
    try:
        said = httpx.Response(HTTPStatus.OK, content=body).json()
    except ValueError:
        return {}
    answer = said[0] if isinstance(said, list) and said else said
    if not isinstance(answer, dict):
        return {}
    found: dict[str, int | None] = {}
    for item in answer.get("00081198", {}).get("Value", []):
        reason = item.get("00081197", {}).get("Value", [None])[0]
        found[_text(item, "00081155")] = reason if isinstance(reason, int) else None
    return found


def _text(match: Mapping[str, Any], tag: str) -> str:
    return str((match.get(tag, {}).get("Value") or [""])[0])


def _is_ill(reason: int | None) -> bool:
    """Out of resources (PS3.18 §I.2.2, as PS3.4 §B.2.3)."""
    return reason is not None and reason >> 8 == 0xA7


def _words(reason: int | None) -> str:
    return "it gives no reason" if reason is None else f"failure 0x{reason:04X}"
