"""The port: what a source of studies must be able to do, however one speaks with it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from dicom_router.pulling.window import Window
from storage.ingest import Incoming
from storage.objects import Bytes
from storage.receipt import Receipt


class Way(Enum):
    """How a source is asked, and how its instances come."""

    GET = "get"  # C-FIND, and C-GET on associations of ours
    MOVE = "move"  # C-FIND, and C-MOVE to our own router
    DICOMWEB = "dicomweb"  # QIDO-RS and WADO-RS
    ORTHANC = "orthanc"  # its REST API and change feed


@dataclass(frozen=True, slots=True)
class StudyThere:
    """A study that the source says it has."""

    uid: str
    date: str = ""  # YYYYMMDD, empty where the source does not say
    instances: int | None = None  # as the source counts them; None where it does not say


@dataclass(frozen=True, slots=True)
class InstanceThere:
    """An instance that the source says it has."""

    uid: str
    sop_class: str = ""  # empty where the source does not say
    name: str = ""  # what the source calls it, where that is not its UID


@dataclass(frozen=True, slots=True)
class SeriesThere:
    """A series that the source says it has. `said` may differ from what it lists: it counts, or it lies."""

    uid: str
    said: int | None
    instances: tuple[InstanceThere, ...]

    @property
    def expected(self) -> int:
        """The larger of what it counts and what it lists."""
        return max(self.said or 0, len(self.instances))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is still missing of a series. The whole of it is asked for where none is named."""

    series_uid: str
    instances: tuple[InstanceThere, ...]
    is_whole: bool


class Take(Protocol):
    """Through the archive's door. Raises storage.errors.ArchiveError, and what `chunks` raises."""

    def __call__(self, incoming: Incoming, chunks: Iterable[Bytes]) -> Receipt:
        """Keep one instance."""


class Source(Protocol):
    """An archive that is pulled from. Every verb raises SourceAway and SourceFailed."""

    def ping(self) -> None:
        """Return where it answers at all."""

    def studies(self, window: Window) -> Iterator[StudyThere]:
        """The studies of a window, as they come; then CutShort where the source says there are more."""

    def contents(self, study_uid: str) -> Sequence[SeriesThere]:
        """What it has of a study."""

    def fetch(self, study_uid: str, wanted: Sequence[Wanted], take: Take) -> str:
        """Have these come, each through `take` unless they come to our router; what the source said.

        Whether they came is for the caller to find out: a source that says so may be wrong.
        """

    def close(self) -> None:
        """Hang up."""
