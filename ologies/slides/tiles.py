"""The frames of one picture of the file, in DICOM's order: copied where that can be, else coded anew once."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from pydicom.uid import JPEGBaseline8Bit

from ologies.codestreams import Picture, read_picture
from ologies.errors import Damaged
from ologies.slides import tiff
from ologies.slides.coding import Coding, Pixels, decode, encode, lossless, lossy
from ologies.slides.jpeg import completed
from ologies.slides.raster import JPEG_2000_KINDS, TILE_LIMIT_PX, Colour, Compression, Raster

#: That decode and encode side by side.
THREADS = os.cpu_count() or 1

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True, eq=False)
class Tiled:
    """A picture as an object will hold it: frames from the top left, rows after one another (TILED_FULL)."""

    columns_px: int
    rows_px: int
    tile_columns_px: int
    tile_rows_px: int
    coding: Coding
    frames: Iterable[bytes]
    stored_bytes: int  # of all frames in the file, compressed
    lossy_before: str | None = None  # how these bytes were compressed, where they were decoded
    notes: tuple[str, ...] = ()
    paths: int = 1  # optical paths: all tiles of one, then all of the next

    @property
    def count(self) -> int:
        """Frames."""
        across = -(-self.columns_px // self.tile_columns_px)
        return across * -(-self.rows_px // self.tile_rows_px) * self.paths

    @property
    def lossy(self) -> tuple[str, float] | None:
        """How its pixels were compressed with loss, and how much (0028,2114 and 0028,2112)."""
        method = self.lossy_before or self.coding.method
        pixels = self.count * self.tile_columns_px * self.tile_rows_px
        ratio = pixels * self.coding.samples * self.coding.bits / 8 / max(1, self.stored_bytes)
        return None if method is None else (method, ratio)


def tiled(raster: Raster) -> Tiled:
    """Raises Damaged where not even the first tile is what the directory says."""
    present = np.flatnonzero(raster.lengths)
    if not len(present):
        raise Damaged("one of its pictures has no tile at all")
    if max(raster.tile_columns_px, raster.tile_rows_px) > 0xFFFF or (
        raster.tile_columns_px * raster.tile_rows_px > TILE_LIMIT_PX
    ):
        raise Damaged("its tiles are larger than any slide's")
    first = raster.tile(int(present[0]))
    if raster.compression is Compression.JPEG and raster.is_tiled and not raster.is_planar:
        found = _jpeg_copied(raster, first)
    elif raster.compression in JPEG_2000_KINDS and raster.is_tiled and not raster.is_planar:
        found = _jpeg_2000_copied(raster, first)
    else:
        found = None
    return found or _recoded(raster)


def one_after_another(channels: Sequence[Tiled]) -> Tiled:
    """A level of several channels. Raises Damaged where they are not alike."""
    first, *others = channels
    for each in others:
        if _shape(each) != _shape(first):
            raise Damaged("its channels differ in size, in tiles, or in how they are compressed")
    frames = chain.from_iterable(each.frames for each in channels)
    stored = sum(each.stored_bytes for each in channels)
    return replace(first, frames=frames, stored_bytes=stored, paths=len(channels))


def _shape(level: Tiled) -> tuple[Any, ...]:
    return (
        level.columns_px, level.rows_px, level.tile_columns_px, level.tile_rows_px, level.coding,
        level.lossy_before,
    )  # fmt: skip


def side_by_side(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """The results in order, a few at work on as many threads as there are processors."""
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def blank(raster: Raster, coding: Coding) -> bytes:
    """What stands where a file has no tile."""
    return encode(nothing(raster.tile_rows_px, raster.tile_columns_px, coding.samples, coding.bits), coding)


def nothing(rows: int, columns: int, samples: int, bits: int) -> Pixels:
    """White, as glass without tissue is; black where there are no colours, as nothing shines."""
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    return np.full(shape, 0 if samples == 1 else 2**bits - 1, dtype=np.uint8 if bits == 8 else np.uint16)


def _jpeg_copied(raster: Raster, first: memoryview) -> Tiled | None:
    is_rgb = raster.colour is Colour.RGB
    size = (raster.tile_columns_px, raster.tile_rows_px)
    whole = completed(raster.directory.raw(tiff.JPEG_TABLES), first, is_rgb, size)
    if whole is None or whole.first.samples != raster.samples:
        return None
    photometric = "MONOCHROME2" if raster.samples == 1 else "RGB" if is_rgb else "YBR_FULL_422"
    coding = Coding(JPEGBaseline8Bit, photometric)

    def frames() -> Iterator[bytes]:
        empty = b""
        for stored in raster.stored():
            if stored:
                yield whole.frame(stored)
            else:
                empty = empty or blank(raster, coding)
                yield empty

    return _as_it_lies(raster, coding, frames(), len(whole.before) * len(raster.offsets))


def _jpeg_2000_copied(raster: Raster, first: memoryview) -> Tiled | None:
    """None where colours are kept in a way that DICOM has no word for."""
    found = _picture(first)
    if (found.columns, found.rows) != (raster.tile_columns_px, raster.tile_rows_px):
        raise Damaged("its tiles have another size than it says")
    if found.samples != raster.samples or found.bits not in (8, 16) or found.is_signed:
        return None
    if raster.compression is Compression.APERIO_YBR and found.photometric == "RGB":
        return None
    coding = Coding(found.transfer_syntax, found.photometric, found.bits)

    def frames() -> Iterator[bytes]:
        empty = b""
        for stored in raster.stored():
            if not stored:
                empty = empty or blank(raster, coding)
                yield empty
                continue
            this = _picture(stored)
            if (this.columns, this.rows, this.photometric, this.transfer_syntax, this.bits) != (
                found.columns, found.rows, found.photometric, found.transfer_syntax, found.bits,
            ):  # fmt: skip
                raise Damaged("one of its tiles is compressed in another way than the others")
            yield bytes(stored[this.start : this.stop])

    return _as_it_lies(raster, coding, frames(), 0)


def _picture(stored: memoryview) -> Picture:
    return read_picture(lambda start, stop: bytes(stored[start:stop]), len(stored))


def _as_it_lies(raster: Raster, coding: Coding, frames: Iterable[bytes], more: int) -> Tiled:
    return Tiled(
        raster.columns_px, raster.rows_px, raster.tile_columns_px, raster.tile_rows_px, coding, frames,
        raster.compressed_bytes + more,
    )  # fmt: skip


def _recoded(raster: Raster) -> Tiled:
    """Decoded, and coded without further loss."""
    coding = lossless(raster.samples, raster.bits)
    before = lossy(1).method if raster.compression is Compression.JPEG else None
    if raster.compression in JPEG_2000_KINDS:
        before = "ISO_15444_1"
    frames = _recoded_tiles(raster, coding)
    note = (
        ()
        if before is None
        else ("tiles that DICOM cannot take as they are were coded anew, without further loss",)
    )
    return Tiled(
        raster.columns_px, raster.rows_px, raster.tile_columns_px, raster.tile_rows_px, coding, frames,
        raster.compressed_bytes, before, note,
    )  # fmt: skip


def _recoded_tiles(raster: Raster, coding: Coding) -> Iterator[bytes]:
    def recoded(stored: tuple[memoryview, ...]) -> bytes:
        return encode(whole_tile(raster, stored), coding) if all(stored) else b""

    empty = b""
    for frame in side_by_side(recoded, tiles_of(raster)):
        if not frame:
            empty = empty or blank(raster, coding)
        yield frame or empty


def tiles_of(raster: Raster) -> Iterator[tuple[memoryview, ...]]:
    """Each tile's bytes: one part, or one a sample where samples lie apart."""
    if not raster.is_planar:
        yield from ((stored,) for stored in raster.stored())
        return
    count = raster.across * raster.down
    for number in range(count):
        yield tuple(raster.tile(number + count * sample) for sample in range(raster.samples))


def whole_tile(raster: Raster, stored: tuple[memoryview, ...], shrink: int = 1) -> Pixels:
    """Decoded, its samples together."""
    parts = [decode(raster, part, raster.tile_rows_px, shrink) for part in stored]
    return parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
