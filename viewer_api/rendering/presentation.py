"""Softcopy presentation states: a picture as a reader once saw it (PS3.3 §A.33, PS3.4 §N.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.annotations import Place, drawn_over
from viewer_api.rendering.layout import bounded
from viewer_api.rendering.modality import is_signed, measured
from viewer_api.rendering.numbers import floats, texts
from viewer_api.rendering.picture import render
from viewer_api.view import View, Viewport

_MODALITY = ("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "RescaleType")
_VOI = ("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction")
_PRESENTATION = ("PresentationLUTSequence", "PresentationLUTShape")
_SHUTTER = (
    "ShutterShape", "ShutterLeftVerticalEdge", "ShutterRightVerticalEdge", "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge", "CenterOfCircularShutter", "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter", "ShutterOverlayGroup", "ShutterPresentationValue",
)  # fmt: skip
_OVERLAYS = range(0x6000, 0x6020, 2)
_LAYER = 0x1001


@dataclass(frozen=True, slots=True)
class Reference:
    """A frame that a presentation state is about."""

    series_uid: str
    instance_uid: str
    number: int = 1


def references(state: Dataset) -> Iterator[Reference]:
    """The pictures that a state is for, in its order; of one of many frames those named, else the first."""
    for series in state.get("ReferencedSeriesSequence") or []:
        for image in series.get("ReferencedImageSequence") or []:
            frames = [int(each) for each in floats(image, "ReferencedFrameNumber")] or [1]
            for number in frames:
                yield Reference(str(series.SeriesInstanceUID), str(image.ReferencedSOPInstanceUID), number)


def presented(state: Dataset, frame: Dataset, reference: Reference, view: View) -> Image.Image:
    """The picture as the state says. Raises Unreadable, and BadQuery.

    Its turning and mirroring, its area and its annotations are the state's; only the screen's size is asked
    for (PS3.18 §8.3.5.2).
    """
    adopt(state, frame, reference)
    image = render(frame, View(space=view.space), reference.number)
    columns, rows = int(frame.Columns), int(frame.Rows)
    area = _area(state, reference, columns, rows)
    wide, high = image.width / columns, image.height / rows
    cut = image.crop(
        (round(area[0] * wide), round(area[1] * high), round(area[2] * wide), round(area[3] * high))
    )
    turned, turns, is_mirrored = _turned(cut, state)
    size = _fitted(turned, view.viewport)
    shown = turned if turned.size == size else turned.resize(size, Image.Resampling.BICUBIC)
    place = Place(area, turns, is_mirrored, size)
    return drawn_over(shown, _of_reference(state, "GraphicAnnotationSequence", reference), place)


def adopt(state: Dataset, frame: Dataset, reference: Reference) -> None:
    """The state's attributes in place of the picture's own: where it has none, there are none."""
    _replace(frame, state, _MODALITY)
    _replace(frame, next(_of_reference(state, "SoftcopyVOILUTSequence", reference), Dataset()), _VOI)
    if "VOILUTSequence" not in frame and "WindowCenter" not in frame:
        _show_all(frame)
    _replace(frame, state, _PRESENTATION)
    _replace(frame, state, _SHUTTER)
    _replace(frame, state, ("GraphicLayerSequence",))
    if "ICCProfile" in state:
        frame.ICCProfile = state.ICCProfile
    shutter = state.get("ShutterOverlayGroup")
    for group in _OVERLAYS:
        own = [element for element in state if element.tag.group == group]
        if group != shutter and (group, _LAYER) not in state:
            for element in [each for each in frame if each.tag.group == group]:
                del frame[element.tag]
        frame.update({element.tag: element for element in own})


def _replace(frame: Dataset, state: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword in frame:
            delattr(frame, keyword)
        if keyword in state:
            frame[keyword] = state[keyword]


def _show_all(frame: Dataset) -> None:
    """Without a VOI LUT every value that can be stored is shown (PS3.4 §N.2.1.2)."""
    bits = int(frame.get("BitsStored", 16))
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if is_signed(frame) else (0.0, 2.0**bits - 1)
    ends = measured(np.asarray([low, high]), frame)
    frame.VOILUTFunction = "LINEAR_EXACT"
    frame.WindowCenter = f"{float(ends.mean()):.10g}"
    frame.WindowWidth = f"{max(1e-6, float(np.ptp(ends))):.10g}"


def _of_reference(state: Dataset, keyword: str, reference: Reference) -> Iterator[Dataset]:
    """Items for a picture: those that name it, or name none."""
    for item in state.get(keyword) or []:
        named = item.get("ReferencedImageSequence") or []
        if not named or any(_is_of(each, reference) for each in named):
            yield item


def _is_of(named: Dataset, reference: Reference) -> bool:
    frames = floats(named, "ReferencedFrameNumber")
    is_instance = str(named.get("ReferencedSOPInstanceUID")) == reference.instance_uid
    return is_instance and (not frames or reference.number in frames)


def _area(state: Dataset, reference: Reference, columns: int, rows: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is shown, in picture pixels (PS3.3 §C.10.4)."""
    item = next(_of_reference(state, "DisplayedAreaSelectionSequence", reference), Dataset())
    first = floats(item, "DisplayedAreaTopLeftHandCorner")
    last = floats(item, "DisplayedAreaBottomRightHandCorner")
    if len(first) != 2 or len(last) != 2:
        return 0.0, 0.0, float(columns), float(rows)
    left, right = sorted((first[0], last[0]))
    top, bottom = sorted((first[1], last[1]))
    area = max(0.0, left - 1), max(0.0, top - 1), min(float(columns), right), min(float(rows), bottom)
    if area[2] - area[0] < 1 or area[3] - area[1] < 1:
        raise Unreadable("the area that the presentation state shows lies outside the picture")
    return area


def _turned(image: Image.Image, state: Dataset) -> tuple[Image.Image, int, bool]:
    """Clockwise, then mirrored (PS3.3 §C.10.6); how many quarter turns, and whether it is."""
    degrees = int((floats(state, "ImageRotation") or [0.0])[0])
    if degrees % 90:
        raise Unreadable("the presentation state turns the picture by no right angle")
    turns = degrees // 90 % 4
    ways = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
    way = ways[turns]
    turned = image if way is None else image.transpose(way)
    is_mirrored = texts(state, "ImageHorizontalFlip")[:1] == ["Y"]
    return turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_mirrored else turned, turns, is_mirrored


def _fitted(image: Image.Image, viewport: Viewport | None) -> tuple[int, int]:
    if viewport is None:
        return image.size
    scale = min(viewport.width_px / image.width, viewport.height_px / image.height)
    return bounded(image.width * scale, image.height * scale)
