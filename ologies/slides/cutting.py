"""Hamamatsu's levels are one JPEG each: tiles are cut from it at its restart markers, without decoding.

Between two markers lies a run of blocks, part of a row or all of it, that begins anew; where each run starts
is kept beside the picture (65426). A tile is some runs wide and many rows high, its head written to fit.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import JPEGBaseline8Bit

from ologies.errors import Damaged
from ologies.slides import tiff
from ologies.slides.coding import Coding
from ologies.slides.jpeg import END, Head, head_of, joined
from ologies.slides.raster import Colour, Compression, Raster
from ologies.slides.tiles import Tiled

#: What stands before the first run, at most.
_HEAD_BYTES = 64 * 1024

#: A tile has about so many pixels, and so many columns where runs are shorter.
_TILE_PX = 1024 * 1024
_TILE_COLUMNS_PX = 1024


def cut(raster: Raster) -> Tiled | None:
    """None where it has no restart markers, or they do not stand at the ends of rows."""
    if raster.is_tiled or len(raster.offsets) != 1 or raster.compression is not Compression.JPEG:
        return None
    at, length = int(raster.offsets[0]), int(raster.lengths[0])
    opening = raster.directory.tiff.read(at, min(length, _HEAD_BYTES))
    head = head_of(opening)
    starts = _starts(raster)
    if not head.restart_blocks or len(starts) < 2 or not head.is_baseline or head.bits != 8:
        return None
    is_rgb = raster.colour is Colour.RGB and raster.samples == 3
    blocks = -(-raster.columns_px // head.block_columns_px)
    if blocks % head.restart_blocks or head.samples != raster.samples or head.is_rgb != is_rgb:
        return None
    runs = blocks // head.restart_blocks  # of one row
    rows = -(-raster.rows_px // head.block_rows_px)
    if len(starts) != runs * rows:
        raise Damaged("it has another number of restart markers than its size needs")
    ends = np.append(starts[1:] - 2, length)
    if starts[0] < head.scan_at or ends[-1] > length or (ends < starts).any():
        raise Damaged("its restart markers run backwards, or beyond its end")
    run_px = head.restart_blocks * head.block_columns_px
    wide = min(runs, max(1, _TILE_COLUMNS_PX // run_px))
    high = max(16, min(1024, _TILE_PX // (wide * run_px)) // 16 * 16) // head.block_rows_px
    high = min(high, rows)
    if wide * run_px > 0xFFFF:
        return None
    photometric = "MONOCHROME2" if raster.samples == 1 else "RGB" if is_rgb else "YBR_FULL_422"
    grid = _Grid(raster, at, opening[: head.scan_at], head, starts, ends, runs, rows, wide, high)
    return Tiled(
        raster.columns_px, raster.rows_px, wide * run_px, high * head.block_rows_px,
        Coding(JPEGBaseline8Bit, photometric), grid.frames(), length,
    )  # fmt: skip


def _starts(raster: Raster) -> NDArray[np.int64]:
    """Where each run starts, from the picture's first byte; upper halves are kept apart."""
    low = raster.directory.places(tiff.NDPI_STARTS)
    high = raster.directory.places(tiff.NDPI_STARTS_HIGH)
    return low + (high << 32) if len(high) == len(low) else low


class _Grid:
    """The runs of one picture, put together to tiles."""

    def __init__(
        self,
        raster: Raster,
        at: int,
        opening: bytes,
        head: Head,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        runs: int,
        rows: int,
        wide: int,
        high: int,
    ) -> None:
        self._read, self._at = raster.directory.tiff.read, at
        self._opening, self._head = opening, head
        self._starts, self._ends = starts, ends
        self._runs, self._rows, self._wide, self._high = runs, rows, wide, high

    def frames(self) -> Iterator[bytes]:
        """Beyond the last row or column it is repeated: nobody sees what lies outside of the matrix."""
        size = (
            self._wide * self._head.restart_blocks * self._head.block_columns_px,
            self._high * self._head.block_rows_px,
        )
        for top in range(0, self._rows, self._high):
            rows = self._row_of_tiles(top)
            for left in range(0, self._runs, self._wide):
                chosen = [
                    rows[min(row, len(rows) - 1)][min(run, self._runs - 1)]
                    for row in range(self._high)
                    for run in range(left, left + self._wide)
                ]
                yield joined(self._opening, self._head, size, self._head.restart_blocks, chosen)

    def _row_of_tiles(self, top: int) -> list[list[memoryview]]:
        """The runs of each row of blocks, read together. Raises Damaged where no marker ends one."""
        first, last = top * self._runs, min(top + self._high, self._rows) * self._runs
        start, stop = int(self._starts[first]), int(self._ends[last - 1])
        whole = memoryview(self._read(self._at + start, stop - start))
        found: list[memoryview] = []
        for number in range(first, last):
            run = whole[int(self._starts[number]) - start : int(self._ends[number]) - start]
            behind = whole[int(self._ends[number]) - start :][:2]
            if len(behind) == 2 and not (behind[0] == 0xFF and 0xD0 <= behind[1] <= 0xD7):
                raise Damaged("its restart markers do not stand where it says")
            found.append(run)
        if last == self._rows * self._runs:  # the last run ends with the picture
            end = bytes(found[-1]).rfind(END)
            if end < 0:
                raise Damaged("one of its pictures is cut off")
            found[-1] = found[-1][:end]
        return [found[each : each + self._runs] for each in range(0, len(found), self._runs)]
