"""A slide's file becomes one series: an instance a level, and its label, overview and thumbnail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from ologies.case import Case
from ologies.errors import Damaged
from ologies.recognition import Kind, recognise
from ologies.slides.aperio import read_aperio
from ologies.slides.barcodes import barcodes_of
from ologies.slides.coding import lossless, lossy
from ologies.slides.cutting import cut
from ologies.slides.generic import read_generic
from ologies.slides.hamamatsu import read_hamamatsu
from ologies.slides.ome import read_ome
from ologies.slides.philips import read_philips
from ologies.slides.pyramid import bands_below, can_be_shrunk, made_below, missing_below, tile_like
from ologies.slides.raster import Raster
from ologies.slides.series import Series
from ologies.slides.slide import Slide, settle_slide
from ologies.slides.tiff import Directory, Tiff
from ologies.slides.tiles import Tiled, one_after_another, tiled
from ologies.slides.whole import whole
from ologies.writing import Made

_READERS: Mapping[Kind, Callable[[Sequence[Directory]], Slide]] = {
    Kind.SVS: read_aperio,
    Kind.NDPI: read_hamamatsu,
    Kind.PHILIPS_TIFF: read_philips,
    Kind.OME_TIFF: read_ome,
    Kind.SLIDE_TIFF: read_generic,
}
SLIDE_KINDS = frozenset(_READERS)


def wrap_slide(path: Path, kind: Kind, case: Case, digest: str, scratch: Path) -> Iterator[Made]:
    """The largest level first. Raises Damaged, and Asked for all that a person has to say."""
    with Tiff(path) as file:
        slide = _READERS[kind](file.directories())
        if not slide.levels:
            raise Damaged("it has no level")
        slide = replace(_once(slide), barcodes=barcodes_of(slide.others))
        base = slide.levels[0]
        series = Series((base.columns_px, base.rows_px), settle_slide(case, slide), digest)
        yield from _objects(series, slide, scratch)


def label_of(path: Path) -> tuple[str, ...]:
    """What the barcodes of a slide's label say; nothing where it has none, or is no slide. Raises Damaged."""
    kind = recognise(path)
    if kind not in _READERS:
        return ()
    with Tiff(path) as file:
        return barcodes_of(_READERS[kind](file.directories()).others)


def _objects(series: Series, slide: Slide, scratch: Path) -> Iterator[Made]:
    channels = list(zip(slide.levels, *slide.further, strict=True))
    for level, following in zip_longest(channels, channels[1:]):
        found = one_after_another([_tiled(channel) for channel in level])
        yield series.level(found, level is not channels[0])
        below = (following[0].columns_px, following[0].rows_px) if following is not None else None
        yield from _made_below(series, level, found, below, scratch)
    for flavour, raster in slide.others:
        yield series.other(flavour, _tiled(raster))


def _once(slide: Slide) -> Slide:
    """A level of each size: others of the same size are further focal planes, which are told and left out."""
    sizes = [(level.columns_px, level.rows_px) for level in slide.levels]
    kept = [place for place, size in enumerate(sizes) if size not in sizes[:place]]
    if len(kept) == len(sizes):
        return slide
    note = f"{len(sizes) - len(kept)} pictures of the same size as another are not part of it"
    return replace(
        slide,
        levels=tuple(slide.levels[place] for place in kept),
        further=tuple(tuple(channel[place] for place in kept) for channel in slide.further),
        notes=(*slide.notes, note),
    )


def _tiled(raster: Raster) -> Tiled:
    """Tiles as they lie, cut from one long strip, or the picture as one frame."""
    return tiled(raster) if raster.is_tiled else cut(raster) or whole(raster)


def _made_below(
    series: Series, level: Sequence[Raster], found: Tiled, below: tuple[int, int] | None, scratch: Path
) -> Iterator[Made]:
    first = level[0]
    sizes = missing_below((first.columns_px, first.rows_px), below)
    if not can_be_shrunk(first):
        return
    coding = lossless(first.samples, first.bits)
    if found.lossy is not None and first.bits == 8:
        coding = lossy(first.samples)
    tile = tile_like(first)
    of_each = [made_below(bands_below(channel), sizes, coding, scratch, tile) for channel in level]
    for made in zip(*of_each, strict=True):
        yield series.level(one_after_another(made), True, found.lossy)
