"""Hamamatsu's NDPI: a directory a level, told apart by the power of the lens they were taken with."""

import re
from collections.abc import Sequence
from datetime import datetime

from ologies.case import Device
from ologies.errors import Damaged
from ologies.settled import Said
from ologies.slides import tiff
from ologies.slides.generic import microns_of
from ologies.slides.raster import raster_of
from ologies.slides.said import number, plain
from ologies.slides.slide import Flavour, Fluorescence, Slide
from ologies.slides.tiff import Directory

#: Lens (65421) of the picture of the whole glass. The map, -2, says nothing of the slide.
_MACRO = -1.0


def read_hamamatsu(directories: Sequence[Directory]) -> Slide:
    """The plane in focus alone. Raises Damaged where it has none."""
    scanned = [each for each in directories if each.fraction(tiff.NDPI_LENS) > 0]
    levels = [each for each in scanned if each.number(tiff.NDPI_FOCUS) == 0]
    if not levels:
        raise Damaged("it has no level")
    rasters = sorted((raster_of(each) for each in levels), key=lambda level: -level.columns_px)
    base = rasters[0].directory
    macros = [raster_of(each) for each in directories if each.fraction(tiff.NDPI_LENS) == _MACRO]
    others = len(scanned) - len(levels)
    return Slide(
        levels=tuple(rasters),
        others=tuple((Flavour.OVERVIEW, each) for each in macros),
        microns_per_pixel=microns_of(base),
        objective=base.fraction(tiff.NDPI_LENS) or None,
        colour_profile=base.raw(tiff.ICC_PROFILE),
        channels=_channels(base),
        said=Said(
            at=_at(base.text(tiff.DATE_TIME)),
            device=Device(
                manufacturer=plain(base.text(tiff.MAKE)) or "Hamamatsu",
                model=plain(base.text(tiff.MODEL)),
                serial_number=plain(base.text(tiff.NDPI_SERIAL)),
                software=plain(base.text(tiff.SOFTWARE)),
            ),
        ),
        notes=(f"{others} pictures of other focal planes are not part of it",) if others else (),
    )


def _channels(base: Directory) -> tuple[Fluorescence, ...]:
    """A filter's name and the light that it lets through; none in brightfield."""
    name = plain(base.text(tiff.NDPI_FILTER))
    if name is None:
        return ()
    said = re.search(r"(?:^|[\r\n]);?ExcitationWaveLength=(\d+)", base.text(tiff.NDPI_PROPERTIES))
    return (Fluorescence(name, number(said[1]) if said else None),)


def _at(text: str) -> datetime | None:
    for layout in ("%Y:%m:%d %H:%M:%S", "%Y/%m/%d %H:%M:%S"):
        try:
            return datetime.strptime(text.strip(), layout)  # noqa: DTZ007 -- a scanner without a zone says none
        except ValueError:
            continue
    return None
