"""The bytes of one request into an upload: cut into pieces, each durable before it counts.

Memory does not grow with the file. Where the sender goes away, what came until then is kept; where a digest
was promised (tus checksum), nothing counts before it holds.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from storage.errors import BadInput
from storage.upload import Piece
from storage.upload_writing import Writing

#: Of one object. S3 takes it as one request; a file of 5 GB is 640 rows.
PIECE_BYTES = 8 * 1024 * 1024


class TooLong(BadInput):
    """More bytes than the upload was said to have."""

    def __init__(self) -> None:
        super().__init__("more bytes than Upload-Length said")


class OtherDigest(BadInput):
    """The bytes are not those whose digest was promised (tus checksum: 460). None of them counts."""

    def __init__(self) -> None:
        super().__init__("the bytes do not have the checksum that came with them")


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None:
        """Take more."""

    def digest(self) -> bytes:
        """Of all that was taken."""


@dataclass(frozen=True, slots=True)
class Promised:
    """The digest of a request's body."""

    algorithm: str  # as hashlib calls it
    value: bytes


@dataclass(slots=True)
class Receiving:
    """One request's body on its way into an upload."""

    writing: Writing
    length: int  # of the whole upload
    broke_off: tuple[type[Exception], ...]  # by which the body says that its sender has gone
    promised: Promised | None = None
    is_broken: bool = field(default=False, init=False)
    _left: bytes = field(default=b"", init=False)  # has come, and belongs to the next piece

    def take(self, body: Iterator[bytes]) -> int:
        """All of it; the offset afterwards, up to which everything is durable.

        Raises TakenOver, TooLong, OtherDigest, Unavailable. Pieces that were counted before stay.
        """
        digest = hashlib.new(self.promised.algorithm, usedforsecurity=False) if self.promised else None
        held: list[Piece] = []
        uncounted: list[str] = []
        try:
            while self._more(body):
                key = self.writing.announce()
                uncounted.append(key)
                room = self.length - self.writing.offset - sum(piece.size for piece in held)
                held.append(Piece(key, self._put(key, self._piece(body, room, digest))))
                if digest is None:
                    self.writing.count(held)
                    held, uncounted = [], []
            if self.promised is not None and digest is not None:
                if self.is_broken or digest.digest() != self.promised.value:
                    raise OtherDigest
                if held:
                    self.writing.count(held)
                    uncounted = []
        finally:
            self.writing.drop(uncounted)
        return self.writing.offset

    def _put(self, key: str, piece: Iterator[bytes]) -> int:
        return self.writing.objects.put(key, piece)

    def _more(self, body: Iterator[bytes]) -> bool:
        """Whether anything is left."""
        self._left = self._left or self._next(body)
        return bool(self._left)

    def _piece(self, body: Iterator[bytes], room: int, digest: Digest | None) -> Iterator[bytes]:
        """The next piece. The last of a file asks once more, so that a longer body is never taken for it."""
        size = 0
        while (size < PIECE_BYTES or size == room) and self._more(body):
            chunk = self._left[: max(PIECE_BYTES - size, 1)]
            self._left = self._left[len(chunk) :]
            size += len(chunk)
            if size > room:
                raise TooLong
            if digest is not None:
                digest.update(chunk)
            yield chunk

    def _next(self, body: Iterator[bytes]) -> bytes:
        try:
            return next(body, b"")
        except self.broke_off:
            self.is_broken = True
            return b""
