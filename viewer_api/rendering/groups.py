"""Functional groups as attributes of the data set itself, where it has one frame (PS3.3 §C.7.6.16)."""

from pydicom.dataset import Dataset

_OF_A_FRAME = (
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "PixelMeasuresSequence",
    "FrameDisplayShutterSequence",
)


def flattened(frame: Dataset, number: int = 1) -> Dataset:
    """The groups of frame `number`, from one, of those that the data set still holds."""
    shared = frame.get("SharedFunctionalGroupsSequence") or []
    of_each = frame.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (*shared[:1], *of_each[number - 1 : number]):
        for keyword in _OF_A_FRAME:
            for item in (groups.get(keyword) or [])[:1]:
                frame.update({element.tag: element for element in item})
    return frame
