"""What a presentation state draws over a picture (PS3.3 §C.10.5): lines, shapes and words."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot

from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from viewer_api.rendering.marks import font_of
from viewer_api.rendering.numbers import floats

Point = tuple[float, float]
_OBJECTS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """From a picture's pixels to a screen's."""

    area: tuple[float, float, float, float]  # left, top, right, bottom: what of the picture is shown
    turns: int  # quarters, clockwise
    is_mirrored: bool
    size: tuple[int, int]  # of the screen

    def of_pixel(self, column: float, row: float) -> Point:
        """Columns and rows count from one, at the middle of a pixel."""
        left, top, right, bottom = self.area
        x, y = (column - 0.5 - left) / (right - left), (row - 0.5 - top) / (bottom - top)
        for _ in range(self.turns):
            x, y = 1 - y, x
        return self.of_display(1 - x if self.is_mirrored else x, y)

    def of_display(self, x: float, y: float) -> Point:
        """From 0 to 1 across what is shown."""
        return x * self.size[0], y * self.size[1]

    def points(self, data: list[float], units: str) -> list[Point]:
        """Pairs of numbers in PIXEL or DISPLAY units."""
        turn = self.of_display if units == "DISPLAY" else self.of_pixel
        return [turn(x, y) for x, y in zip(data[::2], data[1::2], strict=False)]


def drawn_over(image: Image.Image, items: Iterable[Dataset], place: Place) -> Image.Image:
    """Graphic and text objects, in white with a dark rim."""
    drawing = ImageDraw.Draw(image)
    left = _OBJECTS_LIMIT
    for item in items:
        graphics, words = item.get("GraphicObjectSequence") or [], item.get("TextObjectSequence") or []
        left -= len(graphics) + len(words)
        if left < 0:
            break
        for each in graphics:
            _graphic(drawing, each, place)
        for each in words:
            _words(drawing, each, place)
    return image


def _graphic(drawing: ImageDraw.ImageDraw, item: Dataset, place: Place) -> None:
    units = str(item.get("GraphicAnnotationUnits") or "PIXEL")
    points = place.points(floats(item, "GraphicData"), units)
    match str(item.get("GraphicType") or ""):
        case "POINT" if points:
            (x, y) = points[0]
            _line(drawing, [(x - 4, y), (x + 4, y)])
            _line(drawing, [(x, y - 4), (x, y + 4)])
        case "CIRCLE" if len(points) >= 2:
            (x, y), edge = points[0], points[1]
            radius = hypot(edge[0] - x, edge[1] - y)
            _round(drawing, (x - radius, y - radius, x + radius, y + radius))
        case "ELLIPSE" if len(points) >= 4:
            xs, ys = [x for x, _ in points[:4]], [y for _, y in points[:4]]
            _round(drawing, (min(xs), min(ys), max(xs), max(ys)))
        case "POLYLINE" | "INTERPOLATED" if len(points) >= 2:
            _line(drawing, points)


def _line(drawing: ImageDraw.ImageDraw, points: list[Point]) -> None:
    drawing.line(points, fill="black", width=3, joint="curve")
    drawing.line(points, fill="white", width=1)


def _round(drawing: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    drawing.ellipse(box, outline="black", width=3)
    drawing.ellipse(
        (box[0] + 1, box[1] + 1, max(box[0] + 1, box[2] - 1), max(box[1] + 1, box[3] - 1)), outline="white"
    )


def _words(drawing: ImageDraw.ImageDraw, item: Dataset, place: Place) -> None:
    text = str(item.get("UnformattedTextValue") or "").replace("\r\n", "\n").replace("\r", "\n")
    units = str(item.get("BoundingBoxAnnotationUnits") or item.get("AnchorPointAnnotationUnits") or "PIXEL")
    box = floats(item, "BoundingBoxTopLeftHandCorner") + floats(item, "BoundingBoxBottomRightHandCorner")
    corners = place.points(box, units) or place.points(
        floats(item, "AnchorPoint"), str(item.get("AnchorPointAnnotationUnits") or "PIXEL")
    )
    if not corners or not text.strip():
        return
    x, y = min(x for x, _ in corners), min(y for _, y in corners)
    size = max(9, min(40, min(place.size) // 36))
    drawing.multiline_text(
        (x, y), text, fill="white", font=font_of(size), stroke_width=max(1, size // 9), stroke_fill="black"
    )
