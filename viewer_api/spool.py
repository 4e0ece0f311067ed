"""Bulk parts of one request, on disk until all of an instance is there."""

import errno
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO

from storage.assembling import Value
from storage.errors import NoRoom, ObjectsUnavailable, TooLarge
from storage.objects import Bytes

_PIECE = 256 * 1024


@dataclass(slots=True)
class Spool:
    """One unnamed file, which is gone when it is closed, or its process dies."""

    file: IO[bytes]
    limit_bytes: int
    folder: str  # in which it lies
    size: int = 0

    def add(self, chunks: Iterable[Bytes]) -> Value:
        """Keep a value. Raises TooLarge, Unavailable and what `chunks` raises."""
        start = self.size
        with mapped():
            self.file.seek(start)
        for chunk in chunks:
            self.size += len(chunk)
            if self.size > self.limit_bytes:
                raise TooLarge(self.limit_bytes)
            with mapped():
                self.file.write(chunk)
        return Value(self.size - start, partial(self._read, start))

    def clear(self) -> None:
        """Nothing that was added is wanted any more."""
        self.size = 0
        with mapped():
            self.file.seek(0)
            self.file.truncate()

    def _read(self, offset: int, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            with mapped():
                self.file.seek(offset + start)
                piece = self.file.read(min(_PIECE, stop - start))
            if not piece:
                raise ObjectsUnavailable("a file that was just written ends too early")
            yield piece
            start += len(piece)


@contextmanager
def open_spool(folder: str, limit_bytes: int) -> Iterator[Spool]:
    """In a folder, or where the system keeps what is temporary."""
    with mapped():
        file = tempfile.TemporaryFile(dir=folder or None)  # noqa: SIM115 -- closed below
    with file:
        yield Spool(file, limit_bytes, folder)


@contextmanager
def mapped() -> Iterator[None]:
    """The disk's troubles as ours: NoRoom, ObjectsUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom("no room for the bulk data of a request") from error
        raise ObjectsUnavailable(f"the folder for bulk data fails: {type(error).__name__}") from error


def fetch(value: Value) -> Callable[[int, int], bytes]:
    """The bytes of a value between two places, as parsers of headers ask for them."""
    return lambda start, stop: b"".join(value.read(start, min(stop, value.size)))
