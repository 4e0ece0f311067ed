"""What is drawn on a slide, before it is DICOM: shapes in pixels, by class."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ologies.errors import Damaged

Points = NDArray[np.float64]

#: One called nothing.
UNCLASSIFIED = "Unclassified"


class Graphic(Enum):
    """Graphic Type (0070,0023) of an annotation group (PS3.3 §C.37.1.2)."""

    POINT = "POINT"
    POLYLINE = "POLYLINE"
    POLYGON = "POLYGON"  # closed without its first point again, unlike that of a structured report
    RECTANGLE = "RECTANGLE"  # its corners
    ELLIPSE = "ELLIPSE"  # the ends of its major, then of its minor axis


#: Points of each: the fewest, and whether it may have more.
_FEWEST: Mapping[Graphic, tuple[int, bool]] = {
    Graphic.POINT: (1, False),
    Graphic.POLYLINE: (2, True),
    Graphic.POLYGON: (3, True),
    Graphic.RECTANGLE: (4, False),
    Graphic.ELLIPSE: (4, False),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One annotation: (x, y) in pixels of the total pixel matrix, from the top left corner of the first."""

    graphic: Graphic
    points: Points

    def __post_init__(self) -> None:
        fewest, may_more = _FEWEST[self.graphic]
        count = len(self.points)
        if count < fewest or (count > fewest and not may_more):
            raise Damaged(f"a {self.graphic.value.lower()} of {count} points: no such shape")


@dataclass(frozen=True, slots=True)
class Mark:
    """What was drawn at once: one shape, or several that only together are what was meant."""

    shapes: tuple[Shape, ...]
    label: str = UNCLASSIFIED
    remark: str = ""  # which of the class: "nucleus", or what a person called this one
    colour: tuple[int, int, int] | None = None
    is_automatic: bool = False  # found by a program, not drawn by a person
    measured: Mapping[str, float] = field(default_factory=dict)  # in what the name says
    is_hole: bool = False  # what another mark leaves out


def points_of(numbers: Sequence[Any]) -> Points:
    """Pairs; what stands behind the first two of each is left out. Raises Damaged for anything else."""
    try:
        pairs = np.array([(each[0], each[1]) for each in numbers], dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise Damaged("a coordinate that is no pair of numbers") from error
    if not np.isfinite(pairs).all():
        raise Damaged("a coordinate that is no number")
    return pairs


def polygon(points: Points) -> Shape:
    """Closed by what it is: without its first point again, a rectangle where it is one.

    A click that became an area of one or two points is a point or a line.
    """
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    if len(points) < 3:
        return line(points)
    return Shape(Graphic.RECTANGLE if is_rectangle(points) else Graphic.POLYGON, points)


def line(points: Points) -> Shape:
    """Open; of one point, that point."""
    return Shape(Graphic.POINT if len(points) == 1 else Graphic.POLYLINE, points)


def is_rectangle(points: Points) -> bool:
    """Four corners, its sides along the axes; others with right angles are kept as polygons."""
    if len(points) != 4 or len(np.unique(points, axis=0)) != 4:
        return False
    sides = np.roll(points, -1, axis=0) - points
    flat = sides[:, 1] == 0
    upright = sides[:, 0] == 0
    return bool((flat[0] and upright[1] and flat[2] and upright[3]) or (
        upright[0] and flat[1] and upright[2] and flat[3]
    ))  # fmt: skip


def ellipse(left: float, top: float, right: float, bottom: float) -> Shape:
    """The one within a box: ends of the major axis first."""
    across, down = (left + right) / 2, (top + bottom) / 2
    wide = [(left, down), (right, down)]
    high = [(across, top), (across, bottom)]
    ends = wide + high if right - left >= bottom - top else high + wide
    return Shape(Graphic.ELLIPSE, points_of(ends))


def box(points: Points) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    if not len(points):
        raise Damaged("a shape without points")
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


@dataclass(slots=True)
class Group:
    """Annotations that share class, graphic type and origin: one item of the object."""

    label: str
    remark: str
    graphic: Graphic
    is_automatic: bool
    colour: tuple[int, int, int] | None
    shapes: list[Points] = field(default_factory=list)
    #: By name: the annotation's number from 0, and its value.
    measured: dict[str, tuple["array[int]", "array[float]"]] = field(default_factory=dict)

    def add(self, shape: Shape, measured: Mapping[str, float]) -> None:
        """At the end."""
        for name, value in measured.items():
            numbers, values = self.measured.setdefault(name, (array("I"), array("f")))
            numbers.append(len(self.shapes))
            values.append(value)
        self.shapes.append(shape.points)


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that a file draws, in groups, and what a person should know of it."""

    groups: tuple[Group, ...]
    notes: tuple[str, ...]


#: Annotation Group Number (0040,A180) is a US.
_GROUPS_LIMIT = 65_535

#: Points of one file: 800 MB of coordinates in memory.
_POINTS_LIMIT = 50_000_000


def gathered(marks: Iterable[Mark], columns: int, rows: int) -> Drawing:
    """In groups, in the order of their first. Raises Damaged where anything lies outside the slide."""
    groups: dict[tuple[str, str, Graphic, bool], Group] = {}
    shapes = outside = parted = holes = points = 0
    for mark in marks:
        whole = len(mark.shapes) < 2
        parted += bool(mark.measured) and not whole
        holes += len(mark.shapes) if mark.is_hole else 0
        for shape in mark.shapes:
            shapes += 1
            points += len(shape.points)
            if points > _POINTS_LIMIT:
                raise Damaged(f"it has more than {_POINTS_LIMIT:,} points")
            left, top, right, bottom = box(shape.points)
            outside += left < 0 or top < 0 or right > columns or bottom > rows
            key = (mark.label, mark.remark, shape.graphic, mark.is_automatic)
            group = groups.get(key)
            if group is None:
                group = groups[key] = Group(*key, mark.colour)
                if len(groups) > _GROUPS_LIMIT:
                    raise Damaged(f"it names more than {_GROUPS_LIMIT:,} classes")
            group.add(shape, mark.measured if whole else {})
    if not shapes:
        raise Damaged("nothing is drawn in it")
    if outside:
        raise Damaged(
            f"{outside:,} of its {shapes:,} shapes lie outside the slide, which has {columns:,} columns and"
            f" {rows:,} rows: they are of another slide, or of another level of it"
        )
    notes = []
    if parted:
        notes.append(
            f"{parted:,} marks are of several parts: each is kept by itself, without measurements of all"
        )
    if holes:
        notes.append(
            f"{holes:,} shapes are holes in others: DICOM's annotations have none, they are groups apart"
        )
    return Drawing(tuple(groups.values()), tuple(notes))
