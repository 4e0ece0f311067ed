"""C-STORE requests of ours (PS3.4 §B.2, PS3.7 §9.1.1), on an association that either side asked for.

The peer answers one before the next is sent. While it works, the next is read; nothing larger than a few
pieces of one instance is ever held.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dicom_router.commands import Command, Originator, Priority, write_store_request
from dicom_router.contexts import Context, name_of
from dicom_router.pdus import Buffer, data_pdus, p_data
from dicom_router.proposing import context_for
from storage.errors import ArchiveError
from storage.leaving import Leaving, leaving_data_set
from storage.objects import ObjectStore
from storage.transcoding import Transcoder

#: Small pieces are put together up to here before they are sent, and what is read ahead is no more than
#: one chunk of the object store beyond it.
BLOCK_BYTES = 256 * 1024

#: Statuses under which the peer has kept the instance, though it warns (PS3.4 §B.2.3, PS3.7 §C.3).
_WARNINGS = frozenset({0x0001, 0x0107, 0x0116})


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one instance: the peer's status, or why it was not sent at all."""

    uid: str
    status: int | None  # None: not sent, or not in whole
    because: str = ""

    @property
    def is_kept(self) -> bool:
        """The peer answers for it: with success, or a warning."""
        return self.status == 0 or self.is_warning

    @property
    def is_warning(self) -> bool:
        """The peer kept it, and has something to say about it."""
        return self.status is not None and (self.status >> 12 == 0xB or self.status in _WARNINGS)


class BrokenOff(Exception):
    """An instance of which a part was sent cannot be read on; only an abort can end its message."""

    def __init__(self, sent: Sent) -> None:
        super().__init__(sent.because)
        self.sent = sent


class Lane(Protocol):
    """An association with a peer that takes instances."""

    @property
    def peer_max_pdu(self) -> int:
        """The peer's Maximum Length Received, 0 for any."""

    def send(self, pieces: Sequence[Buffer]) -> None:
        """Write PDUs, together."""

    def next_message_id(self) -> int:
        """For a request."""

    def stored(self, message_id: int) -> Command:
        """The peer's C-STORE-RSP to that request, once it comes."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Where instances come from."""

    objects: ObjectStore
    transcoder: Transcoder


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What every request of one delivery says."""

    priority: Priority = Priority.MEDIUM
    originator: Originator | None = None  # where a C-MOVE makes us send


@dataclass(frozen=True, slots=True)
class _Ready:
    """An instance of which the first part has been read, and needs only to be written."""

    uid: str
    context: Context
    message_id: int
    opening: list[Buffer]  # the request and the first part
    is_whole: bool  # nothing follows
    rest: Iterator[tuple[bytes, bool]]  # parts, and whether each is the last


def by_class(contexts: Iterable[Context]) -> Mapping[str, list[Context]]:
    """Contexts by their SOP class."""
    found: dict[str, list[Context]] = {}
    for context in contexts:
        found.setdefault(context.abstract_syntax, []).append(context)
    return found


def store_all(
    lane: Lane,
    instances: Iterable[Leaving],
    contexts: Mapping[str, Sequence[Context]],
    reader: Reader,
    manner: Manner,
    is_cancelled: Callable[[], bool],
) -> Iterator[Sent]:
    """Send instances one after the other; what became of each, as it becomes known.

    `contexts` are those in which the peer takes instances, by SOP class. Raises AssociationError where the
    peer fails us, and BrokenOff where we fail it: what has been yielded by then is settled, and only that.
    """
    coming = (_ready(lane, each, contexts, reader, manner) for each in instances)
    settled: Sent | None = (
        None  # the last that was answered; whoever hears of it does so while the peer works
    )
    current = None if is_cancelled() else next(coming, None)
    while current is not None:
        if isinstance(current, Sent):
            yield current
            current = None if is_cancelled() else next(coming, None)
            continue
        try:
            _send(lane, current)
        finally:
            if settled is not None:
                yield settled
                settled = None
        following = next(coming, None)
        is_last = is_cancelled()
        answer = lane.stored(current.message_id)
        settled = Sent(current.uid, answer.status, answer.comment)
        current = None if is_last else following
    if settled is not None:
        yield settled


def _ready(
    lane: Lane,
    leaving: Leaving,
    contexts: Mapping[str, Sequence[Context]],
    reader: Reader,
    manner: Manner,
) -> _Ready | Sent:
    stored = leaving.stored
    taken = contexts.get(stored.sop_class, ())
    context = context_for(leaving.transfer_syntax, stored.transfer_syntax, taken)
    if context is None:
        return Sent(stored.uid, None, _why_not(stored.sop_class, stored.transfer_syntax, taken))
    leaving = replace(leaving, wanted=context.transfer_syntax)
    try:
        parts = _marked(_blocks(leaving_data_set(leaving, reader.objects, reader.transcoder)))
        block, is_last = next(parts, (b"", True))
    except ArchiveError as error:
        return Sent(stored.uid, None, str(error))
    message_id, room = lane.next_message_id(), lane.peer_max_pdu
    request = write_store_request(
        message_id, stored.sop_class, stored.uid, manner.priority, manner.originator
    )
    # One write: a request of its own would wait for the peer's acknowledgement.
    opening = [
        p_data(context.number, request, room),
        *data_pdus(context.number, block, room, is_last=is_last),
    ]
    return _Ready(stored.uid, context, message_id, opening, is_last, parts)


def _why_not(sop_class: str, syntax: str, taken: Sequence[Context]) -> str:
    if not taken:
        return f"the peer does not take {name_of(sop_class)}"
    return f"the peer does not take {name_of(syntax)}, and it cannot be decoded here"


def _send(lane: Lane, ready: _Ready) -> None:
    lane.send(ready.opening)
    is_last = ready.is_whole
    while not is_last:
        try:
            block, is_last = next(ready.rest)
        except ArchiveError as error:
            raise BrokenOff(Sent(ready.uid, None, str(error))) from error
        lane.send(data_pdus(ready.context.number, block, lane.peer_max_pdu, is_last=is_last))


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of an even size and some length, but for the last."""
    gathered: list[bytes] = []
    size = 0
    for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size < BLOCK_BYTES:
            continue
        whole = gathered[0] if len(gathered) == 1 else b"".join(gathered)
        even = size & ~1
        yield whole if even == size else whole[:even]
        gathered = [whole[even:]] if even < size else []
        size -= even
    if size:
        yield b"".join(gathered)


def _marked(parts: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each part, and whether it is the last."""
    part = next(parts, None)
    while part is not None:
        following = next(parts, None)
        yield part, following is None
        part = following
