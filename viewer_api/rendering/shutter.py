"""Display shutters: what of a picture is covered (PS3.3 §C.7.6.11, §C.7.6.15)."""

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from viewer_api.rendering.numbers import Mask, integers, texts
from viewer_api.rendering.overlay import planes


def covered(found: Dataset, size: tuple[int, int]) -> Mask | None:
    """Where the shutters of a data set lie over a picture of `size` (rows, columns); None without any.

    What is shown is inside every one of them. Rows and columns count from one, and edges are shown.
    """
    shapes = texts(found, "ShutterShape")
    if not shapes:
        return None
    open_ = np.ones(size, bool)
    rows, columns = np.ogrid[1 : size[0] + 1, 1 : size[1] + 1]
    if "RECTANGULAR" in shapes and (edges := _edges(found)) is not None:
        left, right, upper, lower = edges
        open_ &= (columns >= left) & (columns <= right) & (rows >= upper) & (rows <= lower)
    if "CIRCULAR" in shapes:
        center, radius = (
            integers(found, "CenterOfCircularShutter"),
            integers(found, "RadiusOfCircularShutter"),
        )
        if len(center) == 2 and radius:
            open_ &= (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius[0] ** 2
    if "POLYGONAL" in shapes:
        vertices = integers(found, "VerticesOfThePolygonalShutter")
        if len(vertices) >= 6 and len(vertices) % 2 == 0:
            open_ &= _polygon(vertices, size)
    if "BITMAP" in shapes and (group := found.get("ShutterOverlayGroup")) is not None:
        for plane in planes(found, 1, None, size):
            if plane.group == int(group):
                open_ &= ~plane.marked
    return ~open_


def brightness(found: Dataset) -> int:
    """Of what is covered, from 0 to 255: black unless a data set says otherwise, in P-Values."""
    value = integers(found, "ShutterPresentationValue")
    return min(255, max(0, value[0]) >> 8) if value else 0


def _edges(found: Dataset) -> tuple[int, int, int, int] | None:
    names = ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    edges = [integers(found, f"Shutter{name}Edge")[:1] for name in names]
    if not all(edges):
        return None
    (left,), (right,), (upper,), (lower,) = edges
    return left, right, upper, lower


def _polygon(vertices: list[int], size: tuple[int, int]) -> Mask:
    """Row and column of each vertex; the last one joins the first."""
    drawn = Image.new("1", (size[1], size[0]))
    points = [(column - 1, row - 1) for row, column in zip(vertices[::2], vertices[1::2], strict=True)]
    ImageDraw.Draw(drawn).polygon(points, fill=1, outline=1)
    return np.asarray(drawn, bool)
