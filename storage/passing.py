"""A data set's bytes on their way out: looked at as they pass, never all held."""

import struct
import zlib
from collections.abc import Iterable, Iterator

from storage.errors import Unreadable

_CHUNK = 1024 * 1024


class Passing:
    """Bytes that pass by: those ahead can be looked at, those behind are handed on."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = filter(None, chunks)
        self._buffer = b""
        self._base = 0

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        """A Source for a walk that never goes back behind what was handed on."""
        while offset + length > self._base + len(self._buffer):
            fresh = next(self._chunks, b"")
            if not fresh:
                break
            self._buffer += fresh
        return self._buffer, offset - self._base

    def take(self, stop: int) -> Iterator[bytes]:
        """Hand on what lies before `stop`."""
        while self._base < stop:
            part = self._buffer[: stop - self._base] if self._buffer else next(self._chunks, b"")
            if not part:
                return
            if not self._buffer:
                self._buffer = part
                continue
            self._buffer = self._buffer[len(part) :]
            self._base += len(part)
            yield part

    def rest(self) -> Iterator[bytes]:
        """Hand on everything else."""
        if self._buffer:
            yield self._buffer
        yield from self._chunks


def joined_fragments(span: Iterable[bytes]) -> Iterator[bytes]:
    """The fragments of a frame that has several (PS3.5 §A.4), put together as they pass.

    `span` begins at the first fragment's item header.
    """
    passing = Passing(span)
    position = 0
    while True:
        buffer, index = passing.view(position, 8)
        if len(buffer) - index < 8:
            return
        (length,) = struct.unpack_from("<I", buffer, index + 4)
        for _ in passing.take(position + 8):
            pass
        position += 8 + length
        yield from passing.take(position)


def inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The data set inside a deflated one (PS3.5 §A.5), a bounded piece at a time. Raises Unreadable."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            waiting = chunk
            while waiting and not inflate.eof:
                yield inflate.decompress(waiting, _CHUNK)
                waiting = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        raise Unreadable("the deflated data set is damaged") from error


def deflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    length = 0
    for chunk in chunks:
        compressed = deflate.compress(chunk)
        length += len(compressed)
        yield compressed
    last = deflate.flush()
    yield last + bytes((length + len(last)) % 2)
