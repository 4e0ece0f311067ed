"""A sheet of paper in millimetres, with lines and words on it, as SVG or as pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from math import sqrt

import numpy as np
from PIL import Image, ImageDraw

from viewer_api.rendering.marks import font_of
from viewer_api.rendering.numbers import Values
from viewer_api.view import PIXELS_LIMIT, SIDE_LIMIT_PX

#: 8 pixels a millimetre: a millimetre square of an ECG is told from the next.
PIXELS_A_MM = 8.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Squared paper: fine lines at every millimetre, stronger ones at every fifth."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y) joined by a line."""

    points: Values  # (count, 2), in mm
    width: float = 0.25
    colour: str = "#111111"


@dataclass(frozen=True, slots=True)
class Words:
    """Text whose baseline begins at a point; `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    size: float = 3.0
    anchor: str = "start"
    colour: str = "#111111"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is on the paper, in the order in which it is drawn."""

    width: float
    height: float
    title: str
    grids: Sequence[Grid] = ()
    curves: Sequence[Curve] = ()
    words: Sequence[Words] = field(default_factory=tuple)


_FINE, _STRONG, _PAPER = "#f6cccc", "#e58f8f", "#fffdfb"


def as_svg(sheet: Sheet) -> bytes:
    """Scalable, with its true size in millimetres."""
    return "".join(_svg(sheet)).encode()


def _svg(sheet: Sheet) -> Iterator[str]:
    width, height = f"{sheet.width:g}", f"{sheet.height:g}"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm"'
    yield f' viewBox="0 0 {width} {height}" role="img"><title>{escape(sheet.title)}</title>\n'
    yield f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>\n'
    for grid in sheet.grids:
        for step, colour, line in ((1, _FINE, 0.1), (5, _STRONG, 0.2)):
            yield f'<path fill="none" stroke="{colour}" stroke-width="{line}" d="'
            right, bottom = grid.left + grid.width, grid.top + grid.height
            for x in _steps(grid.left, right, step):
                yield f"M{x:g} {grid.top:g}V{bottom:g}"
            for y in _steps(grid.top, bottom, step):
                yield f"M{grid.left:g} {y:g}H{right:g}"
            yield '"/>\n'
    for curve in sheet.curves:
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in curve.points.tolist())
        yield f'<polyline fill="none" stroke="{curve.colour}" stroke-width="{curve.width:g}"'
        yield f' stroke-linejoin="round" points="{points}"/>\n'
    for words in sheet.words:
        yield f'<text x="{words.x:g}" y="{words.y:g}" font-family="Arial, Helvetica, sans-serif"'
        yield f' font-size="{words.size:g}" text-anchor="{words.anchor}" fill="{words.colour}">'
        yield f"{escape(_printable(words.text))}</text>\n"
    yield "</svg>\n"


def _printable(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(each for each in text if each.isprintable())


def _steps(start: float, stop: float, step: float) -> list[float]:
    return [round(each, 3) for each in np.arange(start, stop + 1e-6, step)]


def as_image(sheet: Sheet, viewport_px: tuple[int, int] | None = None) -> Image.Image:
    """In pixels: as large as fits a viewport, else 8 a millimetre."""
    scale = PIXELS_A_MM
    if viewport_px is not None:
        scale = min(viewport_px[0] / sheet.width, viewport_px[1] / sheet.height)
    most = sqrt(PIXELS_LIMIT / (sheet.width * sheet.height))
    scale = min(scale, most, SIDE_LIMIT_PX / sheet.width, SIDE_LIMIT_PX / sheet.height)
    size = max(1, round(sheet.width * scale)), max(1, round(sheet.height * scale))
    image = Image.new("RGB", size, _PAPER)
    drawing = ImageDraw.Draw(image)
    for grid in sheet.grids:
        _draw_grid(drawing, grid, scale)
    for curve in sheet.curves:
        points = [(x * scale, y * scale) for x, y in curve.points.tolist()]
        drawing.line(points, fill=curve.colour, width=max(1, round(curve.width * scale)), joint="curve")
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for words in sheet.words:
        if (pixels := round(words.size * scale)) >= 5:
            place = (words.x * scale, words.y * scale)
            font, anchor = font_of(pixels), anchors[words.anchor]
            drawing.text(place, _printable(words.text), fill=words.colour, font=font, anchor=anchor)
    return image


def _draw_grid(drawing: ImageDraw.ImageDraw, grid: Grid, scale: float) -> None:
    right, bottom = grid.left + grid.width, grid.top + grid.height
    for step, colour in ((1, _FINE), (5, _STRONG)):
        if step * scale < 3:
            continue  # closer together they are no lines any more
        width = max(1, round(0.15 * scale)) if step == 5 else 1
        for x in _steps(grid.left, right, step):
            drawing.line([(x * scale, grid.top * scale), (x * scale, bottom * scale)], colour, width)
        for y in _steps(grid.top, bottom, step):
            drawing.line([(grid.left * scale, y * scale), (right * scale, y * scale)], colour, width)
