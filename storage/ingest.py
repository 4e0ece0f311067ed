"""The one door in: C-STORE, STOW and every conversion come through here.

Bytes under a fresh key, rows in one transaction, then the answer. A small object is committed with its rows,
unless too many wait there already; a larger one passes into the object store as it comes, its rows are
written while the disk flushes, and they are committed after. Bytes without a row are harmless and swept
later; a row that others see never lacks its bytes.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from storage.arriving import Arrived, Arriving
from storage.compare import Difference, Encoded, differences
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
from storage.facts import MissingUid
from storage.header import Header, read_header
from storage.index import Answer, Held, KeptObject, Misplaced, Pending, PostgresIndex
from storage.keys import fresh_key
from storage.objects import Bytes
from storage.origin import Origin
from storage.part10 import write_meta
from storage.receipt import Outcome, Receipt
from storage.staging import STAGED_BYTES, StagedObjects

#: Two at once that keep the same thing: one of them tries again, and finds it kept.
_TRIES = 3


class NotAsSaid(Unreadable):
    """The data set is another than the command said."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What the sender says it is sending, before the first byte (PS3.7 §9.1.1.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    may_replace: bool = False  # the peer's entry says that its newer content becomes current
    study_uid: str | None = None  # where the sender names the study too (PS3.18 §10.5.1)


