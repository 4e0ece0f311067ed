"""XML of Aperio ImageScope: layers of regions, in pixels of the full-resolution picture.

The format is not published; this is what ImageScope 12 writes, as readers of it agree.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from ologies.annotations.mark import (
    UNCLASSIFIED,
    Graphic,
    Mark,
    Points,
    Shape,
    box,
    ellipse,
    line,
    points_of,
    polygon,
)
from ologies.annotations.markup import elements, number
from ologies.errors import Damaged

#: A region's Type.
_FREEHAND, _RECTANGLE, _ELLIPSE, _ARROW, _RULER, _COUNT = "012345"
#: What is measured of a region, and its name with the unit in it.
_MEASURED: Mapping[str, str] = {"LengthMicrons": "Length µm", "AreaMicrons": "Area µm^2"}


def read_aperio(path: Path) -> Iterator[Mark]:
    """Each region, while the file is read. Raises Damaged."""
    for layer in elements(path, "Annotation"):
        label, colour = _class_of(layer), _colour(layer.get("LineColor"))
        for region in layer.iter("Region"):
            yield Mark(
                _shapes(region),
                label,
                _remark(region),
                colour,
                measured=_measured(region),
                is_hole=region.get("NegativeROA") == "1",
            )


def _shapes(region: Element) -> tuple[Shape, ...]:
    at = points_of([(number(each.get("X")), number(each.get("Y"))) for each in region.iter("Vertex")])
    if not len(at):
        return ()
    kind = (region.get("Type") or _FREEHAND).strip()
    if kind == _FREEHAND:
        return (polygon(at),)
    if kind == _RECTANGLE:
        return (_corners(at),)
    if kind == _ELLIPSE:
        return (ellipse(*box(at)),)
    if kind in (_ARROW, _RULER):
        return (line(at),)
    if kind == _COUNT:
        return tuple(Shape(Graphic.POINT, each.reshape(1, 2)) for each in at)
    raise Damaged("a region of a type that ImageScope does not have")


def _corners(points: Points) -> Shape:
    """Written as four corners, or as two that face each other."""
    if len(points) != 2:
        return polygon(points)
    left, top, right, bottom = box(points)
    return polygon(points_of([(left, top), (right, top), (right, bottom), (left, bottom)]))


def _class_of(layer: Element) -> str:
    """The layer's name; where it has none, the name or value of its first attribute."""
    named = [layer.get("Name")]
    for each in layer.iterfind("Attributes/Attribute"):
        named += [each.get("Value"), each.get("Name") if each.get("Name") != "Description" else None]
    return next((each.strip() for each in named if each and each.strip()), UNCLASSIFIED)


def _remark(region: Element) -> str:
    said = (region.get("Text") or "").strip()
    left_out = "left out" if region.get("NegativeROA") == "1" else ""
    arrow = "arrow" if region.get("Type") == _ARROW else ""
    return ", ".join(each for each in (said, arrow, left_out) if each)


def _measured(region: Element) -> dict[str, float]:
    if region.get("Type") in (_ARROW, _COUNT):
        return {}
    return {
        name: number(region.get(attribute))
        for attribute, name in _MEASURED.items()
        if region.get(attribute) and number(region.get(attribute)) > 0
    }


def _colour(text: str | None) -> tuple[int, int, int] | None:
    """Windows' COLORREF: blue, green, red from the highest byte."""
    if text is None or not text.strip().isdigit():
        return None
    value = int(text)
    return value & 255, value >> 8 & 255, value >> 16 & 255
