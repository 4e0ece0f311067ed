from typing import Any

import numpy as np

from tests.viewer_api.rendering.phantoms import image, overlaid, shown
from viewer_api.view import View, Window

BRIGHT = View(Window(-1000, 10))


def open_part(**attributes: Any) -> list[list[int]]:
    frame = image(np.zeros((5, 5)), **attributes)
    found: list[list[int]] = (np.asarray(shown(frame, BRIGHT)) > 0).astype(int).tolist()
    return found


def test_a_rectangle_is_open_with_its_edges() -> None:
    assert open_part(
        ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=2, ShutterRightVerticalEdge=4,
        ShutterUpperHorizontalEdge=3, ShutterLowerHorizontalEdge=5,
    ) == [[0] * 5, [0] * 5, [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0]]  # fmt: skip


def test_a_circle_is_about_a_row_and_a_column() -> None:
    found = open_part(ShutterShape="CIRCULAR", CenterOfCircularShutter=[2, 3], RadiusOfCircularShutter=1)
    assert found == [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0] * 5, [0] * 5]


def test_a_polygon_and_a_rectangle_are_open_where_both_are() -> None:
    assert open_part(
        ShutterShape=["POLYGONAL", "RECTANGULAR"], VerticesOfThePolygonalShutter=[1, 1, 1, 5, 5, 5, 5, 1],
        ShutterLeftVerticalEdge=1, ShutterRightVerticalEdge=1, ShutterUpperHorizontalEdge=1,
        ShutterLowerHorizontalEdge=5,
    ) == [[1, 0, 0, 0, 0]] * 5  # fmt: skip


def test_a_bitmap_covers_where_it_is_set_and_its_value_is_a_brightness() -> None:
    frame = image(
        [[0, 0]], ShutterShape="BITMAP", ShutterOverlayGroup=0x6000, ShutterPresentationValue=0x8000
    )
    overlaid(frame, [[1, 0]], layer="NONE")
    assert shown(frame, BRIGHT) == [[128, 255]]


def test_a_shutter_without_its_edges_covers_nothing() -> None:
    assert open_part(ShutterShape="RECTANGULAR") == [[1] * 5] * 5
