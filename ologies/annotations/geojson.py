"""GeoJSON as QuPath writes it (RFC 7946 with QuPath's members): a feature at a time, however many there are.

Coordinates are pixels of the full-resolution picture from its top left corner. QuPath writes an ellipse as a
polygon that says so, a cell with its nucleus beside it, and an area with holes as rings within a ring.
"""

import codecs
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ologies.annotations.mark import (
    UNCLASSIFIED,
    Graphic,
    Mark,
    Shape,
    box,
    ellipse,
    line,
    points_of,
    polygon,
)
from ologies.errors import Damaged

_CHUNK_BYTES = 1 << 20

#: One feature: the outline of a tissue has a hundred thousand points.
_FEATURE_LIMIT = 256 << 20

_DECODER = json.JSONDecoder()
_BLANK = " \t\n\r"
_ENDS = frozenset(f",:]}}{_BLANK}")

#: Depth of geometries within geometries.
_DEPTH_LIMIT = 8


def read_geojson(path: Path) -> Iterator[Mark]:
    """Each feature's marks, while the file is read. Raises Damaged."""
    with path.open("rb") as file:
        for feature in features(file):
            yield from marks_of(feature)


def features(file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    """Of a feature collection, of an array of features, or the one."""
    text = _Text(file)
    if text.peek() == "[":
        yield from text.items()
        return
    alone: dict[str, Any] = {}
    for name in text.members():
        if name == "features":
            yield from text.items()
        else:
            alone[name] = text.value()
    if alone.get("type") == "Feature":
        yield alone


class _Text:
    """JSON as it comes, decoded a value at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """The next character that is no blank; raises Damaged at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._more(_CHUNK_BYTES):
                raise Damaged("the JSON is cut off")

    def take(self, wanted: str) -> None:
        """That character, or Damaged."""
        if self.peek() != wanted:
            raise Damaged(f"the JSON is broken: no '{wanted}' where one has to be")
        self._at += 1

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                found, at = _DECODER.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise Damaged("the JSON is nested too deep") from error
            except ValueError as error:
                if not self._more(max(_CHUNK_BYTES, len(self._text) - self._at)):
                    raise Damaged("the JSON is broken or cut off") from error
                continue
            # "1" may be the beginning of "1.5": what follows has to end a value.
            if self._text[at : at + 1] not in _ENDS and self._more(_CHUNK_BYTES):
                continue
            self._at = at
            return found

    def items(self) -> Iterator[Mapping[str, Any]]:
        """The objects of an array."""
        self.take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            item = self.value()
            if not isinstance(item, dict):
                raise Damaged("a feature that is no JSON object")
            yield item
            if self.peek() == "]":
                self._at += 1
                return
            self.take(",")

    def members(self) -> Iterator[str]:
        """The names of an object's members; whoever takes one takes its value next."""
        self.take("{")
        if self.peek() == "}":
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise Damaged("the JSON is broken: a member without a name")
            self.take(":")
            yield name
            if self.peek() == "}":
                return
            self.take(",")

    def _more(self, count: int) -> bool:
        """Whether anything came; what was read stays only from where we are."""
        if self._ended:
            return False
        if len(self._text) - self._at > _FEATURE_LIMIT:
            raise Damaged("one feature of it is longer than a feature is taken to be")
        chunk = self._file.read(count)
        self._ended = not chunk
        try:
            text = self._decode.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            raise Damaged("the JSON is not in UTF-8") from error
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(text) or not self._ended


def marks_of(feature: Mapping[str, Any]) -> Iterator[Mark]:
    """The object itself, its holes, and a cell's nucleus."""
    geometry, properties = feature.get("geometry"), feature.get("properties") or {}
    if not isinstance(geometry, dict) or not isinstance(properties, dict):
        raise Damaged("a feature without geometry")
    kind = str(properties.get("objectType") or properties.get("object_type") or feature.get("id") or "")
    if kind in ("root", "PathRootObject"):
        return
    label, colour = _class_of(properties)
    name = properties.get("name")
    remark = name if isinstance(name, str) else ""
    # QuPath's kinds: annotation, detection, cell, tile, tmaCore; before 0.3 PathDetectionObject and so on.
    is_automatic = any(each in kind.casefold() for each in ("detection", "cell", "tile"))
    shapes, holes = _shapes(geometry, 0)
    if shapes:
        yield Mark(tuple(shapes), label, remark, colour, is_automatic, _measured(properties))
    if holes:
        yield Mark(tuple(holes), label, _with(remark, "holes"), colour, is_automatic, is_hole=True)
    nucleus = feature.get("nucleusGeometry")
    if isinstance(nucleus, dict):
        shapes, holes = _shapes(nucleus, 0)
        if shapes:
            yield Mark(tuple(shapes), label, _with(remark, "nucleus"), colour, is_automatic)
        if holes:
            yield Mark(
                tuple(holes), label, _with(remark, "nucleus, holes"), colour, is_automatic, is_hole=True
            )


def _shapes(geometry: Mapping[str, Any], depth: int) -> tuple[list[Shape], list[Shape]]:
    """Its shapes, and their holes: an annotation of DICOM has none."""
    plane = geometry.get("plane")
    if isinstance(plane, dict) and (plane.get("z") or plane.get("t")):
        raise Damaged("some of it is drawn on another focal plane or time than the first")
    kind, at = geometry.get("type"), geometry.get("coordinates")
    if kind == "GeometryCollection" and depth < _DEPTH_LIMIT:
        parts = [
            _shapes(each, depth + 1) for each in _list(geometry.get("geometries")) if isinstance(each, dict)
        ]
        return [one for shapes, _ in parts for one in shapes], [one for _, holes in parts for one in holes]
    at = _list(at)
    if geometry.get("isEllipse") is True and kind == "Polygon" and at:
        return [ellipse(*box(points_of(_list(at[0]))))], []
    if kind == "Point":
        return [Shape(Graphic.POINT, points_of([at]))], []
    if kind == "MultiPoint":
        return [Shape(Graphic.POINT, points_of([each])) for each in at], []
    if kind in ("LineString", "MultiLineString"):
        lines = [at] if kind == "LineString" else at
        return [line(points_of(_list(each))) for each in lines], []
    if kind in ("Polygon", "MultiPolygon"):
        rings = [[polygon(points_of(_list(ring))) for ring in _list(each)]
                 for each in ([at] if kind == "Polygon" else at)]  # fmt: skip
        return [each[0] for each in rings if each], [hole for each in rings for hole in each[1:]]
    raise Damaged("a geometry that GeoJSON does not have")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Damaged("a geometry without coordinates")
    return value


def _class_of(properties: Mapping[str, Any]) -> tuple[str, tuple[int, int, int] | None]:
    """What QuPath classified it as, with its colour."""
    found = properties.get("classification")
    if isinstance(found, str):
        return found.strip() or UNCLASSIFIED, None
    if not isinstance(found, dict):
        return UNCLASSIFIED, _colour(properties.get("color"))
    names = found.get("names")
    name = ": ".join(map(str, names)) if isinstance(names, list) else found.get("name")
    label = name.strip() if isinstance(name, str) else ""
    return label or UNCLASSIFIED, _colour(found.get("color", found.get("colorRGB")))


def _colour(value: Any) -> tuple[int, int, int] | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value >> 16 & 255, value >> 8 & 255, value & 255
    if isinstance(value, list) and len(value) == 3 and all(isinstance(each, int) for each in value):
        red, green, blue = (min(max(each, 0), 255) for each in value)
        return red, green, blue
    return None


def _measured(properties: Mapping[str, Any]) -> dict[str, float]:
    """Both ways of QuPath: an object, and before 0.4 a list of names and values. One not measured is NaN."""
    found = properties.get("measurements")
    if isinstance(found, list):
        found = {each.get("name"): each.get("value") for each in found if isinstance(each, dict)}
    if not isinstance(found, dict):
        return {}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, int | float) and math.isfinite(value)
    }


def _with(remark: str, more: str) -> str:
    return f"{remark}, {more}" if remark else more
