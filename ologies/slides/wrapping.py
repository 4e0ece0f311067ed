"""A slide's file becomes one series: an instance a level, and its label, overview and thumbnail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ologies.case import Case
from ologies.errors import Damaged
from ologies.recognition import Kind
from ologies.slides.aperio import read_aperio
from ologies.slides.generic import read_generic
from ologies.slides.instance import Part, instance
from ologies.slides.slide import Flavour, Slide, settle_slide
from ologies.slides.tiff import Directory, Tiff
from ologies.slides.tiles import tiled
from ologies.writing import Made

_READERS: Mapping[Kind, Callable[[Sequence[Directory]], Slide]] = {
    Kind.SVS: read_aperio,
    Kind.SLIDE_TIFF: read_generic,
}
SLIDE_KINDS = frozenset(_READERS)


def wrap_slide(path: Path, kind: Kind, case: Case, digest: str) -> Iterator[Made]:
    """The largest level first. Raises Damaged, and Asked for all that a person has to say."""
    with Tiff(path) as file:
        slide = _READERS[kind](file.directories())
        if not slide.levels:
            raise Damaged("it has no level")
        settled = settle_slide(case, slide)
        base = slide.levels[0]
        across, down = (microns / 1000 for microns in settled.microns_per_pixel)
        for number, level in enumerate(slide.levels, 1):
            spacing = (across * base.columns_px / level.columns_px, down * base.rows_px / level.rows_px)
            part = Part(
                number=number,
                name=f"level {level.columns_px} x {level.rows_px}",
                flavour=Flavour.VOLUME,
                is_resampled=level is not base,
                spacing_mm=spacing,
            )
            yield instance(tiled(level), part, settled, digest, slide.colour_profile)
