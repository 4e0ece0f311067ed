"""A small picture in strips (label, overview) as one frame: joined where that can be, else coded anew."""

from collections.abc import Iterator

import numpy as np
from pydicom.uid import JPEGBaseline8Bit

from ologies.errors import Damaged
from ologies.slides import tiff
from ologies.slides.coding import Coding, Pixels, decode, encode, lossless
from ologies.slides.jpeg import END, Completed, completed, head_of, joined
from ologies.slides.raster import TILE_LIMIT_PX, Colour, Compression, Raster
from ologies.slides.tiles import Tiled


def whole(raster: Raster) -> Tiled:
    """Raises Damaged for one that is too large to be one frame."""
    if max(raster.columns_px, raster.rows_px) > 0xFFFF or raster.columns_px * raster.rows_px > TILE_LIMIT_PX:
        raise Damaged("one of its pictures is large, and lies in strips: such levels are not understood")
    if not raster.lengths.all():
        raise Damaged("one of its pictures has lost a part")
    if raster.compression is Compression.JPEG and not raster.is_planar:
        frame = _joined(raster)
        if frame is not None:
            is_rgb = raster.colour is Colour.RGB
            photometric = "MONOCHROME2" if raster.samples == 1 else "RGB" if is_rgb else "YBR_FULL_422"
            return _tiled(raster, Coding(JPEGBaseline8Bit, photometric), frame)
    coding = lossless(raster.samples, raster.bits)
    before = "ISO_10918_1" if raster.compression is Compression.JPEG else None
    return _tiled(raster, coding, encode(pixels_of(raster), coding), before)


def pixels_of(raster: Raster) -> Pixels:
    """All of them, decoded."""
    planes = [
        np.concatenate([decode(raster, raster.tile(first + strip), high) for strip, high in _heights(raster)])
        for first in range(0, len(raster.offsets), raster.down)
    ]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


def _heights(raster: Raster) -> Iterator[tuple[int, int]]:
    for strip in range(raster.down):
        yield strip, min(raster.tile_rows_px, raster.rows_px - strip * raster.tile_rows_px)


def _joined(raster: Raster) -> bytes | None:
    """Each strip begins anew: a run between two restart markers. None where they are not alike."""
    strips = list(raster.stored())
    tables = raster.directory.raw(tiff.JPEG_TABLES)
    size = (raster.columns_px, min(raster.tile_rows_px, raster.rows_px))
    completing = completed(tables, strips[0], raster.colour is Colour.RGB, size)
    if completing is None or completing.first.samples != raster.samples:
        return None
    if len(strips) == 1:
        return completing.frame(strips[0])
    head = completing.first
    across = -(-raster.columns_px // head.block_columns_px)
    blocks = across * (raster.tile_rows_px // head.block_rows_px)
    if raster.tile_rows_px % head.block_rows_px or blocks > 0xFFFF or head.restart_blocks:
        return None
    runs = []
    for strip, high in _heights(raster):
        run = _run(strips[strip], completing, (raster.columns_px, high))
        if run is None:
            return None
        runs.append(run)
    opening = completing.frame(strips[0])
    opening = opening[: head_of(opening).scan_at]
    return joined(opening, head_of(opening), (raster.columns_px, raster.rows_px), blocks, runs)


def _run(strip: memoryview, completing: Completed, size: tuple[int, int]) -> memoryview | None:
    """The coded data of one strip, between its head and its end."""
    head, first = head_of(bytes(strip)), completing.first
    if (head.columns_px, head.rows_px) != size or head.restart_blocks or not head.is_baseline:
        return None
    if bytes(strip[head.frame_at + 4 : head.scan_at]) != completing.opening[first.frame_at + 4 :]:
        return None
    stop = bytes(strip).rfind(END)
    return strip[head.scan_at : stop] if stop >= head.scan_at else None


def _tiled(raster: Raster, coding: Coding, frame: bytes, before: str | None = None) -> Tiled:
    size = raster.columns_px, raster.rows_px
    return Tiled(*size, *size, coding, [frame], len(frame), before)
