"""What is drawn in a file of any kind that is understood."""

from collections.abc import Iterator
from pathlib import Path

from ologies.annotations.aperio import read_aperio
from ologies.annotations.geojson import read_geojson
from ologies.annotations.hamamatsu import Grid, centre_beside, read_hamamatsu
from ologies.annotations.mark import Drawing, Mark, gathered
from ologies.annotations.slide import Slide
from ologies.case import Case
from ologies.errors import Damaged
from ologies.recognition import Kind

ANNOTATION_KINDS = frozenset({Kind.GEOJSON, Kind.APERIO_XML, Kind.NDPA})

#: Of the file: a million cells with their measurements.
_LENGTH_LIMIT = 2 << 30


def with_centre(path: Path, kind: Kind, case: Case) -> Case:
    """The same case, with what the slide beside Hamamatsu's annotations says of where its picture lies."""
    centre = centre_beside(path) if kind is Kind.NDPA and case.slide.centre_offset_nm is None else None
    if centre is None:
        return case
    return case.model_copy(update={"slide": case.slide.model_copy(update={"centre_offset_nm": centre})})


def read_annotations(path: Path, kind: Kind, slide: Slide, case: Case) -> Drawing:
    """Checked against the slide. Raises Damaged."""
    if path.stat().st_size > _LENGTH_LIMIT:
        raise Damaged(f"it is longer than annotations are taken to be ({_LENGTH_LIMIT:,} bytes)")
    return gathered(_marks(path, kind, slide, case), slide.columns, slide.rows)


def _marks(path: Path, kind: Kind, slide: Slide, case: Case) -> Iterator[Mark]:
    if kind is Kind.GEOJSON:
        return read_geojson(path)
    if kind is Kind.APERIO_XML:
        return read_aperio(path)
    size, centre = case.slide.microns_per_pixel, case.slide.centre_offset_nm
    assert size is not None
    assert centre is not None
    return read_hamamatsu(path, Grid(slide.columns, slide.rows, (size[0] * 1000, size[1] * 1000), centre))
