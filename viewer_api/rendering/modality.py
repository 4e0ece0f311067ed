"""From what is stored to what was measured (PS3.3 §C.11.1), and where nothing was (§C.7.5.1.1.2)."""

import numpy as np
from pydicom.dataset import Dataset

from viewer_api.rendering.lut import read_lut
from viewer_api.rendering.numbers import Values, floats
from viewer_api.rendering.pixels import Samples


def measured(values: Values, frame: Dataset) -> Values:
    """Through the Modality LUT, or slope and intercept, where there is either."""
    if sequence := frame.get("ModalityLUTSequence"):
        return read_lut(sequence[0], is_signed=is_signed(frame)).of(values)
    slopes, intercepts = floats(frame, "RescaleSlope"), floats(frame, "RescaleIntercept")
    if not slopes or not intercepts or slopes[0] == 0:
        return values
    return values * slopes[0] + intercepts[0]


def is_signed(frame: Dataset) -> bool:
    """Of the stored values."""
    return bool(frame.get("PixelRepresentation") == 1)


def padding_range(frame: Dataset) -> tuple[float, float] | None:
    """The stored values that stand where no picture was taken, first and last."""
    names = ("PixelPaddingValue", "PixelPaddingRangeLimit")
    if "FloatPixelPaddingValue" in frame or "FloatPixelData" in frame:
        names = ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit")
    elif "DoubleFloatPixelPaddingValue" in frame or "DoubleFloatPixelData" in frame:
        names = ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit")
    first, limit = (floats(frame, name) for name in names)
    if not first:
        return None
    low, high = sorted((_signed(first[0], frame), _signed((limit or first)[0], frame)))
    return low, high


def _signed(value: float, frame: Dataset) -> float:
    """Some write it without its sign, or with a VR that has none."""
    bits = int(frame.get("BitsAllocated", 16))
    if is_signed(frame) and value >= 1 << (bits - 1):
        return value - (1 << bits)
    return value


def padding_of(samples: Samples, frame: Dataset) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None":
    """Where the padding is; None where there is none."""
    bounds = padding_range(frame)
    if bounds is None:
        return None
    low, high = bounds
    numbers = np.asarray(samples)
    found = numbers == low if low == high else (numbers >= low) & (numbers <= high)
    return found if found.any() else None
