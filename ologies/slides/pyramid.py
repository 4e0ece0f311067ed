"""The levels that a file leaves out: which they are, and how they are made of the level above, in one pass.

Viewers fetch whole levels to show a part of one: between two there is a factor of four at most, and the
smallest fits a screen. A level is made of pixels that were decoded once, and is compressed once.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ologies.slides.coding import Coding, Pixels, encode, shrunk
from ologies.slides.raster import Raster
from ologies.slides.tiles import THREADS, Tiled, nothing, side_by_side, tiles_of, whole_tile

#: What a made level is smaller by than the one above.
STEP = 4

#: Levels of the file may be a little more than a step apart.
_STEP_LIMIT = 6

#: The longer side of the smallest level, at most.
SMALLEST_PX = 1024

#: The side of a tile that is made here, where the file's own would be unusually small or large.
TILE_PX = 512
_TILES_PX = range(128, 2049)


def missing_below(level: tuple[int, int], following: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Sizes (columns, rows) to be made between a level and the next one of the file, or its end."""
    made: list[tuple[int, int]] = []
    while max(level) / max(following) > _STEP_LIMIT if following else max(level) > SMALLEST_PX:
        level = (-(-level[0] // STEP), -(-level[1] // STEP))
        made.append(level)
    return made


def can_be_shrunk(raster: Raster) -> bool:
    """Whether its tiles meet where they do once each is shrunk by itself."""
    return raster.is_tiled and not raster.tile_columns_px % STEP and not raster.tile_rows_px % STEP


def tile_like(raster: Raster) -> tuple[int, int]:
    """Some readers (wsidicom) take levels for one pyramid only where their tiles have one size."""
    tile = raster.tile_columns_px, raster.tile_rows_px
    return tile if all(side in _TILES_PX for side in tile) else (TILE_PX, TILE_PX)


def made_below(
    bands: Iterable[Pixels],
    sizes: Sequence[tuple[int, int]],
    coding: Coding,
    scratch: Path,
    tile: tuple[int, int] = (TILE_PX, TILE_PX),
) -> Iterator[Tiled]:
    """The levels of those sizes, of the first one's rows as they come.

    Frames lie in files without a name until each level is written.
    """
    if not sizes:
        return
    with ThreadPoolExecutor(THREADS) as pool:
        levels = [_Made(size, tile, coding, tempfile.TemporaryFile(dir=scratch), pool) for size in sizes]  # noqa: SIM115
        for upper, lower in pairwise(levels):
            upper.lower = lower
        for band in bands:
            levels[0].take(band)
        levels[0].end()
    for level in levels:
        with level.file:
            yield Tiled(
                *level.size, *tile, coding, level.frames(), sum(level.lengths)
            )  # fmt: skip


def bands_below(raster: Raster) -> Iterator[Pixels]:
    """The level a step smaller, one row of its tiles after the other."""
    columns, rows = -(-raster.columns_px // STEP), -(-raster.rows_px // STEP)

    def small(stored: tuple[memoryview, ...]) -> Pixels:
        if all(stored):
            return whole_tile(raster, stored, STEP)
        size = raster.tile_rows_px // STEP, raster.tile_columns_px // STEP
        return nothing(*size, raster.samples, raster.bits)

    row: list[Pixels] = []
    for tile in side_by_side(small, tiles_of(raster)):
        row.append(tile)
        if len(row) == raster.across:
            band = np.concatenate(row, axis=1)[:rows, :columns]
            rows -= len(band)
            yield band
            row = []


@dataclass(slots=True)
class _Made:
    """One level while it is made."""

    size: tuple[int, int]
    tile: tuple[int, int]  # columns, rows
    coding: Coding
    file: BinaryIO
    pool: ThreadPoolExecutor
    lower: "_Made | None" = None
    lengths: list[int] = field(default_factory=list)
    waiting: list[Pixels] = field(default_factory=list)

    def take(self, band: Pixels) -> None:
        """The next rows of its pixels."""
        self.waiting.append(band)
        if sum(map(len, self.waiting)) >= self.tile[1]:
            pixels = np.concatenate(self.waiting)
            whole = len(pixels) - len(pixels) % self.tile[1]
            self.waiting = [pixels[whole:]] if whole < len(pixels) else []
            for top in range(0, whole, self.tile[1]):
                self._row(pixels[top : top + self.tile[1]])

    def end(self) -> None:
        """All rows have come."""
        if self.waiting:
            self._row(np.concatenate(self.waiting))
        if self.lower is not None:
            self.lower.end()

    def frames(self) -> Iterator[bytes]:
        """In their order."""
        self.file.seek(0)
        for length in self.lengths:
            yield self.file.read(length)

    def _row(self, pixels: Pixels) -> None:
        columns, (wide, high) = pixels.shape[1], self.tile
        beyond = [(0, high - len(pixels)), (0, -columns % wide)] + [(0, 0)] * (pixels.ndim - 2)
        whole = np.pad(pixels, beyond, mode="edge") if any(map(any, beyond)) else pixels
        tiles = (whole[:, left : left + wide] for left in range(0, columns, wide))
        for frame in self.pool.map(lambda tile: encode(tile, self.coding), tiles):
            self.lengths.append(len(frame))
            self.file.write(frame)
        if self.lower is not None:
            self.lower.take(shrunk(pixels, STEP))
