"""Where a data set's bytes are read from, without holding them all."""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from storage.errors import Unreadable

_WINDOW = 256 * 1024
_GLANCE = 4 * 1024
#: A deflated data set may grow this much; real ones stay below 1:100, a bomb reaches 1:1032.
RATIO_LIMIT = 200
#: A small object may exceed the ratio up to this size: an empty phantom compresses very well.
RATIO_FREE_BYTES = 64 * 1024 * 1024


class TooDense(Unreadable):
    """A deflated data set that grows beyond all measure: nobody should inflate it."""


class Source(Protocol):
    """Bytes by offset. A forward walk is always possible; going back only where `view` still reaches."""

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        """A buffer and the index in it of byte `offset`.

        At least `length` bytes follow that index, fewer only where the data end.
        """


class Whole:
    """A data set that is in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        return self.data, offset


class Parted:
    """A data set that is in memory in two parts: the beginning, with most of its header, and the rest."""

    def __init__(self, data: bytes, following: bytearray) -> None:
        self.data = data
        self._following = following

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        if offset + length <= len(self.data):
            return self.data, offset
        start, stop = offset - len(self.data), offset - len(self.data) + max(length, _GLANCE)
        return self.data[offset:] + self._following[max(0, start) : stop], 0


class Ranged:
    """A data set that lies elsewhere, read a window at a time."""

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        """`fetch(start, stop)` gives those bytes, fewer at the end."""
        self._fetch = fetch
        self._buffer = b""
        self._base = 0

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        index = offset - self._base
        if index < 0 or index + length > len(self._buffer):
            self._buffer = self._fetch(offset, offset + max(length, _WINDOW))
            self._base = offset
            index = 0
        return self._buffer, index


class Inflated:
    """A deflated data set (PS3.5 §A.5), inflated as the walk goes forward. Raises Unreadable."""

    def __init__(self, compressed: Iterator[bytes]) -> None:
        self._compressed = compressed
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._buffer = b""
        self._base = 0
        self._taken = 0

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        while offset + length > self._base + len(self._buffer):
            keep_from = max(0, min(offset - self._base, len(self._buffer)))
            fresh = self._more()
            if not fresh:
                break
            self._base += keep_from
            self._buffer = self._buffer[keep_from:] + fresh
        index = offset - self._base
        if index < 0:
            raise Unreadable("the deflated data set was read backwards", offset)
        return self._buffer, index

    def _more(self) -> bytes:
        while not self._inflate.eof:
            given = self._inflate.unconsumed_tail
            if not given:
                given = next(self._compressed, b"")
                self._taken += len(given)
            try:
                fresh = self._inflate.decompress(given, _WINDOW) if given else self._inflate.flush()
            except zlib.error as error:
                raise Unreadable("the deflated data set is damaged") from error
            grown = self._base + len(self._buffer) + len(fresh)
            if grown > max(RATIO_FREE_BYTES, self._taken * RATIO_LIMIT):
                raise TooDense(f"the deflated data set grows more than {RATIO_LIMIT} times")
            if fresh or not given:
                return fresh
        return b""
