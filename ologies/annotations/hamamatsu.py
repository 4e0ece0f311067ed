"""Hamamatsu's .ndpa of NDP.view: XML in nanometres from the centre of the glass slide.

Where the picture's own centre lies from the glass's is only in the .ndpi (its tags 65422 and 65423, as
openslide.org describes them): NDP.view writes slide.ndpi.ndpa beside slide.ndpi; elsewhere the case says it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ologies.annotations.mark import (
    UNCLASSIFIED,
    Graphic,
    Mark,
    Points,
    Shape,
    ellipse,
    line,
    points_of,
    polygon,
)
from ologies.annotations.markup import elements, number
from ologies.errors import Damaged
from ologies.slides import tiff
from ologies.slides.tiff import Tiff


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the picture's pixels lie on the glass."""

    columns: int
    rows: int
    nanometres: tuple[float, float]  # of a pixel, across and down
    centre_nm: tuple[float, float]  # of the picture, from the centre of the glass

    def pixels(self, nanometres: Points) -> Points:
        """From the top left corner of the picture."""
        size = np.array([self.columns, self.rows], dtype=np.float64)
        placed: Points = (nanometres - np.array(self.centre_nm)) / np.array(self.nanometres) + size / 2
        return placed


def centre_beside(path: Path) -> tuple[float, float] | None:
    """Of the picture from the glass's, as the .ndpi of the same name says; None where none lies there."""
    slide = path.with_suffix("")
    if slide == path or not slide.is_file():
        return None
    try:
        with Tiff(slide) as file:
            first = file.first()
            if file.is_ndpi and tiff.NDPI_X_OFFSET in first and tiff.NDPI_Y_OFFSET in first:
                across, down = first.numbers(tiff.NDPI_X_OFFSET), first.numbers(tiff.NDPI_Y_OFFSET)
                return float(across[0]), float(down[0])
    except (Damaged, OSError, IndexError):
        pass  # it is not of these annotations, or nobody's to read: then the case is asked
    return None


def read_hamamatsu(path: Path, grid: Grid) -> Iterator[Mark]:
    """Each view with what is drawn in it, while the file is read. Raises Damaged."""
    for view in elements(path, "ndpviewstate"):
        unit = (view.findtext("coordformat") or "nanometers").strip()
        if unit != "nanometers":
            raise Damaged("coordinates that are not in nanometres")
        label = (view.findtext("title") or "").strip() or UNCLASSIFIED
        for drawn in view.iterfind("annotation"):
            shape, remark = _shape(drawn, grid)
            said = (view.findtext("details") or "").strip()
            yield Mark(
                (shape,),
                label,
                ", ".join(each for each in (said, remark) if each),
                _colour(drawn.get("color")),
            )


def _shape(drawn: Element, grid: Grid) -> tuple[Shape, str]:
    kind = (drawn.get("type") or "").strip().lower()
    if kind in ("pin", "point"):
        return Shape(Graphic.POINT, grid.pixels(_at(drawn, "x", "y"))), ""
    if kind == "circle":
        ((across, down),) = _at(drawn, "x", "y")
        radius = number(drawn.findtext("radius"))
        ends = grid.pixels(points_of([(across - radius, down - radius), (across + radius, down + radius)]))
        return ellipse(*ends[0], *ends[1]), ""
    if kind in ("linearmeasure", "pointer"):
        ends = np.concatenate([_at(drawn, "x1", "y1"), _at(drawn, "x2", "y2")])
        return Shape(Graphic.POLYLINE, grid.pixels(ends)), "arrow" if kind == "pointer" else "ruler"
    if kind in ("freehand", "freehandline", "") and drawn.find("pointlist") is not None:
        points = points_of([_pair(each, "x", "y") for each in drawn.iterfind("pointlist/point")])
        if kind == "freehandline" or (drawn.findtext("closed") or "1").strip() == "0":
            return line(grid.pixels(points)), ""
        return polygon(grid.pixels(points)), ""
    raise Damaged("an annotation of a type that is not known of NDP.view")


def _at(drawn: Element, x: str, y: str) -> Points:
    return points_of([_pair(drawn, x, y)])


def _pair(element: Element, x: str, y: str) -> tuple[float, float]:
    return number(element.findtext(x)), number(element.findtext(y))


def _colour(text: str | None) -> tuple[int, int, int] | None:
    try:
        value = int((text or "").removeprefix("#"), 16)
    except ValueError:
        return None
    return value >> 16 & 255, value >> 8 & 255, value & 255
