"""A tiled TIFF that no scanner signed: its levels are directories, each smaller than the one before."""

from collections.abc import Sequence

from ologies.case import Device
from ologies.errors import Damaged
from ologies.settled import Said
from ologies.slides import tiff
from ologies.slides.raster import Raster, raster_of
from ologies.slides.slide import Slide
from ologies.slides.tiff import Directory

#: Resolutions that only a microscope has. Coarser ones are dots per inch, which measure no tissue.
_MICRONS_LIMIT = 2.0

#: Levels show the same: their sides have the same proportion, but for rounding.
_PROPORTION = 0.02


def read_generic(directories: Sequence[Directory]) -> Slide:
    """Raises Damaged where it has no tiled picture."""
    first = directories[0]
    below = first.below()
    tiled = [raster_of(each) for each in (*directories, *below) if tiff.TILE_WIDTH in each]
    if not tiled:
        raise Damaged("it has no tiles")
    base = max(tiled, key=lambda level: level.columns_px * level.rows_px)
    levels = sorted(
        (each for each in tiled if shows_the_same(each, base)), key=lambda level: -level.columns_px
    )
    left_out = len(directories) + len(below) - len(levels)
    return Slide(
        levels=tuple(levels),
        microns_per_pixel=microns_of(base.directory),
        colour_profile=base.directory.raw(tiff.ICC_PROFILE),
        said=Said(device=Device(manufacturer=None)),
        notes=(f"{left_out} other pictures of the file are not part of its pyramid",) if left_out else (),
    )


def shows_the_same(level: Raster, base: Raster) -> bool:
    """Whether one is a smaller picture of the other."""
    if level.samples != base.samples or level.columns_px > base.columns_px:
        return False
    by_columns, by_rows = base.columns_px / level.columns_px, base.rows_px / level.rows_px
    # One pixel more or less of a small level is much.
    allowed = _PROPORTION + 1 / min(level.columns_px, level.rows_px)
    return abs(by_columns / by_rows - 1) <= allowed


def microns_of(directory: Directory) -> tuple[float, float] | None:
    """What its resolution says, where that is a microscope's."""
    microns = {2: 25_400.0, 3: 10_000.0}.get(directory.number(tiff.RESOLUTION_UNIT, 2), 0.0)
    across, down = directory.fraction(tiff.X_RESOLUTION), directory.fraction(tiff.Y_RESOLUTION)
    if not microns or across <= 0 or down <= 0:
        return None
    found = microns / across, microns / down
    return found if min(found) > 0.01 and max(found) <= _MICRONS_LIMIT else None
