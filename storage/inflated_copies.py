"""Deflated data sets, inflated to files of our own while their frames are asked for (PS3.5 §A.5).

A deflated object can only be read from its beginning. A viewer asks for one frame after another: each would
inflate all before it. So the first request inflates once, and those after it are range reads.
"""

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from storage.errors import NoRoom, Unreadable
from storage.folders import Descriptor
from storage.frames import NATIVE_ENTRY, Form, Frames
from storage.header import read_header
from storage.passing import inflated
from storage.source import Ranged
from storage.syntaxes import EXPLICIT_LITTLE
from storage.transcoding import frames_as_stored

#: Of all copies together, and so of one.
LIMIT_BYTES = 512 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Copy:
    file: Descriptor  # without a name: it is gone with whoever reads it last
    size: int
    frames: Frames

    def read(self, start: int, stop: int) -> bytes:
        return os.pread(self.file.number, stop - start, start)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, self.size, _CHUNK):
            yield self.read(start, start + _CHUNK)


class InflatedCopies:
    """The copies that were asked for last, as many as fit. Safe between threads; each process has its own."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def frames(
        self, key: str, deflated: Callable[[], Iterable[bytes]], numbers: Sequence[int]
    ) -> Iterator[bytes]:
        """Frames of the data set under a key, numbered from one. Raises Unreadable."""
        copy = self._copy(key, deflated)
        if copy.frames.form is not Form.NATIVE or copy.frames.packed is None:
            yield from frames_as_stored(copy.chunks(), EXPLICIT_LITTLE, numbers)
            return
        first, length = NATIVE_ENTRY.unpack(copy.frames.packed)
        for number in numbers:
            start = first + (number - 1) * length
            yield copy.read(start, start + length)

    def _copy(self, key: str, deflated: Callable[[], Iterable[bytes]]) -> _Copy:
        """As it is, or made now: whoever asks for the same meanwhile waits for it."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            try:
                copy = self._copies.get(key) or self._made(deflated())
                with self._lock:
                    self._copies[key] = copy
                    self._copies.move_to_end(key)
                    while sum(each.size for each in self._copies.values()) > self._limit_bytes:
                        self._copies.popitem(last=False)
                return copy
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def _made(self, deflated: Iterable[bytes]) -> _Copy:
        size = 0
        try:
            with tempfile.TemporaryFile() as file:
                for chunk in inflated(deflated):
                    size += len(chunk)
                    if size > self._limit_bytes:
                        raise Unreadable(f"inflated, the data set has more than {self._limit_bytes:,} bytes")
                    file.write(chunk)
                file.flush()
                kept = Descriptor(os.dup(file.fileno()))
        except OSError as error:
            raise NoRoom("no room for an inflated copy beside the object store") from error
        source = Ranged(lambda start, stop: os.pread(kept.number, stop - start, start))
        return _Copy(kept, size, read_header(source, EXPLICIT_LITTLE, 0).instance.frames)
