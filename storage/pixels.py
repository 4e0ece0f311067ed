"""Pixels of two data sets side by side, decoded a frame at a time."""

import io
import threading
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
from pydicom import dcmread
from pydicom.pixels.utils import iter_pixels

from storage.content import Encoded
from storage.elements import DEFLATED, EXPLICIT_LITTLE
from storage.errors import ArchiveError
from storage.part10 import write_meta
from storage.source import Inflated, Ranged
from storage.syntaxes import LOSSLESS, NATIVE

#: A frame beyond this is not decoded for a comparison, nor a deflated data set inflated.
_FRAME_LIMIT_BYTES = 256 * 1024 * 1024
_INFLATED_LIMIT_BYTES = 64 * 1024 * 1024
_WINDOW = 256 * 1024
#: Decoding takes many times the memory and time of keeping. A sender that repeats itself on all its
#: associations waits for two at once, and no other sender notices.
_DECODING = threading.BoundedSemaphore(2)
_SHAPE = [
    "Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "NumberOfFrames", "PhotometricInterpretation",
]  # fmt: skip


def may_show_the_same(first: Encoded, second: Encoded) -> bool:
    """Whether neither syntax can have lost anything."""
    return {first.transfer_syntax_uid, second.transfer_syntax_uid} <= NATIVE | LOSSLESS


def show_the_same(
    first: Encoded, second: Encoded, native_bytes: tuple[int | None, int | None] = (None, None)
) -> bool:
    """Whether every frame has the same samples. What cannot be decoded here is not called the same.

    `native_bytes` are the lengths of pixel data that are not encapsulated: nothing may follow the last frame.
    """
    try:
        frames = (_frames(each, size) for each, size in zip((first, second), native_bytes, strict=True))
        with _DECODING:
            return all(
                one is not None
                and other is not None
                and one.shape == other.shape
                and np.array_equal(one, other)
                for one, other in zip_longest(*frames)
            )
    except ArchiveError:
        raise
    except Exception:  # a decoder's own, of any kind
        return False


def _frames(encoded: Encoded, native_bytes: int | None) -> Iterator["np.ndarray"]:
    if encoded.transfer_syntax_uid == DEFLATED:
        encoded = _inflated(encoded)
    meta = write_meta("1.2", "1.2", encoded.transfer_syntax_uid)
    file = _File(meta, encoded)
    _check_shape(file, native_bytes)
    file.seek(0)
    yield from iter_pixels(file)  # type: ignore[arg-type]  # it reads, seeks and tells, no more


def _check_shape(file: "_File", native_bytes: int | None) -> None:
    shape = dcmread(file, stop_before_pixels=True, specific_tags=_SHAPE)
    samples = int(shape.Rows) * int(shape.Columns) * int(shape.get("SamplesPerPixel", 1))
    if samples * 4 > _FRAME_LIMIT_BYTES:
        raise ValueError("a frame too large to decode here")
    is_422 = shape.get("PhotometricInterpretation") == "YBR_FULL_422"
    each = samples // 3 * 2 if is_422 else samples
    bits = each * int(shape.BitsAllocated) * int(shape.get("NumberOfFrames", 1) or 1)
    if native_bytes is not None and native_bytes - (bits + 7) // 8 not in (0, 1):
        raise ValueError("not as long as its frames")


def _inflated(encoded: Encoded) -> Encoded:
    source = Inflated(encoded.chunks())
    data = bytearray()
    while True:
        buffer, index = source.view(len(data), _WINDOW)
        fresh = buffer[index:]
        data += fresh
        if not fresh:
            break
        if len(data) > _INFLATED_LIMIT_BYTES:
            raise ValueError("a deflated data set too large to decode here")
    return Encoded(EXPLICIT_LITTLE, len(data), lambda start, stop: bytes(data[start:stop]))


class _File(io.RawIOBase):
    """A kept data set behind a file meta, as a file that decoders can seek in.

    Not an io.BufferedReader: pydicom asks those for a name.
    """

    def __init__(self, meta: bytes, encoded: Encoded) -> None:
        self._meta = meta
        self._size = len(meta) + encoded.size
        self._data = Ranged(lambda start, stop: encoded.fetch(start, min(stop, encoded.size)))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = base[whence] + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self._size - self._position)
        size = left if size < 0 else min(size, left)
        part = self._meta[self._position : self._position + size]
        if len(part) < size:
            buffer, index = self._data.view(self._position + len(part) - len(self._meta), size - len(part))
            part += buffer[index : index + size - len(part)]
        self._position += len(part)
        return part
