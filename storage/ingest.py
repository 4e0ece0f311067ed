"""The one door in: C-STORE, STOW and every conversion come through here.

Bytes first, under a fresh key; then the rows, in one transaction; then the answer. Bytes without a row
are harmless and swept later; a row that others see never lacks its bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from storage.compare import Difference, Encoded, differences
from storage.elements import DEFLATED
from storage.errors import (
    ArchiveError,
    Contended,
    IndexUnavailable,
    ObjectMissing,
    ObjectsUnavailable,
    TooLarge,
    Unavailable,
    Unreadable,
)
from storage.header import Header, MissingUid, read_header
from storage.index import Held, KeptObject, Misplaced, PostgresIndex
from storage.keys import fresh_key
from storage.objects import Bytes, ObjectStore
from storage.origin import Origin
from storage.part10 import write_meta
from storage.receipt import Outcome, Receipt
from storage.source import Inflated, Source, Whole

#: Up to here a data set is held in memory, and flushed while the database works.
SMALL_BYTES = 1024 * 1024
#: Two at once that keep the same thing: one of them tries again, and finds it kept.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Incoming:
    """What the sender says it is sending, before the first byte (PS3.7 §9.1.1.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    may_replace: bool = False  # the peer's entry says that its newer content becomes current


class Door(Protocol):
    """What an edge needs of `Ingest`."""

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        """Keep one instance; see Ingest.accept."""

    def turn_away(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        """Record an attempt that was refused before its bytes were read."""


@dataclass(frozen=True, slots=True)
class _Spooled:
    """Bytes on their way to being durable, and how to read them meanwhile."""

    kept: KeptObject
    source: Callable[[], Source]
    make_durable: Callable[[], object]  # returns once the bytes survive a power cut; raises Unavailable


@dataclass(frozen=True)
class Ingest:
    """Keeps instances. Safe for many threads, and for many processes on one database."""

    objects: ObjectStore
    index: PostgresIndex
    object_limit_bytes: int = 16 * 1024**3

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        """Keep one instance. When this returns, what it says is durable, and what was kept can be found.

        `chunks` are the data set as received, in any pieces; a piece is used up before the next is asked
        for. Memory stays below SMALL_BYTES and a little. What is wrong with the content ends in quarantine
        and is told by the receipt. Raises Unavailable when nothing could be claimed (0xA700, 503), TooLarge,
        and whatever `chunks` raises; then nothing is kept.
        """
        try:
            spooled = self._spool(incoming, chunks, origin)
            return self._settle(incoming, spooled, origin)
        except TooLarge as error:
            self._note(incoming, origin, Outcome.TOO_LARGE, str(error))
            raise
        except Unavailable as error:
            if isinstance(error, Contended) or not isinstance(error, IndexUnavailable):
                self._note(incoming, origin, Outcome.TRY_AGAIN, str(error))
            raise

    def adopt(self, incoming: Incoming, kept: KeptObject, origin: Origin) -> Receipt:
        """Rows for an object that is durable already and has none (storage.rebuild)."""
        encoded = self._encoded(kept)
        return self._settle(incoming, _Spooled(kept, encoded.source, _already), origin)

    def turn_away(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        """Record an attempt that was refused before its bytes were read."""
        self._note(incoming, origin, outcome, because)

    def _note(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        try:
            self.index.note_arrival(
                origin, incoming.sop_class_uid, incoming.sop_instance_uid, outcome, because
            )
        except ArchiveError:
            return  # the database is what is away: the sender hears it, the log of the edge says it

    def _spool(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> _Spooled:
        meta = write_meta(
            incoming.sop_class_uid,
            incoming.sop_instance_uid,
            incoming.transfer_syntax_uid,
            origin,
            may_replace=incoming.may_replace,
        )
        key = fresh_key(origin.received_at)
        head = bytearray()
        pieces = iter(chunks)
        for piece in pieces:
            head += piece
            if len(head) > self.object_limit_bytes:
                raise TooLarge(self.object_limit_bytes)
            if len(head) > SMALL_BYTES:
                return self._stream(incoming, key, meta, head, pieces)
        data = bytes(head)
        size = len(meta) + len(data)
        kept = KeptObject(key, size, len(meta), hashlib.sha256(data).digest(), incoming.transfer_syntax_uid)
        deflated = incoming.transfer_syntax_uid == DEFLATED
        return _Spooled(
            kept,
            (lambda: Inflated(iter((data,)))) if deflated else (lambda: Whole(data)),
            _once(lambda: self.objects.put(key, (meta, data))),
        )

    def _stream(
        self, incoming: Incoming, key: str, meta: bytes, head: bytearray, rest: Iterator[Bytes]
    ) -> _Spooled:
        digest = hashlib.sha256()
        size = 0

        def counted() -> Iterator[Bytes]:
            nonlocal size
            yield meta
            for piece in chain((head,), rest):
                size += len(piece)
                if size > self.object_limit_bytes:
                    raise TooLarge(self.object_limit_bytes)
                digest.update(piece)
                yield piece

        self.objects.put(key, counted())
        kept = KeptObject(key, len(meta) + size, len(meta), digest.digest(), incoming.transfer_syntax_uid)
        encoded = self._encoded(kept)
        return _Spooled(kept, encoded.source, _already)

    def _settle(self, incoming: Incoming, spooled: _Spooled, origin: Origin) -> Receipt:
        try:
            header = read_header(spooled.source(), incoming.transfer_syntax_uid, spooled.kept.data_offset)
        except MissingUid as error:
            return self._set_aside(incoming, spooled, origin, Outcome.WITHOUT_UIDS, str(error))
        except Unreadable as error:
            return self._set_aside(incoming, spooled, origin, Outcome.UNREADABLE, str(error))
        if (header.instance.sop_class, header.instance.uid) != (
            incoming.sop_class_uid,
            incoming.sop_instance_uid,
        ):
            because = "SOP class or instance UID differ from the command's"
            return self._set_aside(incoming, spooled, origin, Outcome.NOT_AS_SAID, because)
        for _ in range(_TRIES):
            try:
                receipt = self._keep(incoming, spooled, origin, header)
            except Contended:
                continue
            if receipt:
                return receipt
        raise Unavailable("several senders store this instance at once")

    def _keep(self, incoming: Incoming, spooled: _Spooled, origin: Origin, header: Header) -> Receipt | None:
        """One attempt; None where another sender was quicker and the question must be asked again."""
        answer = self.index.keep(spooled.kept, origin, header, spooled.make_durable)
        uid = header.instance.uid
        if answer is None:
            return Receipt(Outcome.KEPT, uid)
        if isinstance(answer, Misplaced):
            because = "its series is kept in another study"
            return self._set_aside(
                incoming, spooled, origin, Outcome.MISPLACED, because, contested=answer.study_uid
            )
        different = self._differences(answer, spooled.kept)
        if (answer.study_uid, answer.series_uid) != (header.study.uid, header.series.uid):
            because = "the same UID is kept in another series or study"
            return self._set_aside(
                incoming, spooled, origin, Outcome.MISPLACED, because, different, answer.study_uid
            )
        if not different:
            self._require_whole(answer.object)
            with suppress(Unavailable):  # what is left over has no row, and is swept
                self.objects.delete(spooled.kept.key)
            self.index.note_arrival(origin, incoming.sop_class_uid, uid, Outcome.ALREADY_KEPT)
            return Receipt(Outcome.ALREADY_KEPT, uid)
        if incoming.may_replace:
            replaced = self.index.replace(spooled.kept, origin, header, answer)
            return Receipt(Outcome.REPLACED, uid) if replaced else None
        because = f"same UID, {len(different)} other attributes: {', '.join(d.tag for d in different[:3])}"
        return self._set_aside(
            incoming, spooled, origin, Outcome.DIFFERENT, because, different, answer.study_uid
        )

    def _differences(self, held: Held, kept: KeptObject) -> tuple[Difference, ...]:
        if (kept.digest, kept.transfer_syntax_uid) == (held.object.digest, held.object.transfer_syntax_uid):
            return ()
        return differences(self._encoded(held.object), self._encoded(kept))

    def _require_whole(self, kept: KeptObject) -> None:
        """Nobody is told "kept already" of bytes that are gone: a person must mend it (`imx verify`)."""
        with _present():
            size = self.objects.size(kept.key)
        if size != kept.size:
            raise ObjectsUnavailable("what is held under this UID is damaged")

    def _set_aside(
        self,
        incoming: Incoming,
        spooled: _Spooled,
        origin: Origin,
        outcome: Outcome,
        because: str,
        different: tuple[Difference, ...] = (),
        contested: str | None = None,
    ) -> Receipt:
        spooled.make_durable()
        added = self.index.set_aside(
            spooled.kept,
            origin,
            incoming.sop_class_uid,
            incoming.sop_instance_uid,
            outcome,
            because,
            [{"tag": one.tag, "how": one.how} for one in different],
            contested,
        )
        if not added:
            with suppress(Unavailable):
                self.objects.delete(spooled.kept.key)
        return Receipt(outcome, incoming.sop_instance_uid, because)

    def _encoded(self, kept: KeptObject) -> Encoded:
        def fetch(start: int, stop: int) -> bytes:
            with _present():
                return b"".join(
                    self.objects.read(kept.key, kept.data_offset + start, kept.data_offset + stop)
                )

        return Encoded(kept.transfer_syntax_uid, kept.size - kept.data_offset, fetch)


@contextmanager
def _present() -> Iterator[None]:
    """An object that should be there and is not is the archive's trouble, not the sender's."""
    try:
        yield
    except ObjectMissing as error:
        raise ObjectsUnavailable("an object that has to be read is gone") from error


def _once(action: Callable[[], object]) -> Callable[[], None]:
    """An action that is done the first time it is asked for; one that failed fails for good."""
    pending: list[Callable[[], object]] = [action]
    failed: list[Unavailable] = []

    def do() -> None:
        if failed:
            raise failed[0]
        try:
            while pending:
                pending.pop()()
        except Unavailable as error:
            failed.append(error)
            raise

    return do


def _already() -> None:
    """The bytes are durable already."""
