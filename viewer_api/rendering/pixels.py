"""The samples of one frame, as they are stored (PS3.5 §8)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from storage.elements import EXPLICIT_BIG
from storage.errors import Unreadable
from storage.syntaxes import NATIVE, RLE

#: Samples of one frame: larger ones are looked at in parts, as slides are.
FRAME_LIMIT_SAMPLES = 256 * 1024 * 1024

Samples = NDArray[Any]

_FLOATS = {"FloatPixelData": "<f4", "DoubleFloatPixelData": "<f8"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's samples, (rows, columns) or (rows, columns, 3) in RGB, and what is in unused bits."""

    samples: Samples
    raw: Samples | None = None  # with the bits above and below; None where there can be none


def read_frame(found: Dataset, index: int) -> Frame:
    """The frame at `index`, from zero, of those that a data set holds. Raises what pydicom raises."""
    _check(found)
    syntax = str(found.file_meta.TransferSyntaxUID)
    is_native = syntax in NATIVE
    keyword = next((each for each in ("PixelData", *_FLOATS) if each in found), "PixelData")
    if keyword in _FLOATS and syntax != EXPLICIT_BIG:
        return Frame(_native(found, keyword, _FLOATS[keyword], index))
    bits = int(found.BitsAllocated)
    is_grey = int(found.get("SamplesPerPixel", 1)) == 1
    if is_native and is_grey and bits in (8, 16, 32) and syntax != EXPLICIT_BIG:
        sign = "i" if found.get("PixelRepresentation") == 1 else "u"
        raw = _native(found, keyword, f"<{sign}{bits // 8}", index)
        return Frame(_stored_bits(raw, found), raw)
    samples = pixel_array(found, index=index)
    if (
        is_grey
        and samples.dtype.kind in "iu"
        and samples.dtype.itemsize * 8 == bits
        and (is_native or syntax == RLE)
    ):
        return Frame(_stored_bits(samples, found), samples)
    return Frame(samples)


def _check(found: Dataset) -> None:
    samples = int(found.Rows) * int(found.Columns) * int(found.get("SamplesPerPixel", 1))
    if not 0 < samples <= FRAME_LIMIT_SAMPLES:
        raise Unreadable(f"a frame has 1 to {FRAME_LIMIT_SAMPLES:,} samples")


def _native(found: Dataset, keyword: str, kind: str, index: int) -> Samples:
    rows, columns = int(found.Rows), int(found.Columns)
    dtype = np.dtype(kind)
    start = index * rows * columns * dtype.itemsize
    return np.frombuffer(found[keyword].value, dtype, rows * columns, start).reshape(rows, columns)


def _stored_bits(raw: Samples, found: Dataset) -> Samples:
    """Without the bits above and below the stored ones: overlays may lie there (PS3.5 §8.1.1)."""
    bits = raw.dtype.itemsize * 8
    stored = int(found.get("BitsStored", bits))
    high = int(found.get("HighBit", stored - 1))
    if not stored <= high + 1 <= bits or stored == bits or stored < 1:
        return raw
    left, right = bits - 1 - high, bits - stored
    return np.right_shift(np.left_shift(raw, left), right)
