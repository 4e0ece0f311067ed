"""The port for bytes: what an object store must do for us."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Bytes = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as a listing shows it."""

    key: str
    size: int  # bytes
    modified_at: datetime  # aware, UTC


class Readable(Protocol):
    """Bytes under a key, for those who only read them."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """From `start` up to, not including, `stop`, in chunks of at most 1 MiB. Raises ObjectMissing."""


class ObjectStore(Readable, Protocol):
    """Bytes under a key. tests/contracts/object_store.py holds every adapter to this.

    A key is whole or absent. When `put` returns, the bytes and the way to them survive a power cut.
    Every attempt to store uses a fresh key, so no two writers ever share one.

    All verbs raise ObjectsUnavailable when the store does not answer or could not flush, and NoRoom
    when it is full. A failed flush is never tried again (the kernel may have dropped the pages).
    """

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        """Write whole and durable; the number of bytes. A chunk is used up before the next is asked for.

        When `chunks` raises, nothing is left under the key and the error passes through. When the store
        fails, the object may be there, whole: the same bytes come again, or the sweep does.
        """

    def at_hand(self, key: str, start: int, stop: int | None) -> bytes | None:
        """The same at once, at most 1 MiB; None where it would have to be waited for, or is not there."""

    def size(self, key: str) -> int:
        """In bytes. Raises ObjectMissing."""

    def list(self) -> Iterator[Listed]:
        """Every whole object, in no order."""

    def delete(self, key: str) -> None:
        """Absent afterwards, whether or not it was there."""

    def abort_stale(self, older_than: datetime) -> int:
        """Drop what unfinished puts left behind before that time; how many."""

    def require_room(self) -> None:
        """Raise NoRoom where a put would be refused for want of space. Cheap: asked for every instance."""

    def room(self) -> int | None:
        """Free bytes, or None where the store does not say."""


class NotAtHand(Exception):
    """What is read would have to be waited for."""


@dataclass(slots=True)
class AtHand:
    """Of an object store, what can be read without waiting; little, since everybody waits meanwhile."""

    store: ObjectStore
    reads_left: int = 16

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See Readable.read. Raises NotAtHand, for what is missing as well."""
        self.reads_left -= 1
        found = self.store.at_hand(key, start, stop) if self.reads_left >= 0 else None
        if found is None:
            raise NotAtHand(key)
        return iter((found,))
