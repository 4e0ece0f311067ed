"""What a viewer asks of DICOMweb, one case a question, and whether what it hears is right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.readers import NotRead, Server

_JSON = "application/dicom+json"
_FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
_INSTANCE = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'


@dataclass(frozen=True, slots=True)
class Series:
    """The one long series."""

    study_uid: str
    uid: str
    instances: tuple[str, ...]

    @property
    def path(self) -> str:
        """Below the DICOMweb root."""
        return f"/studies/{self.study_uid}/series/{self.uid}"

    def instance(self, number: int) -> str:
        """The path of one of them, all of which have their turn."""
        return f"{self.path}/instances/{self.instances[number * 7 % len(self.instances)]}"


@dataclass(frozen=True, slots=True)
class Case:
    """One question, and how long we may take for it, of Orthanc's time."""

    name: str
    path: Callable[[Series, int], str]
    accept: str
    at_most: float | None  # None: shown, no promise
    matches: int | None = None  # of a search; None: of other questions, and of one answer for each instance
    is_search: bool = False


def _search(name: str, query: str, at_most: float, matches: int = 100) -> Case:
    return Case(name, lambda _series, _number: f"/studies?{query}", _JSON, at_most, matches, is_search=True)


CASES = (
    _search("search of 100 studies", "limit=100", 1 / 10),
    _search("by date and modality", "StudyDate=20260102&ModalitiesInStudy=MR", 1 / 5),
    _search("by name wildcard", "PatientName=Day001*", 1 / 5),
    Case("metadata of the series", lambda series, _: f"{series.path}/metadata", _JSON, 1 / 10),
    Case("instances of the series", lambda series, _: f"{series.path}/instances", _JSON, 1 / 10),
    Case("one frame", lambda series, number: f"{series.instance(number)}/frames/1", _FRAME, 1 / 10),
    Case("one instance", lambda series, number: series.instance(number), _INSTANCE, 1 / 10),
    Case("rendered", lambda series, number: f"{series.instance(number)}/rendered", "image/jpeg", 1 / 2),
)


def series_of(server: Server, study_uid: str) -> Series:
    """The long one, as a server tells."""
    with _client(server) as client:
        (series,) = client.get(f"/studies/{study_uid}/series").raise_for_status().json()
        uid = series["0020000E"]["Value"][0]
        answer = client.get(f"/studies/{study_uid}/series/{uid}/instances").raise_for_status()
        return Series(study_uid, uid, tuple(each["00080018"]["Value"][0] for each in answer.json()))


def look(server: Server, case: Case, series: Series) -> None:
    """Read one answer with care, for once. Raises NotRead where it is not what was asked for."""
    with _client(server) as client:
        answer = client.get(case.path(series, 0), headers={"Accept": case.accept})
    if answer.status_code != 200:
        raise NotRead(f"{server.name}, {case.name}: {answer.status_code}")
    if case.accept == _JSON:
        found: list[dict[str, Any]] = answer.json()
        wanted = len(series.instances) if case.matches is None else case.matches
        if len(found) != wanted:
            raise NotRead(f"{server.name}, {case.name}: {len(found)} answers, not {wanted}")
    elif len(answer.content) < (10_000 if case.accept == "image/jpeg" else 512 * 1024):
        raise NotRead(f"{server.name}, {case.name}: {len(answer.content)} bytes")


def _client(server: Server) -> httpx.Client:
    url = f"http://127.0.0.1:{server.port}{server.root}"
    return httpx.Client(base_url=url, headers={**server.headers, "Accept": _JSON}, timeout=120)