class Door(Protocol):
    """What an edge needs of `Ingest`."""

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        """Keep one instance; see Ingest.accept."""

    def turn_away(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        """Record an attempt that was refused before its bytes were read."""


@dataclass(frozen=True)
class Ingest:
    """Keeps instances. Safe for many threads, and for many processes on one database."""

    objects: StagedObjects
    index: PostgresIndex
    object_limit_bytes: int = 16 * 1024**3

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        """Keep one instance. When this returns, what it says is durable, and what was kept can be found.

        `chunks` are the data set as received, in any pieces; a piece is used up before the next is asked
        for. Memory stays below IN_MEMORY_BYTES and a little. What is wrong with the content ends in
        quarantine and is told by the receipt. Raises Unavailable when nothing could be claimed (0xA700, 503),
        TooLarge, and whatever `chunks` raises; then nothing is kept.
        """
        try:
            self.objects.require_room()
            key = fresh_key(origin.received_at)
            arriving = Arriving(
                key, _meta(incoming, origin), incoming.transfer_syntax_uid, self.object_limit_bytes
            )
            rest = arriving.up_to(STAGED_BYTES, chunks)
            if rest is None and self.objects.may_stage():
                return self._settle(incoming, arriving.arrived(is_staged=True), origin)
            return self._stream(incoming, key, arriving, rest or iter(()), origin)
        except TooLarge as error:
            self._note(incoming, origin, Outcome.TOO_LARGE, str(error))
            raise
        except Unavailable as error:
            if isinstance(error, Contended) or not isinstance(error, IndexUnavailable):
                self._note(incoming, origin, Outcome.TRY_AGAIN, str(error))
            raise

    def adopt(self, incoming: Incoming, kept: KeptObject, origin: Origin) -> Receipt:
        """Rows for an object that is durable already and has none (storage.rebuild)."""
        return self._settle(incoming, Arrived(kept, self._encoded(kept).source), origin)

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

    def _stream(
        self, incoming: Incoming, key: str, arriving: Arriving, rest: Iterator[Bytes], origin: Origin
    ) -> Receipt:
        """Into the object store as it comes; its rows go out once it is written, before it is flushed."""
        early: list[tuple[Arrived, Header, Pending]] = []

        def pieces(rows: ExitStack) -> Iterator[Bytes]:
            yield from arriving.passing(rest)
            if arriving.is_in_memory:
                arrived = arriving.arrived(is_staged=False)
                with suppress(Unreadable):  # it is told below, once the bytes are durable
                    header = _header(incoming, arrived)
                    if header.note is not None:
                        return  # it locks more than itself: no longer than its rows take
                    pending = rows.enter_context(self.index.keeping(arrived.kept, origin, header))
                    early.append((arrived, header, pending))

        with suppress(Contended), ExitStack() as rows:
            self.objects.put(key, pieces(rows))
            rows.close()  # commits
            for arrived, header, pending in early:
                receipt = self._receipt(incoming, arrived, origin, header, pending.answer)
                if receipt:
                    return receipt
        kept = arriving.kept()
        return self._settle(incoming, Arrived(kept, self._encoded(kept).source), origin)

    def _settle(self, incoming: Incoming, arrived: Arrived, origin: Origin) -> Receipt:
        """Rows for bytes that are durable, or are staged with them."""
        try:
            header = _header(incoming, arrived)
        except NotAsSaid as error:
            return self._set_aside(incoming, arrived, origin, Outcome.NOT_AS_SAID, str(error))
        except MissingUid as error:
            return self._set_aside(incoming, arrived, origin, Outcome.WITHOUT_UIDS, str(error))
        except Unreadable as error:
            return self._set_aside(incoming, arrived, origin, Outcome.UNREADABLE, str(error))
        for _ in range(_TRIES):
            with suppress(Contended):
                answer = self.index.keep(arrived.kept, origin, header, arrived.staged)
                receipt = self._receipt(incoming, arrived, origin, header, answer)
                if receipt:
                    return receipt
        raise Unavailable("several senders store this instance at once")

    def _receipt(
        self, incoming: Incoming, arrived: Arrived, origin: Origin, header: Header, answer: Answer
    ) -> Receipt | None:
        """What an answer of the index means; None where another was quicker and it must be asked again."""
        uid = header.instance.uid
        if answer is None:
            return _kept(Outcome.KEPT, header)
        if isinstance(answer, Misplaced):
            because = "its series is kept in another study"
            return self._set_aside(
                incoming, arrived, origin, Outcome.MISPLACED, because, contested=answer.study_uid
            )
        if answer.object.key == arrived.kept.key:  # adopted while its sender's rows were committed
            return _kept(Outcome.ALREADY_KEPT, header)
        different = self._differences(answer, arrived)
        if (answer.study_uid, answer.series_uid) != (header.study.uid, header.series.uid):
            because = "the same UID is kept in another series or study"
            return self._set_aside(
                incoming, arrived, origin, Outcome.MISPLACED, because, different, answer.study_uid
            )
        if not different:
            self._require_whole(answer.object)
            self._let_go(arrived)
            self.index.note_kept_again(origin, incoming.sop_class_uid, uid)
            return _kept(Outcome.ALREADY_KEPT, header)
        if incoming.may_replace:
            self._put(arrived)
            replaced = self.index.replace(arrived.kept, origin, header, answer)
            return _kept(Outcome.REPLACED, header) if replaced else None
        because = f"same UID, {len(different)} other attributes: {', '.join(d.tag for d in different[:3])}"
        return self._set_aside(
            incoming, arrived, origin, Outcome.DIFFERENT, because, different, answer.study_uid
        )

    def _differences(self, held: Held, arrived: Arrived) -> tuple[Difference, ...]:
        kept = arrived.kept
        if (kept.digest, kept.transfer_syntax_uid) == (held.object.digest, held.object.transfer_syntax_uid):
            return ()
        return differences(self._encoded(held.object), self._encoded(kept, arrived.staged))

    def _require_whole(self, kept: KeptObject) -> None:
        """Nobody is told "kept already" of bytes that are gone: a person must mend it (`imx verify`)."""
        with _present():
            size = self.objects.size(kept.key)
        if size != kept.size:
            raise ObjectsUnavailable("what is held under this UID is damaged")

    def _set_aside(
        self,
        incoming: Incoming,
        arrived: Arrived,
        origin: Origin,
        outcome: Outcome,
        because: str,
        different: tuple[Difference, ...] = (),
        contested: str | None = None,
    ) -> Receipt:
        self._put(arrived)
        added = self.index.set_aside(
            arrived.kept,
            origin,
            incoming.sop_class_uid,
            incoming.sop_instance_uid,
            outcome,
            because,
            [{"tag": one.tag, "how": one.how} for one in different],
            contested,
        )
        if not added:
            self._let_go(arrived)
        return Receipt(outcome, incoming.sop_instance_uid, because)

    def _put(self, arrived: Arrived) -> None:
        """Into the object store, where it is not yet."""
        if arrived.staged is not None:
            self.objects.put(arrived.kept.key, (arrived.staged,))

    def _let_go(self, arrived: Arrived) -> None:
        """Bytes that nobody needs. What cannot be deleted now has no row, and is swept."""
        with suppress(Unavailable):
            self.objects.delete(arrived.kept.key)

    def _encoded(self, kept: KeptObject, in_memory: bytes | None = None) -> Encoded:
        def fetch(start: int, stop: int) -> bytes:
            if in_memory is not None:
                return in_memory[kept.data_offset + start : kept.data_offset + stop]
            with _present():
                return b"".join(
                    self.objects.read(kept.key, kept.data_offset + start, kept.data_offset + stop)
                )

        return Encoded(kept.transfer_syntax_uid, kept.size - kept.data_offset, fetch)


def _meta(incoming: Incoming, origin: Origin) -> bytes:
    return write_meta(
        incoming.sop_class_uid,
        incoming.sop_instance_uid,
        incoming.transfer_syntax_uid,
        origin,
        may_replace=incoming.may_replace,
    )


def _header(incoming: Incoming, arrived: Arrived) -> Header:
    """Raises Unreadable, of which MissingUid and NotAsSaid."""
    header = read_header(arrived.source(), incoming.transfer_syntax_uid, arrived.kept.data_offset)
    if (header.instance.sop_class, header.instance.uid) != (
        incoming.sop_class_uid,
        incoming.sop_instance_uid,
    ):
        raise NotAsSaid("SOP class or instance UID differ from the command's")
    if incoming.study_uid not in (None, header.study.uid):
        raise NotAsSaid("it belongs to another study than the one that was named")
    return header


def _kept(outcome: Outcome, header: Header) -> Receipt:
    return Receipt(outcome, header.instance.uid, study_uid=header.study.uid, series_uid=header.series.uid)


@contextmanager
def _present() -> Iterator[None]:
    """An object that should be there and is not is the archive's trouble, not the sender's."""
    try:
        yield
    except ObjectMissing as error:
        raise ObjectsUnavailable("an object that has to be read is gone") from error
