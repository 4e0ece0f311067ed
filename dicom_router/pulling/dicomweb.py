"""A DICOMweb service as a source: QIDO-RS says what it has, WADO-RS gives it (PS3.18 §10.4, §10.6)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx

from dicom_router.pulling.credentials import Credentials
from dicom_router.pulling.errors import CutShort, SourceAway, SourceFailed
from dicom_router.pulling.multipart import Multipart
from dicom_router.pulling.part10_files import take_file
from dicom_router.pulling.source import InstanceThere, SeriesThere, StudyThere, Take, Wanted
from dicom_router.pulling.window import Window
from storage.errors import BadInput

_STUDY, _SERIES, _CLASS, _INSTANCE = "0020000D", "0020000E", "00080016", "00080018"
_DATE, _STUDY_COUNT, _SERIES_COUNT = "00080020", "00201208", "00201209"

#: Asked for at a time; a service may give fewer.
PAGE = 200
CHUNK_BYTES = 256 * 1024
CONNECT_LIMIT_S = 15.0
ANSWER_LIMIT_S = 300.0  # between two pieces: some make an answer whole before they send it

#: As stored (PS3.18 §8.7.3.5.2).
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'

#: The service is there, and cannot answer now.
_LATER = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

Match = Mapping[str, Any]  # a data set in the DICOM JSON model (PS3.18 §F)


class DicomWebSource:
    """One service, by the URL below which its studies are."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        auth = httpx.BasicAuth(credentials.user, credentials.password) if credentials.user else None
        headers = {"Authorization": f"Bearer {credentials.token}"} if credentials.token else {}
        timeout = httpx.Timeout(ANSWER_LIMIT_S, connect=CONNECT_LIMIT_S)
        self._client = httpx.Client(auth=auth, headers=headers, timeout=timeout)
        self._url = url.rstrip("/")

    def ping(self) -> None:
        """Any answer at all will do."""
        try:
            self._client.get(f"{self._url}/studies", params={"limit": "1"})
        except httpx.HTTPError as error:
            raise SourceAway(f"no answer ({type(error).__name__})") from error

    def studies(self, window: Window) -> Iterator[StudyThere]:
        """Page by page, for as long as pages bring something new."""
        keys = {"includefield": _STUDY_COUNT}
        keys |= {"StudyDate": window.days} if window.days else {}
        keys |= {"StudyTime": window.times} if window.times else {}
        for match in self._search("studies", keys, _STUDY):
            yield StudyThere(_text(match, _STUDY), _text(match, _DATE), _number(match, _STUDY_COUNT))

    def contents(self, study_uid: str) -> Sequence[SeriesThere]:
        """Series by series; a service that gives only a part of the instances still counts them."""
        found = []
        below = f"studies/{study_uid}/series"
        for series in _gladly(self._search(below, {"includefield": _SERIES_COUNT}, _SERIES)):
            uid = _text(series, _SERIES)
            instances = tuple(
                InstanceThere(_text(each, _INSTANCE), _text(each, _CLASS))
                for each in _gladly(self._search(f"{below}/{uid}/instances", {}, _INSTANCE))
            )
            found.append(SeriesThere(uid, _number(series, _SERIES_COUNT), instances))
        return found

    def fetch(self, study_uid: str, wanted: Sequence[Wanted], take: Take) -> str:
        """Whole series as one stream, and of others each instance by itself."""
        said: list[str] = []
        for series in wanted:
            below = f"studies/{study_uid}/series/{series.series_uid}"
            paths = [below] if series.is_whole else [f"{below}/instances/{i.uid}" for i in series.instances]
            for path in paths:
                try:
                    said += self._retrieve(path, take)
                except SourceFailed as error:
                    said.append(str(error))
        return "; ".join(dict.fromkeys(said))

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _retrieve(self, path: str, take: Take) -> list[str]:
        """Why parts of the answer could not be kept."""
        unreadable = []
        with self._asked(path, {}, _AS_STORED) as answer:
            body = Multipart(answer.headers.get("Content-Type", ""), answer.iter_raw(CHUNK_BYTES))
            for part in body.parts():
                try:
                    take_file(part, take)
                except BadInput as error:
                    unreadable.append(str(error))
        return unreadable

    def _search(self, path: str, keys: Mapping[str, str], unique: str) -> Iterator[Match]:
        """What matches, once each. Raises CutShort where the service says, or shows, that there is more."""
        seen: set[str] = set()
        warning = ""
        while True:
            page = {"limit": str(PAGE), "offset": str(len(seen))}
            with self._asked(path, {**keys, **page}, "application/dicom+json") as answer:
                matches = _matches(answer)
                warning = answer.headers.get("Warning", "") if matches else warning
            fresh = [match for match in matches if _text(match, unique) not in seen]
            seen.update(_text(match, unique) for match in fresh)
            yield from (match for match in fresh if _text(match, unique))
            if not matches:
                break
            if not fresh:
                raise CutShort("the service gives its first page again and again")
        if warning.startswith("299") and "more" in warning.lower():  # of the last page (PS3.18 §8.3.4.4)
            raise CutShort("the service says that there are more")

    @contextmanager
    def _asked(self, path: str, keys: Mapping[str, str], accept: str) -> Iterator[httpx.Response]:
        try:
            request = self._client.build_request(
                "GET", f"{self._url}/{path}", params=keys, headers={"Accept": accept}
            )
            answer = self._client.send(request, stream=True)
            try:
                _require_success(answer)
                yield answer
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise SourceAway(f"the connection broke ({type(error).__name__})") from error


def _require_success(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    said = f"HTTP {answer.status_code} {answer.reason_phrase}"
    raise SourceAway(said) if answer.status_code in _LATER else SourceFailed(said)


def _matches(answer: httpx.Response) -> list[Match]:
    answer.read()
    if answer.status_code == HTTPStatus.NO_CONTENT or not answer.content:
        return []
    try:
        matches = answer.json()
    except ValueError as error:
        raise SourceFailed("the service answered a search with what is not JSON") from error
    if not isinstance(matches, list) or not all(isinstance(match, dict) for match in matches):
        raise SourceFailed("the service answered a search with what is not a list of data sets")
    return matches


def _gladly(matches: Iterator[Match]) -> Iterator[Match]:
    """As many as there are: what is missing from a list shows in the counts."""
    try:
        yield from matches
    except CutShort:
        return


def _text(match: Match, tag: str) -> str:
    values = match.get(tag, {}).get("Value") or [""]
    return str(values[0]) if isinstance(values[0], str | int) else ""


def _number(match: Match, tag: str) -> int | None:
    text = _text(match, tag)
    return int(text) if text.isascii() and text.isdigit() else None
