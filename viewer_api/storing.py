"""Instances of a request's body, taken through the one door: what was kept, what failed and why."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from storage.errors import ArchiveError, Unavailable, Unreadable
from storage.ingest import Door, Incoming
from storage.origin import Origin
from storage.part10 import META_LIMIT_BYTES, read_meta
from storage.receipt import STORE_STATUS, Outcome, Receipt, outcome_of
from viewer_api.parts_in import BadMultipart, PartIn

#: Read before a part's file meta is looked at: ordinary ones are far smaller.
_HEAD_BYTES = 64 * 1024
_PREAMBLE_AND_GROUP_LENGTH = 144


@dataclass(frozen=True, slots=True)
class Kept:
    """An instance that the archive answers for."""

    sop_class_uid: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Failed:
    """An instance that was not kept; without UIDs where the part did not say them."""

    outcome: Outcome
    because: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""

    @property
    def reason(self) -> int:
        """Failure Reason (0008,1197)."""
        return STORE_STATUS[self.outcome]


@dataclass(slots=True)
class Report:
    """What became of a request's instances."""

    kept: list[Kept] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    @property
    def may_be_tried_again(self) -> bool:
        """Nothing was kept, and only because a part of the service is away."""
        return not self.kept and all(each.outcome is Outcome.TRY_AGAIN for each in self.failed)


@dataclass(frozen=True, slots=True)
class Storing:
    """Takes the parts of one request."""

    door: Door
    origin: Callable[[], Origin]
    study_uid: str | None = None  # of which all instances must be, where the request names one

    def take(self, parts: Iterator[PartIn]) -> Report:
        """Each part in turn: one that fails keeps no other from being kept.

        Raises BadMultipart only where nothing was taken before.
        """
        report = Report()
        try:
            for part in parts:
                result = self._part(part)
                if isinstance(result, Kept):
                    report.kept.append(result)
                else:
                    report.failed.append(result)
        except BadMultipart as error:
            if not (report.kept or report.failed):
                raise
            report.failed.append(Failed(Outcome.UNREADABLE, str(error)))
        return report

    def _part(self, part: PartIn) -> Kept | Failed:
        if part.media_type not in ("application/dicom", ""):
            return Failed(Outcome.UNREADABLE, "a part that is not application/dicom")
        head = _head(part.chunks)
        try:
            meta = read_meta(head)
        except Unreadable as error:
            return Failed(Outcome.UNREADABLE, str(error))
        incoming = Incoming(
            meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, study_uid=self.study_uid
        )
        data_set = chain((head[meta.data_offset :],), part.chunks)
        try:
            receipt = self.door.accept(incoming, data_set, self.origin())
        except BadMultipart:
            raise
        except ArchiveError as error:  # the door has recorded the attempt
            because = "a part of the service is away" if isinstance(error, Unavailable) else str(error)
            return Failed(outcome_of(error), because, meta.sop_class_uid, meta.sop_instance_uid)
        if receipt.outcome.is_kept:
            return Kept(meta.sop_class_uid, receipt)
        return Failed(receipt.outcome, receipt.because, meta.sop_class_uid, meta.sop_instance_uid)


def _head(chunks: Iterable[bytes]) -> bytes:
    """The first bytes of a Part 10 file, its file meta among them."""
    head = b""
    wanted = _HEAD_BYTES
    for chunk in chunks:
        head += chunk
        if len(head) >= _PREAMBLE_AND_GROUP_LENGTH:
            of_group = int.from_bytes(head[140:144], "little")
            wanted = min(max(_HEAD_BYTES, _PREAMBLE_AND_GROUP_LENGTH + of_group), META_LIMIT_BYTES)
        if len(head) >= wanted:
            break
    return head
