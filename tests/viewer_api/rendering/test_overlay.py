import numpy as np

from tests.viewer_api.rendering.phantoms import image, overlaid, shown
from viewer_api.view import View, Window

DARK = View(Window(1000, 10))


def test_a_plane_lies_where_its_origin_says_and_ends_with_the_picture() -> None:
    marked = [[1, 1], [0, 1]]
    assert shown(overlaid(image(np.zeros((3, 3))), marked, origin=[2, 2]), DARK) == [
        [0, 0, 0], [0, 255, 255], [0, 0, 255],
    ]  # fmt: skip
    assert shown(overlaid(image(np.zeros((2, 2))), marked, origin=[0, 0]), DARK) == [[255, 0], [0, 0]]
    assert shown(overlaid(image(np.zeros((2, 2))), marked, origin=[9, 9]), DARK) == [[0, 0], [0, 0]]


def test_each_frame_has_its_own_plane() -> None:
    planes = [[[1, 0]], [[0, 1]]]
    frame = overlaid(image([[0, 0]]), planes, first_frame=2)
    assert [shown(frame, DARK, number) for number in (1, 2, 3, 4)] == [
        [[0, 0]], [[255, 0]], [[0, 255]], [[0, 0]],
    ]  # fmt: skip


def test_a_plane_in_unused_bits_is_shown_and_not_measured() -> None:
    frame = image(
        [[0x8000, 0, 0x0FFF]], "<u2", BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096
    )
    frame.add_new((0x6000, 0x0010), "US", 1)
    frame.add_new((0x6000, 0x0011), "US", 3)
    frame.add_new((0x6000, 0x0100), "US", 16)
    frame.add_new((0x6000, 0x0102), "US", 15)
    assert shown(frame) == [[255, 0, 255]]
    frame[0x6000, 0x0102].value = 3  # a stored bit is no overlay's
    assert shown(frame) == [[0, 0, 255]]


def test_of_a_region_the_outline_is_drawn() -> None:
    frame = overlaid(image(np.zeros((5, 5))), np.pad(np.ones((3, 3)), 1), kind="R")
    assert shown(frame, DARK)[2] == [0, 255, 0, 255, 0]


def test_a_plane_on_a_layer_waits_for_a_presentation_state() -> None:
    assert shown(overlaid(image([[0, 0]]), [[1, 1]], layer="MEASURES"), DARK) == [[0, 0]]


def test_colour_is_marked_too_and_a_second_group() -> None:
    frame = overlaid(image([[[9, 9, 9], [9, 9, 9]]], "u1"), [[0, 1]], group=0x6002)
    assert shown(frame) == [[[9, 9, 9], [255, 255, 255]]]


def test_a_plane_that_breaks_off_marks_what_there_is() -> None:
    frame = overlaid(image(np.zeros((4, 8))), np.ones((4, 8)))
    frame[0x6000, 0x3000].value = b"\xff\xff"
    assert np.asarray(shown(frame, DARK)).sum() == 16 * 255
