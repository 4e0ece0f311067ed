"""A slide's file becomes one series: an instance a level, and its label, overview and thumbnail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, zip_longest
from pathlib import Path

from ologies.case import Case
from ologies.errors import Damaged
from ologies.recognition import Kind
from ologies.slides.aperio import read_aperio
from ologies.slides.barcodes import barcodes_of
from ologies.slides.coding import lossless, lossy
from ologies.slides.generic import read_generic
from ologies.slides.instance import Part, instance
from ologies.slides.pyramid import can_be_shrunk, made_below, missing_below
from ologies.slides.raster import Raster
from ologies.slides.slide import Flavour, SettledSlide, Slide, settle_slide
from ologies.slides.tiff import Directory, Tiff
from ologies.slides.tiles import Tiled, tiled
from ologies.slides.whole import whole
from ologies.writing import Made

_READERS: Mapping[Kind, Callable[[Sequence[Directory]], Slide]] = {
    Kind.SVS: read_aperio,
    Kind.SLIDE_TIFF: read_generic,
}
SLIDE_KINDS = frozenset(_READERS)


def wrap_slide(path: Path, kind: Kind, case: Case, digest: str, scratch: Path) -> Iterator[Made]:
    """The largest level first. Raises Damaged, and Asked for all that a person has to say."""
    with Tiff(path) as file:
        slide = _READERS[kind](file.directories())
        if not slide.levels:
            raise Damaged("it has no level")
        slide = replace(slide, barcodes=barcodes_of(slide.others))
        yield from _Series(slide, settle_slide(case, slide), digest, scratch).objects()


@dataclass(frozen=True, slots=True)
class _Series:
    slide: Slide
    settled: SettledSlide
    digest: str
    scratch: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def objects(self) -> Iterator[Made]:
        levels = self.slide.levels
        for level, following in zip_longest(levels, levels[1:]):
            found = tiled(level) if level.is_tiled else whole(level)
            yield self._level(found, level is not levels[0])
            below = (following.columns_px, following.rows_px) if following is not None else None
            yield from self._made_below(level, found, below)
        for flavour, raster in self.slide.others:
            yield self._other(flavour, raster)

    def _made_below(self, level: Raster, found: Tiled, below: tuple[int, int] | None) -> Iterator[Made]:
        sizes = missing_below((level.columns_px, level.rows_px), below)
        if not can_be_shrunk(level):
            return
        coding = lossless(level.samples, level.bits)
        if found.lossy is not None and level.bits == 8:
            coding = lossy(level.samples)
        for made in made_below(level, sizes, coding, self.scratch):
            yield self._level(made, True, found.lossy)

    def _level(self, found: Tiled, is_resampled: bool, before: tuple[str, float] | None = None) -> Made:
        part = Part(
            number=next(self.numbers),
            name=f"level {found.columns_px} x {found.rows_px}",
            flavour=Flavour.VOLUME,
            is_resampled=is_resampled,
            spacing_mm=self._spacing(found),
            lossy_before=before,
        )
        return self._made(found, part)

    def _other(self, flavour: Flavour, raster: Raster) -> Made:
        found = tiled(raster) if raster.is_tiled else whole(raster)
        is_small = flavour is Flavour.THUMBNAIL
        number = next(self.numbers)
        part = Part(
            number=number,
            name=f"{flavour.value} {number}",
            flavour=flavour,
            is_resampled=is_small,
            spacing_mm=self._spacing(found) if is_small else None,
        )
        return self._made(found, part)

    def _made(self, found: Tiled, part: Part) -> Made:
        notes = (*self.slide.notes, *self.settled.notes)
        return instance(found, part, self.settled, self.digest, self.slide.colour_profile, notes)

    def _spacing(self, found: Tiled) -> tuple[float, float]:
        """Every level shows the whole: its pixels are larger as it has fewer."""
        base = self.slide.levels[0]
        across, down = self.settled.microns_per_pixel
        return (
            across / 1000 * base.columns_px / found.columns_px,
            down / 1000 * base.rows_px / found.rows_px,
        )
