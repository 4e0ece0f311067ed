"""Orthanc as a source, by its own REST API: its change feed tells a mirror what is new."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from orthanc_api_client.api_client import OrthancApiClient
from orthanc_api_client.change import ChangeType
from orthanc_api_client.exceptions import HttpError, OrthancApiException, ResourceNotFound

from dicom_router.pulling.credentials import Credentials
from dicom_router.pulling.errors import SourceAway, SourceFailed
from dicom_router.pulling.part10_files import take_file
from dicom_router.pulling.source import InstanceThere, SeriesThere, StudyThere, Take, Wanted
from dicom_router.pulling.window import Window
from storage.errors import BadInput

#: Resources, and changes, asked for at a time.
PAGE = 500
CHUNK_BYTES = 256 * 1024
TIMEOUT_S = (15.0, 300.0)  # to connect, and between two pieces


class OrthancSource:
    """One Orthanc, by the URL of its REST API."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._client = OrthancApiClient(
            url.rstrip("/") + "/",
            user=credentials.user or None,
            pwd=credentials.password or None,
            api_token=credentials.token or None,
        )

    def ping(self) -> None:
        """Its version."""
        self._json("system")

    def place(self) -> int:
        """Where its change feed stands now."""
        return int(self._json("changes?last")["Last"])

    def changed(self, since: int) -> Iterator[tuple[int, StudyThere]]:
        """The studies in which something is new since a place of the feed, each with its own place.

        New instances are what counts: Orthanc forgets at a restart which studies were to become stable.
        """
        done = False
        while not done:
            with mapped_errors():
                changes, since, done = self._client.get_changes(since, PAGE)
            for change in changes:
                if change.change_type == ChangeType.NEW_INSTANCE and (study := self._of(change.resource_id)):
                    yield change.sequence_id, study

    def studies(self, window: Window) -> Iterator[StudyThere]:
        """Every study, a page at a time; those of the window."""
        since = 0
        while page := self._json(f"studies?expand&since={since}&limit={PAGE}"):
            since += len(page)
            for each in page:
                study = _study(each)
                if window.is_open or _is_within(study.date, window):
                    yield study

    def contents(self, study_uid: str) -> Sequence[SeriesThere]:
        """All that it lists; it has no other way to count."""
        number = self._study_number(study_uid)
        uids = {
            each["ID"]: str(each["MainDicomTags"].get("SeriesInstanceUID", ""))
            for each in self._json(f"studies/{number}/series")
        }
        found: dict[str, list[InstanceThere]] = {uid: [] for uid in uids.values()}
        for each in self._json(f"studies/{number}/instances"):
            uid = str(each["MainDicomTags"].get("SOPInstanceUID", ""))
            found.setdefault(uids.get(each["ParentSeries"], ""), []).append(
                InstanceThere(uid, name=str(each["ID"]))
            )
        return [SeriesThere(uid, None, tuple(instances)) for uid, instances in found.items()]

    def fetch(self, study_uid: str, wanted: Sequence[Wanted], take: Take) -> str:
        """Each instance as the file that it keeps."""
        said = []
        for each in (instance for series in wanted for instance in series.instances):
            try:
                with mapped_errors():
                    answer = self._client.get(f"instances/{each.name}/file", stream=True, timeout=TIMEOUT_S)
                    with answer:
                        take_file(answer.iter_content(CHUNK_BYTES), take)
            except (SourceFailed, BadInput) as error:
                said.append(str(error))
        return "; ".join(dict.fromkeys(said))

    def close(self) -> None:
        """Hang up."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _study_number(self, study_uid: str) -> str:
        with mapped_errors():
            number = self._client.studies.lookup(study_uid)
        if not number:
            raise SourceFailed("the source has this study no longer")
        return str(number)

    def _of(self, instance: str) -> StudyThere | None:
        """The study of an instance; None where either has been deleted meanwhile."""
        try:
            return _study(self._json(f"instances/{instance}/study"))
        except SourceFailed:
            return None

    def _json(self, path: str) -> Any:
        with mapped_errors():
            return self._client.get_json(path, timeout=TIMEOUT_S)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Orthanc's errors as ours. What its answers may hold of a patient stays out of the text."""
    try:
        yield
    except ResourceNotFound as error:
        raise SourceFailed("HTTP 404 Not Found") from error
    except HttpError as error:
        said = f"HTTP {error.http_status_code}"
        is_later = error.http_status_code in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
        raise SourceAway(said) if is_later else SourceFailed(said) from error
    except (OrthancApiException, OSError) as error:  # requests' own errors are OSErrors
        raise SourceAway(f"the connection broke ({type(error).__name__})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SourceFailed("an answer that is not Orthanc's") from error


def _study(said: Mapping[str, Any]) -> StudyThere:
    tags = said["MainDicomTags"]
    return StudyThere(str(tags.get("StudyInstanceUID", "")), str(tags.get("StudyDate", "")))


def _is_within(day: str, window: Window) -> bool:
    first = f"{window.first:%Y%m%d}" if window.first else ""
    last = f"{window.last:%Y%m%d}" if window.last else "99999999"
    return bool(day) and first <= day <= last
