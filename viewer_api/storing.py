"""Instances of a request's body, taken through the one door: what was kept, what failed and why.

Small instances go through the door a few at a time: while one is flushed, the next is read from the network
and digested. A larger one passes as it comes, alone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import chain

from storage.errors import ArchiveError, Unavailable, Unreadable
from storage.ingest import Door, Incoming
from storage.objects import Bytes
from storage.origin import Origin
from storage.part10 import META_LIMIT_BYTES, read_meta
from storage.receipt import STORE_STATUS, Outcome, Receipt, outcome_of
from viewer_api.parts_in import BadMultipart, PartIn

#: Read before a part's file meta is looked at: ordinary ones are far smaller.
_HEAD_BYTES = 64 * 1024
_PREAMBLE_AND_GROUP_LENGTH = 144
#: An instance up to here is held in memory, and passes beside others of its request.
_HELD_BYTES = 1024 * 1024
#: Of one request, at one time.
IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Kept:
    """An instance that the archive answers for."""

    sop_class_uid: str
    receipt: Receipt
    is_added_to: bool = False  # it says more than its sender did


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


Result = Kept | Failed


@dataclass(slots=True)
class Report:
    """What became of a request's instances, in their order."""

    results: list[Result] = field(default_factory=list)

    @property
    def kept(self) -> list[Kept]:
        """Those that the archive answers for."""
        return [each for each in self.results if isinstance(each, Kept)]

    @property
    def failed(self) -> list[Failed]:
        """The others."""
        return [each for each in self.results if isinstance(each, Failed)]

    @property
    def may_be_tried_again(self) -> bool:
        """Nothing was kept, and only because a part of the service is away."""
        return all(isinstance(each, Failed) and each.outcome is Outcome.TRY_AGAIN for each in self.results)


@dataclass(frozen=True, slots=True)
class Storing:
    """Takes the parts of one request."""

    door: Door
    origin: Callable[[], Origin]
    lanes: Executor
    study_uid: str | None = None  # of which all instances must be, where the request names one

    def take(self, parts: Iterator[PartIn]) -> Report:
        """Each part in turn: one that fails keeps no other from being kept.

        Raises BadMultipart only where nothing was taken before, and what the body raises; what was taken then
        is kept.
        """
        results: list[Result | Future[Result]] = []
        flying: deque[Future[Result]] = deque()
        broken: BadMultipart | None = None
        try:
            for part in parts:
                result = self._part(part)
                results.append(result)
                if isinstance(result, Future):
                    flying.append(result)
                    if len(flying) >= IN_FLIGHT:
                        flying.popleft().result()
        except BadMultipart as error:
            broken = error
        finally:
            for future in flying:
                future.result()
        if broken is not None and not results:
            raise broken
        report = Report([each.result() if isinstance(each, Future) else each for each in results])
        if broken is not None:
            report.results.append(Failed(Outcome.UNREADABLE, str(broken)))
        return report

    def _part(self, part: PartIn) -> Result | Future[Result]:
        if part.media_type not in ("application/dicom", ""):
            return Failed(Outcome.UNREADABLE, "a part that is not application/dicom")
        head = _head(part.chunks)
        try:
            meta = read_meta(bytes(head[: _meta_bytes(head)]))
        except Unreadable as error:
            return Failed(Outcome.UNREADABLE, str(error))
        incoming = Incoming(
            meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, study_uid=self.study_uid
        )
        held: list[Bytes] = [memoryview(head)[meta.data_offset :]]
        size = len(head)
        for chunk in part.chunks:
            held.append(chunk)
            size += len(chunk)
            if size > _HELD_BYTES:
                return self.keep(incoming, chain(held, part.chunks))
        return self.lanes.submit(self.keep, incoming, held)

    def keep(self, incoming: Incoming, data_set: Iterable[Bytes]) -> Result:
        """Through the door. Raises BadMultipart where the body that brings it breaks off."""
        try:
            receipt = self.door.accept(incoming, data_set, self.origin())
        except BadMultipart:
            raise
        except ArchiveError as error:  # the door has recorded the attempt
            return failed_by(error, incoming.sop_class_uid, incoming.sop_instance_uid)
        if receipt.outcome.is_kept:
            return Kept(incoming.sop_class_uid, receipt)
        return Failed(receipt.outcome, receipt.because, incoming.sop_class_uid, incoming.sop_instance_uid)


def failed_by(error: ArchiveError, sop_class_uid: str = "", sop_instance_uid: str = "") -> Failed:
    """An instance that met an error."""
    because = "a part of the service is away" if isinstance(error, Unavailable) else str(error)
    return Failed(outcome_of(error), because, sop_class_uid, sop_instance_uid)


def _head(chunks: Iterable[Bytes]) -> Bytes:
    """The first bytes of a Part 10 file, its file meta among them."""
    head: Bytes = b""
    for chunk in chunks:
        head = bytes(head) + chunk if head else chunk
        if len(head) >= _meta_bytes(head):
            break
    return head


def _meta_bytes(head: Bytes) -> int:
    """How much of a Part 10 file is read for its file meta."""
    of_group = int.from_bytes(head[140:144], "little")
    return min(max(_HEAD_BYTES, _PREAMBLE_AND_GROUP_LENGTH + of_group), META_LIMIT_BYTES)
