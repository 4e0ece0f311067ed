"""Grey values as brightness: modality, VOI and presentation in one (PS3.4 §N.2.1)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from viewer_api.rendering.lut import Lut, read_lut
from viewer_api.rendering.modality import is_signed, measured, padding_of
from viewer_api.rendering.numbers import Bytes, Mask, Values
from viewer_api.rendering.pixels import Samples
from viewer_api.rendering.voi import own_window, stretched, windowed
from viewer_api.view import Window

#: Samples over no more values than this are toned through a table, one look-up a pixel.
_TABLE_LIMIT = 1 << 17
_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class Toned:
    """A grey picture, and where it shows nothing that was measured."""

    shown: Bytes
    padding: Mask | None


def toned(samples: Samples, frame: Dataset, asked: Window | None) -> Toned:
    """From 0, black, to 255. The window that is asked for counts before what the data set brings."""
    padding = padding_of(samples, frame)
    low, high = _extremes(samples, padding)
    tone = tone_of(frame, asked, low, high)
    numbers = np.asarray(samples)
    if numbers.dtype.kind in "iub":
        least, most = int(numbers.min()), int(numbers.max())
        if most - least < _TABLE_LIMIT:
            shown = _through_table(numbers, least, most, tone)
        else:
            shown = tone(numbers.astype(np.float64))
    else:
        shown = tone(numbers.astype(np.float64))
    if padding is not None:
        shown[padding] = 0
    return Toned(shown, padding)


def _through_table(numbers: Samples, least: int, most: int, tone: Callable[[Values], Bytes]) -> Bytes:
    """One look-up a pixel, some rows at a time: places are eight bytes each while they are looked up."""
    table = tone(np.arange(least, most + 1, dtype=np.float64))
    is_short = numbers.dtype.itemsize <= 2
    if is_short:  # every value that there can be, at the place of its bits
        bits = 8 * numbers.dtype.itemsize
        whole = np.zeros(1 << bits, np.uint8)
        whole[np.arange(least, most + 1) & ((1 << bits) - 1)] = table
        numbers, table = numbers.view(f"u{numbers.dtype.itemsize}"), whole
    shown = np.empty(numbers.shape, np.uint8)
    step = max(1, _AT_ONCE // max(1, numbers.shape[1]))
    for start in range(0, len(numbers), step):
        places = numbers[start : start + step].astype(np.intp)
        if not is_short:
            places -= least
        # All of them are in the table: to be asked to look takes numpy twice as long.
        np.take(table, places, out=shown[start : start + step], mode="clip")
    return shown


def tone_of(frame: Dataset, asked: Window | None, low: float, high: float) -> Callable[[Values], Bytes]:
    """From stored values to brightness. `low` and `high` are the least and largest that are seen.

    A VOI LUT counts before a window: who sends both means the table, and gives the window to those that
    cannot look up. Without either, values of up to 8 bits are shown as they are, others from the least that
    is seen to the largest.
    """
    voi = _voi(frame, asked, low, high)
    is_inverse = inverse(frame)
    presentation = _presentation_lut(frame)

    def tone(stored: Values) -> Bytes:
        shown = voi(measured(stored, frame))
        if presentation is not None:
            last = len(presentation.entries) - 1
            shown = presentation.shown(presentation.first + np.nan_to_num(shown) * last)
        if is_inverse:
            shown = 1.0 - shown
        shown = np.nan_to_num(shown, nan=0.0, posinf=1.0, neginf=0.0)
        return np.asarray(np.clip(shown * 255.0 + 0.5, 0, 255), np.uint8)

    return tone


def _voi(frame: Dataset, asked: Window | None, low: float, high: float) -> Callable[[Values], Values]:
    if asked is not None:
        return lambda values: windowed(values, asked)
    if sequence := frame.get("VOILUTSequence"):
        lut = read_lut(sequence[0], is_signed=is_signed(frame) or _reaches_below_zero(frame, low))
        return lut.shown
    if (own := own_window(frame)) is not None:
        return lambda values: windowed(values, own)
    bits = int(frame.get("BitsStored", 16))
    if bits <= 8 and not is_signed(frame):
        low, high = 0.0, 2.0**bits - 1
        if frame.get("SegmentationType") == "FRACTIONAL":
            high = float(frame.get("MaximumFractionalValue") or high)
    ends = measured(np.asarray([low, high]), frame)
    first, last = float(ends.min()), float(ends.max())
    return lambda values: stretched(values, first, last)


def _reaches_below_zero(frame: Dataset, low: float) -> bool:
    return float(measured(np.asarray([low]), frame)[0]) < 0


def _presentation_lut(frame: Dataset) -> Lut | None:
    sequence = frame.get("PresentationLUTSequence")
    return read_lut(sequence[0]) if sequence else None


def inverse(frame: Dataset) -> bool:
    """Low values are bright (PS3.3 §C.7.6.3.1.2, §C.11.6)."""
    if shape := frame.get("PresentationLUTShape"):
        return str(shape) == "INVERSE"
    return bool(frame.get("PhotometricInterpretation") == "MONOCHROME1")


def _extremes(samples: Samples, padding: Mask | None) -> tuple[float, float]:
    numbers = np.asarray(samples)
    seen = numbers[~padding] if padding is not None else numbers
    if seen.dtype.kind == "f":
        seen = seen[np.isfinite(seen)]
    return (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
