"""A data set on its way in: its bytes as they come, and what is known of them when the last has come."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from storage.elements import DEFLATED
from storage.errors import TooLarge
from storage.index import KeptObject
from storage.objects import Bytes
from storage.source import Inflated, Parted, Source, Whole

#: Up to here a data set stays in memory too, so that its header is read while the disk still writes.
IN_MEMORY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Arrived:
    """A data set of which every byte has come."""

    kept: KeptObject
    source: Callable[[], Source]
    staged: bytes | None = None  # the whole object, where only memory holds it yet


class Arriving:
    """Counts and digests a data set as it passes, and keeps its beginning."""

    def __init__(self, key: str, meta: bytes, transfer_syntax_uid: str, limit_bytes: int) -> None:
        self._key = key
        self._meta = meta
        self._syntax = transfer_syntax_uid
        self._limit_bytes = limit_bytes
        self._digest = hashlib.sha256()
        self._beginning = bytearray()  # what `up_to` took
        self._following = bytearray()  # what came after it, as long as it stays in memory
        self._size = 0

    def up_to(self, size: int, chunks: Iterable[Bytes]) -> Iterator[Bytes] | None:
        """Take pieces until there are more than `size` bytes; what follows them, None where nothing does.

        Raises TooLarge, and what `chunks` raises.
        """
        pieces = iter(chunks)
        for piece in pieces:
            self._take(piece)
            self._beginning += piece  # however large: it is in memory as it is
            if self._size > size:
                return pieces
        return None

    def passing(self, rest: Iterator[Bytes]) -> Iterator[Bytes]:
        """The object from its first byte: meta, what was taken, and the rest as it comes."""
        yield self._meta
        yield self._beginning
        for piece in rest:
            self._take(piece)
            if self._size <= IN_MEMORY_BYTES:
                self._following += piece
            yield piece

    @property
    def is_in_memory(self) -> bool:
        """Nothing of it has been let go."""
        return self._size == len(self._beginning) + len(self._following)

    def kept(self) -> KeptObject:
        """The object, once all of it has come."""
        return KeptObject(
            self._key, len(self._meta) + self._size, len(self._meta), self._digest.digest(), self._syntax
        )

    def arrived(self, *, is_staged: bool) -> Arrived:
        """What has come, where all of it is in memory."""
        head, rest = bytes(self._beginning), self._following

        def source() -> Source:
            if self._syntax == DEFLATED:
                return Inflated(iter((head, bytes(rest))))
            return Parted(head, rest) if rest else Whole(head)

        return Arrived(self.kept(), source, self._meta + head if is_staged else None)

    def _take(self, piece: Bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit_bytes:
            raise TooLarge(self._limit_bytes)
        self._digest.update(piece)
