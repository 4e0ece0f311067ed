"""A source of studies in memory, honest or not, and one that dies as it is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from dicom_router.pulling.errors import CutShort, SourceAway
from dicom_router.pulling.source import InstanceThere, SeriesThere, StudyThere, Take, Wanted
from dicom_router.pulling.window import Window
from storage.elements import EXPLICIT_LITTLE
from storage.ingest import Incoming
from tests.storage.material import instance as an_instance
from tests.storage.strategies import write


@dataclass
class MemorySource:
    """Studies by date, each of series of CT images."""

    limit: int | None = None  # studies in an answer
    says_when_cut: bool = True
    counts: bool = True  # it counts instances
    withheld: set[str] = field(default_factory=set)  # instances that it lists and does not send
    dies_after: int | None = None  # instances
    studies_there: dict[str, tuple[str, dict[str, dict[str, bytes]]]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    asked: list[Window] = field(default_factory=list)
    pinged: int = 0

    def add(self, number: int, day: str, *, series: int = 1, instances: int = 2) -> str:
        """A new study; its UID."""
        study = f"1.2.{number}"
        made: dict[str, dict[str, bytes]] = {}
        for each in range(1, series + 1):
            for instance in range(1, instances + 1):
                uid = f"{study}.{each}.{instance}"
                dataset = an_instance(
                    SOPInstanceUID=uid,
                    SeriesInstanceUID=f"{study}.{each}",
                    StudyInstanceUID=study,
                    StudyDate=day,
                )
                made.setdefault(f"{study}.{each}", {})[uid] = write(dataset, EXPLICIT_LITTLE).data
        self.studies_there[study] = (day, made)
        return study

    def ping(self) -> None:
        self.pinged += 1
        self.dies_after = None

    def studies(self, window: Window) -> Iterator[StudyThere]:
        self.asked.append(window)
        found = [
            StudyThere(uid, day, sum(map(len, series.values())) if self.counts else None)
            for uid, (day, series) in self.studies_there.items()
            if _is_within(day, window)
        ]
        yield from found[: self.limit]
        if self.limit is not None and len(found) > self.limit and self.says_when_cut:
            raise CutShort("C-FIND ended 0xA700")

    def contents(self, study_uid: str) -> Sequence[SeriesThere]:
        return [
            SeriesThere(
                uid,
                len(instances) if self.counts else None,
                tuple(InstanceThere(each, "1.2.840.10008.5.1.4.1.1.2") for each in instances),
            )
            for uid, instances in self.studies_there[study_uid][1].items()
        ]

    def fetch(self, study_uid: str, wanted: Sequence[Wanted], take: Take) -> str:
        there = self.studies_there[study_uid][1]
        for series in wanted:
            for each in series.instances:
                if each.uid in self.withheld:
                    continue
                if self.dies_after is not None and len(self.sent) >= self.dies_after:
                    raise SourceAway("the connection broke")
                incoming = Incoming(each.sop_class, each.uid, EXPLICIT_LITTLE)
                take(incoming, [there[series.series_uid][each.uid]])
                self.sent.append(each.uid)
        return ""

    def close(self) -> None:
        """Nothing is open."""


def _is_within(day: str, window: Window) -> bool:
    if window.is_open:
        return True
    if not day or window.minutes not in (None, (0, 1439)):
        return bool(day) and window.minutes is not None and window.minutes[0] == 0 and _on(day, window)
    return _on(day, window)


def _on(day: str, window: Window) -> bool:
    when = date.fromisoformat(day)
    return (window.first is None or window.first <= when) and (window.last is None or when <= window.last)
