"""TIFF and BigTIFF directories, NDPI's own 64-bit kind among them: bounded, whatever a file says of itself.

Values are read when they are asked for, never more of them than the file holds; directories that loop, or
are too many, end in Damaged. TIFF 6.0 §2; BigTIFF by Aware Systems; NDPI as OpenSlide's documentation has it.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ologies.errors import Damaged

NEW_SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
DESCRIPTION, MAKE, MODEL, SAMPLES = 270, 271, 272, 277
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES = 273, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, SOFTWARE, DATE_TIME = 282, 283, 284, 296, 305, 306
PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES = 317, 322, 323, 324, 325
XMP = 700
SUB_DIRECTORIES, SAMPLE_FORMAT, JPEG_TABLES, ICC_PROFILE = 330, 339, 347, 34675
NDPI_FORMAT, NDPI_LENS, NDPI_FOCUS, NDPI_STARTS, NDPI_STARTS_HIGH = 65420, 65421, 65424, 65426, 65432
NDPI_X_OFFSET, NDPI_Y_OFFSET = 65422, 65423
NDPI_FILTER, NDPI_SERIAL, NDPI_PROPERTIES = 65434, 65442, 65449

#: Directories of one file, and entries of one directory: far beyond what a slide has.
DIRECTORIES_LIMIT = 4096
ENTRIES_LIMIT = 4096

#: Bytes of one value. The offsets of 16 million tiles are 128 MB.
VALUE_LIMIT_BYTES = 128 * 1024 * 1024

_TYPES: Mapping[int, str] = {
    1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "i4",
    11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
_RATIONALS = frozenset({5, 10})


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int  # where the value begins
    value: bytes = b""  # itself, where it lies in two halves (NDPI)

    @property
    def length(self) -> int:
        return self.count * np.dtype(_TYPES[self.kind]).itemsize * (2 if self.kind in _RATIONALS else 1)


class Tiff:
    """An open file. Raises Damaged where what it says does not hold."""

    def __init__(self, path: os.PathLike[str]) -> None:
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Damaged(f"it cannot be read: {error.strerror}") from error
        try:
            self.size = os.fstat(self.descriptor).st_size
            self._begin()
            if not self._first:
                raise Damaged("it has no directory")
        except BaseException:
            os.close(self.descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def read(self, start: int, length: int) -> bytes:
        """So many bytes of it. Raises Damaged where it is shorter."""
        if start < 0 or length < 0 or start + length > self.size:
            raise Damaged("it points beyond its own end")
        parts: list[bytes] = []
        while length:
            part = os.pread(self.descriptor, min(length, 1 << 30), start)
            if not part:
                raise Damaged("it became shorter while it was read")
            parts.append(part)
            start, length = start + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def first(self) -> "Directory":
        """The first directory alone: enough to know what the file is."""
        return self._directory(self._first)[0]

    def directories(self) -> tuple["Directory", ...]:
        """The chain from the first; for those below one of them, `Directory.below`."""
        found, seen, at = [], set[int](), self._first
        while at:
            if at in seen or len(seen) >= DIRECTORIES_LIMIT:
                raise Damaged("its directories run in a loop, or are too many")
            seen.add(at)
            directory, at = self._directory(at)
            found.append(directory)
        return tuple(found)

    def at(self, place: int) -> "Directory":
        """The directory that stands there."""
        return self._directory(place)[0]

    def _begin(self) -> None:
        head = self.read(0, min(16, self.size)).ljust(16, b"\0")
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        (version,) = struct.unpack_from((self.order or "<") + "H", head, 2)
        if not self.order or version not in (42, 43):
            raise Damaged("it is no TIFF")
        self._is_big = version == 43
        self.is_ndpi = False
        if self._is_big:
            widths, zero, self._first = struct.unpack_from(f"{self.order}HHQ", head, 4)
            if widths != 8 or zero:
                raise Damaged("a BigTIFF whose offsets are not of eight bytes")
            return
        (self._first,) = struct.unpack_from(f"{self.order}I", head, 4)
        if self.order == "<":
            self._ndpi(*struct.unpack_from("<Q", head, 4))

    def _ndpi(self, long_first: int) -> None:
        """A classic header, but every offset has eight bytes: known by its own tag alone."""
        for first in {long_first, self._first}:
            try:
                directory, _ = self._directory(first)
            except Damaged:
                continue
            if NDPI_FORMAT in directory:
                self._first, self.is_ndpi = first, True
                return

    def _directory(self, at: int) -> tuple["Directory", int]:
        """One directory, and where the next one stands."""
        is_big, order = self._is_big, self.order
        (count,) = struct.unpack(f"{order}{'Q' if is_big else 'H'}", self.read(at, 8 if is_big else 2))
        if not 0 < count <= ENTRIES_LIMIT:
            raise Damaged("a directory without entries, or with too many")
        at += 8 if is_big else 2
        width, layout = (20, f"{order}HHQQ") if is_big else (12, f"{order}HHII")
        raw = self.read(at, count * width)
        behind = at + count * width
        wide = is_big or self.is_ndpi
        (following,) = struct.unpack(f"{order}{'Q' if wide else 'I'}", self.read(behind, 8 if wide else 4))
        high = self.read(behind + 8, 4 * count) if self.is_ndpi else b""
        entries: dict[int, _Entry] = {}
        for number in range(count):
            tag, kind, values, place = struct.unpack_from(layout, raw, number * width)
            if kind not in _TYPES:
                continue
            entry = _Entry(kind, values, at + number * width + (12 if is_big else 8))
            if entry.length > (8 if is_big else 4):
                if high:
                    place += struct.unpack_from("<I", high, 4 * number)[0] << 32
                entry = _Entry(kind, values, place)
            elif high[4 * number : 4 * number + 4].strip(b"\0") and (kind, values) == (4, 1):
                both = struct.pack("<I", place) + high[4 * number : 4 * number + 4]
                entry = _Entry(16, 1, at, both)
            entries.setdefault(tag, entry)
        return Directory(self, entries), following


class Held:
    """Bytes that a file holds in another coding, read as a file is."""

    order = "<"

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, start: int, length: int) -> bytes:
        """So many bytes. Raises Damaged where there are fewer."""
        if start < 0 or length < 0 or start + length > self.size:
            raise Damaged("it points beyond its own end")
        return self._content[start : start + length]


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """One picture of the file: its tags, read as they are asked for."""

    tiff: Tiff | Held
    entries: Mapping[int, _Entry]

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def below(self) -> tuple["Directory", ...]:
        """Those that SubIFDs (330) names: smaller levels of the same picture, in OME-TIFF."""
        places = self.places(SUB_DIRECTORIES).tolist()
        if len(places) > DIRECTORIES_LIMIT:
            raise Damaged("its directories are too many")
        return tuple(self.tiff.at(place) for place in places) if isinstance(self.tiff, Tiff) else ()

    def raw(self, tag: int) -> bytes:
        """A value's bytes as they lie; none where the tag is absent."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        if entry.value:
            return entry.value
        if entry.length > VALUE_LIMIT_BYTES:
            raise Damaged("one of its values is larger than any slide's")
        return self.tiff.read(entry.at, entry.length)

    def numbers(self, tag: int) -> NDArray[Any]:
        """All values of a tag, fractions as floating point; none where it is absent."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind == 2:
            return np.zeros(0, dtype=np.uint64)
        values: NDArray[Any] = np.frombuffer(self.raw(tag), dtype=f"{self.tiff.order}{_TYPES[entry.kind]}")
        if entry.kind in _RATIONALS:
            above, beneath = values[::2].astype(float), values[1::2].astype(float)
            return np.asarray(np.divide(above, beneath, out=np.zeros_like(above), where=beneath != 0))
        return values

    def places(self, tag: int) -> NDArray[np.int64]:
        """Offsets or lengths. Raises Damaged for one that no file reaches."""
        values = self.numbers(tag)
        if values.dtype.kind not in "ui" or (len(values) and (values.max() > 1 << 60 or values.min() < 0)):
            raise Damaged("it has offsets that no file reaches")
        return values.astype(np.int64)

    def number(self, tag: int, default: int = 0) -> int:
        """The first value, whole."""
        values = self.numbers(tag)
        return int(values[0]) if len(values) else default

    def fraction(self, tag: int) -> float:
        """The first value; 0 where there is none."""
        values = self.numbers(tag)
        found = float(values[0]) if len(values) else 0.0
        return found if np.isfinite(found) else 0.0

    def text(self, tag: int) -> str:
        """Text up to its end mark, in UTF-8 or, failing that, Latin-1."""
        raw = self.raw(tag).split(b"\0")[0]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
