"""Presentation states: each part of one, over a picture whose pixels are known."""

import copy

import numpy as np
import pytest
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from tests.viewer_api.rendering.phantoms import image, overlaid
from viewer_api.rendering.annotations import Place
from viewer_api.rendering.presentation import Reference, presented, references
from viewer_api.view import View, Viewport

REFERENCE = Reference("1.2", "1.2.3", 1)


def item(**attributes: object) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def levels(state: Dataset, frame: Dataset, view: View | None = None) -> list[list[int]]:
    found = presented(state, copy.deepcopy(frame), REFERENCE, view or View())
    result: list[list[int]] = np.asarray(found).tolist()
    return result


def test_its_window_and_rescale_stand_for_the_pictures_own() -> None:
    frame = image([[0, 100]], WindowCenter=1000, WindowWidth=2, RescaleSlope=50, RescaleIntercept=7)
    state = item(SoftcopyVOILUTSequence=[item(WindowCenter="50", WindowWidth="101")])
    assert levels(state, frame) == [[1, 255]]
    other = item(ReferencedSOPInstanceUID="9.9")
    state.SoftcopyVOILUTSequence[0].ReferencedImageSequence = [other]
    assert levels(state, image([[-32768, 32767]], WindowCenter=1, WindowWidth=1)) == [[0, 255]]


def test_its_shape_decides_what_is_bright() -> None:
    frame = image([[0, 255]], "u1", PhotometricInterpretation="MONOCHROME1")
    assert levels(item(PresentationLUTShape="IDENTITY"), frame) == [[0, 255]]
    assert levels(item(PresentationLUTShape="INVERSE"), frame) == [[255, 0]]


def test_it_turns_clockwise_and_then_mirrors() -> None:
    frame = image([[1, 2], [3, 4]], "u1")
    state = item(ImageRotation=90, ImageHorizontalFlip="N")
    assert levels(state, frame) == [[3, 1], [4, 2]]
    state.ImageHorizontalFlip = "Y"
    assert levels(state, frame) == [[1, 3], [2, 4]]
    state.ImageRotation = 45
    with pytest.raises(Unreadable):
        levels(state, frame)


def test_its_area_is_shown_as_large_as_fits() -> None:
    area = item(DisplayedAreaTopLeftHandCorner=[2, 1], DisplayedAreaBottomRightHandCorner=[3, 1])
    state = item(DisplayedAreaSelectionSequence=[area])
    assert levels(state, image([[1, 2, 3], [4, 5, 6]], "u1")) == [[2, 3]]
    assert np.asarray(levels(state, image([[9] * 3] * 2, "u1"), View(viewport=Viewport(40, 40)))).shape == (
        20,
        40,
    )


def test_overlays_that_it_activates_are_shown_and_no_others() -> None:
    frame = overlaid(overlaid(image([[0, 0, 0]], "u1"), [[1, 0, 0]]), [[0, 1, 0]], group=0x6002)
    state = item(GraphicLayerSequence=[item(GraphicLayer="SEEN")])
    state.add_new((0x6002, 0x1001), "CS", "SEEN")
    overlaid(state, [[0, 0, 1]], group=0x6004, layer="SEEN")
    assert levels(state, frame) == [[0, 255, 255]]


def test_lines_and_words_are_drawn_where_it_says() -> None:
    line = item(GraphicAnnotationUnits="PIXEL", GraphicType="POLYLINE", GraphicData=[1.0, 11.0, 20.0, 11.0])
    words = item(
        BoundingBoxAnnotationUnits="DISPLAY", BoundingBoxTopLeftHandCorner=[0.5, 0.6],
        BoundingBoxBottomRightHandCorner=[1.0, 1.0], UnformattedTextValue="O",
    )  # fmt: skip
    state = item(GraphicAnnotationSequence=[item(GraphicObjectSequence=[line], TextObjectSequence=[words])])
    found = np.asarray(levels(state, image(np.full((40, 40), 50), "u1")))
    assert (found[10, 2:18] == 255).all()
    assert (found[10, 22:] == 50).all()
    assert (found[24:, 20:] > 120).any()
    assert (found[24:, :18] == 50).all()


def test_places_turn_with_the_picture() -> None:
    place = Place((0, 0, 4, 2), turns=1, is_mirrored=False, size=(2, 4))
    assert place.of_pixel(1, 1) == (1.5, 0.5)
    assert place.of_pixel(4, 2) == (0.5, 3.5)
    assert Place((0, 0, 4, 2), 0, True, (4, 2)).of_pixel(1, 1) == (3.5, 0.5)


def test_pictures_are_listed_in_order() -> None:
    images = [
        item(ReferencedSOPInstanceUID="1.2.3", ReferencedFrameNumber=[2, 5]),
        item(ReferencedSOPInstanceUID="1.2.4"),
    ]
    series = item(SeriesInstanceUID="1.2", ReferencedImageSequence=images)
    state = item(ReferencedSeriesSequence=[series])
    assert [(each.instance_uid, each.number) for each in references(state)] == [
        ("1.2.3", 2), ("1.2.3", 5), ("1.2.4", 1),
    ]  # fmt: skip
