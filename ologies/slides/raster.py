"""How the pixels of one TIFF directory lie: tiles or strips, where each is, and how it is compressed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ologies.errors import Damaged
from ologies.slides import tiff
from ologies.slides.jpeg import head_of
from ologies.slides.tiff import Directory, Held

#: A slide of 30 x 30 cm at 0.1 micron; no glass is as large.
SIDE_LIMIT_PX = 3_000_000

#: One tile, or one strip, is decoded whole where it is decoded at all.
TILE_LIMIT_PX = 64 * 1024 * 1024

#: Tiles that share their bytes (empty ones) are known; a file many times larger than itself is a bomb.
SHARED_LIMIT = 8

#: Tiles that lie near one another are read together, so many bytes at a time.
READ_BYTES = 4 * 1024 * 1024


class Compression(Enum):
    """Compression (259) of the slides that are understood."""

    NONE = 1
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    PACKBITS = 32773
    ADOBE_DEFLATE = 32946
    APERIO_YBR = 33003  # JPEG 2000, its colours transformed outside of the codestream
    APERIO_RGB = 33005
    JPEG_2000 = 34712


JPEG_2000_KINDS = frozenset({Compression.APERIO_YBR, Compression.APERIO_RGB, Compression.JPEG_2000})


class Colour(Enum):
    """PhotometricInterpretation (262)."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    YBR = 6


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """One picture. Tiles are numbered from the top left, rows after one another; a strip is a wide tile."""

    directory: Directory
    columns_px: int
    rows_px: int
    tile_columns_px: int
    tile_rows_px: int
    is_tiled: bool
    compression: Compression
    colour: Colour
    samples: int
    bits: int
    is_planar: bool  # each sample has tiles of its own, behind those of the one before
    has_predictor: bool
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def across(self) -> int:
        """Tiles of a row."""
        return -(-self.columns_px // self.tile_columns_px)

    @property
    def down(self) -> int:
        """Rows of tiles."""
        return -(-self.rows_px // self.tile_rows_px)

    @property
    def compressed_bytes(self) -> int:
        """Of all tiles."""
        return int(self.lengths.sum())

    def stored(self, numbers: range | None = None) -> Iterator[memoryview]:
        """The tiles' bytes as they lie, in their order; an absent tile is empty.

        Read in long runs, the next one while the one before is at work.
        """
        chosen = range(len(self.offsets)) if numbers is None else numbers
        runs = self._runs(
            self.offsets[chosen.start : chosen.stop].tolist(),
            self.lengths[chosen.start : chosen.stop].tolist(),
        )
        first = next(runs, None)
        if first is None:
            return
        following = next(runs, None)
        if following is None:
            yield from self._run(*first)
            return
        with ThreadPoolExecutor(1) as reader:
            reading = reader.submit(self._run, *first)
            while following is not None:
                tiles, reading = reading.result(), reader.submit(self._run, *following)
                yield from tiles
                following = next(runs, None)
            yield from reading.result()

    @staticmethod
    def _runs(offsets: list[int], lengths: list[int]) -> Iterator[tuple[list[int], list[int]]]:
        """Tiles that lie behind one another, but for what a writer aligns or keeps between."""
        first = 0
        while first < len(offsets):
            start, last, stop = offsets[first], first + 1, offsets[first] + lengths[first]
            while last < len(offsets) and lengths[first]:
                end = offsets[last] + lengths[last]
                if not stop <= offsets[last] <= stop + 4096 or end - start > READ_BYTES:
                    break
                last, stop = last + 1, end
            yield offsets[first:last], lengths[first:last]
            first = last

    def _run(self, offsets: list[int], lengths: list[int]) -> list[memoryview]:
        start, stop = offsets[0], offsets[-1] + lengths[-1]
        run = memoryview(self.directory.tiff.read(start, stop - start) if stop > start else b"")
        return [run[at - start : at - start + length] for at, length in zip(offsets, lengths, strict=True)]

    def tile(self, number: int) -> memoryview:
        """The bytes of one."""
        return next(self.stored(range(number, number + 1)))


def raster_of_jpeg(content: bytes) -> Raster:
    """A JPEG by itself, which a file holds beside its directories. Raises Damaged where it is none."""
    head = head_of(content)
    colour = Colour.RGB if head.is_rgb else Colour.YBR if head.samples == 3 else Colour.BLACK_IS_ZERO
    whole = np.array([0], dtype=np.int64), np.array([len(content)], dtype=np.int64)
    size = head.columns_px, head.rows_px
    made = Raster(
        Directory(Held(content), {}), *size, *size, False, Compression.JPEG, colour, head.samples, head.bits,
        False, False, *whole,
    )  # fmt: skip
    _checked(made)
    return made


def cropped(raster: Raster, columns_px: int, rows_px: int) -> Raster:
    """The same without what lies to the right of, or below, what it shows."""
    columns_px, rows_px = min(columns_px, raster.columns_px), min(rows_px, raster.rows_px)
    across = -(-columns_px // raster.tile_columns_px)
    down = -(-rows_px // raster.tile_rows_px)
    planes = -1, raster.down, raster.across
    offsets = raster.offsets.reshape(planes)[:, :down, :across].ravel()
    lengths = raster.lengths.reshape(planes)[:, :down, :across].ravel()
    return replace(raster, columns_px=columns_px, rows_px=rows_px, offsets=offsets, lengths=lengths)


def raster_of(directory: Directory) -> Raster:
    """Raises Damaged for what no slide is: absurd sizes, tiles beyond the file, unknown compression."""
    columns, rows = directory.number(tiff.WIDTH), directory.number(tiff.LENGTH)
    if not (0 < columns <= SIDE_LIMIT_PX and 0 < rows <= SIDE_LIMIT_PX):
        raise Damaged("it has no rows or columns, or more than any slide")
    is_tiled = tiff.TILE_WIDTH in directory
    if is_tiled:
        wide, high = directory.number(tiff.TILE_WIDTH), directory.number(tiff.TILE_LENGTH)
        offsets, lengths = directory.places(tiff.TILE_OFFSETS), directory.places(tiff.TILE_BYTES)
    else:
        wide, high = columns, min(directory.number(tiff.ROWS_PER_STRIP, rows), rows)
        offsets, lengths = directory.places(tiff.STRIP_OFFSETS), directory.places(tiff.STRIP_BYTES)
    if not (0 < wide <= SIDE_LIMIT_PX and 0 < high <= SIDE_LIMIT_PX):
        raise Damaged("its tiles have no size, or an absurd one")
    bits = directory.numbers(tiff.BITS)
    made = Raster(
        directory,
        columns,
        rows,
        wide,
        high,
        is_tiled,
        _one_of(Compression, directory.number(tiff.COMPRESSION, 1), "compression"),
        _one_of(Colour, directory.number(tiff.PHOTOMETRIC, 1), "kind of colour"),
        directory.number(tiff.SAMPLES, 1),
        int(bits[0]) if len(bits) else 1,
        directory.number(tiff.PLANAR, 1) == 2,
        directory.number(tiff.PREDICTOR, 1) == 2,
        offsets,
        lengths,
    )
    _checked(made)
    return made


def _one_of(kind: Any, value: int, what: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise Damaged(f"a {what} ({value}) that no slide here is known to have") from None


def _checked(raster: Raster) -> None:
    of_each = raster.samples if raster.is_planar else 1
    if raster.samples not in (1, 3):
        raise Damaged(f"{raster.samples} samples a pixel: one or three are understood")
    if raster.bits not in (8, 16) or raster.directory.number(tiff.SAMPLE_FORMAT, 1) not in (0, 1):
        raise Damaged("its samples are not whole numbers of 8 or 16 bits")
    needed = raster.across * raster.down * of_each
    if len(raster.offsets) != needed or len(raster.lengths) != needed:
        raise Damaged("it has another number of tiles than its size needs")
    ends = np.where(raster.lengths > 0, raster.offsets + raster.lengths, 0)
    size = raster.directory.tiff.size
    if len(ends) and int(ends.max()) > size:
        raise Damaged("its tiles lie beyond its own end")
    if raster.compressed_bytes > SHARED_LIMIT * size:
        raise Damaged("its tiles are the same bytes over and over, more than any slide's")
