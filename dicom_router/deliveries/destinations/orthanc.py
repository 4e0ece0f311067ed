"""Orthanc, through its REST API and its own client."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

from orthanc_api_client import exceptions as orthanc
from orthanc_api_client.api_client import OrthancApiClient

from dicom_router.deliveries.destinations.part10 import file_of, size_of
from dicom_router.deliveries.destinations.port import CutOff, NotReached, Sent
from dicom_router.deliveries.destinations.secrets import secret_of
from dicom_router.storing import Reader
from exchange.destinations import Entry
from storage.errors import ArchiveError
from storage.leaving import Leaving

TIMEOUT_S = (15.0, 600.0)  # to connect, and between two pieces: it may flush a large object

#: HTTP statuses of a server, or of the proxy before it, that takes nothing now.
_ILL = frozenset({429, 502, 503, 504, 507})


class OrthancDestination:
    """See Destination."""

    def __init__(self, entry: Entry, reader: Reader) -> None:
        self._reader = reader
        secret = secret_of(entry)
        url = entry.address.rstrip("/") + "/"
        headers = {"Authorization": f"Bearer {secret}"} if secret and not entry.account else None
        self._client = OrthancApiClient(url, user=entry.account or None, pwd=secret or None, headers=headers)

    def send(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        """See Destination.send."""
        for each in instances:
            yield self._send(each)

    def holds(self, instances: Sequence[Leaving]) -> frozenset[str]:
        """See Destination.holds."""
        studies = {each.stored.study_uid for each in instances}
        return frozenset(uid for study in studies for uid in self._held(study))

    def close(self) -> None:
        """See Destination.close."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _send(self, leaving: Leaving) -> Sent:
        uid = leaving.stored.uid
        try:
            with self._content(leaving) as content:
                self._post("instances", data=content)
        except ArchiveError as error:
            return Sent(uid, is_kept=False, because=f"it cannot be read here: {error}")
        except _Refused as error:
            return Sent(uid, is_kept=False, because=str(error), is_ill=error.status in _ILL)
        return Sent(uid, is_kept=True)

    def _post(self, path: str, **body: Any) -> Any:
        with _mapped():
            answer = self._client.post(path, timeout=TIMEOUT_S, **body)
        if answer is None:  # the client's word for an error that it does not know
            raise CutOff("it broke off")
        return answer

    @contextmanager
    def _content(self, leaving: Leaving) -> Iterator[Any]:
        """The file in pieces, with its length: Orthanc takes no body without one."""
        size = size_of(leaving)
        if size is not None:
            yield _Body(lambda: file_of(leaving, self._reader), size)
            return
        with TemporaryFile() as spooled:
            for piece in file_of(leaving, self._reader):
                spooled.write(piece)
            spooled.seek(0)
            yield spooled

    def _held(self, study_uid: str) -> Iterator[str]:
        query = {"Level": "Instance", "Expand": True, "Query": {"StudyInstanceUID": study_uid}}
        try:
            answer = self._post("tools/find", json=query).json()
        except (_Refused, CutOff, ValueError) as error:
            raise NotReached(f"it cannot be asked what it holds: {error}") from error
        for found in answer:
            yield str(found.get("MainDicomTags", {}).get("SOPInstanceUID", ""))


class _Body:
    """Pieces of a known length, as the HTTP client takes them: anew each time, since it may try again."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], length: int) -> None:
        self._pieces = pieces
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()


class _Refused(Exception):
    """An HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@contextmanager
def _mapped() -> Iterator[None]:
    """The client's errors as ours. Their texts hold what the server said, so they are not passed on."""
    try:
        yield
    except orthanc.NotAuthorized as error:
        raise NotReached("it refuses our credentials: look at its account and secret file") from error
    except orthanc.HttpError as error:
        raise _Refused(error.http_status_code or 0) from error
    except orthanc.ConnectionError as error:
        raise NotReached("nobody answers at its address") from error
    except orthanc.OrthancApiException as error:
        raise CutOff(f"it broke off ({type(error).__name__})") from error
