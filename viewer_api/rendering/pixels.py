"""The samples of one frame, as they are stored (PS3.5 §8). Compressed ones were decoded before."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from storage.codecs.frame import ImagePixel, of_data_set

Samples = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's samples, (rows, columns) or (rows, columns, 3), and what is in unused bits."""

    samples: Samples
    raw: Samples | None = None  # with the bits above and below; None where there can be none


def read_frame(found: Dataset) -> Frame:
    """The one frame that a native, little endian data set holds. Raises what pydicom and numpy raise."""
    pixel = of_data_set(found)
    pixel.check()
    is_packed = pixel.bits_allocated < 8 or pixel.is_halved
    samples = pixel_array(found) if is_packed else _native(found, pixel)
    if pixel.samples > 1 or pixel.is_float or pixel.bits_allocated < 8:
        return Frame(samples)
    return Frame(_stored_bits(samples, pixel), samples)


def _native(found: Dataset, pixel: ImagePixel) -> Samples:
    keyword = "PixelData"
    if pixel.is_float:
        keyword = "FloatPixelData" if pixel.bits_allocated == 32 else "DoubleFloatPixelData"
    count = pixel.rows * pixel.columns * pixel.samples
    samples = np.frombuffer(found[keyword].value, pixel.dtype, count)
    if pixel.samples == 1:
        return samples.reshape(pixel.rows, pixel.columns)
    if pixel.is_planar:
        return np.moveaxis(samples.reshape(pixel.samples, pixel.rows, pixel.columns), 0, -1)
    return samples.reshape(pixel.rows, pixel.columns, pixel.samples)


def _stored_bits(raw: Samples, pixel: ImagePixel) -> Samples:
    """Without the bits above and below the stored ones: overlays may lie there (PS3.5 §8.1.1)."""
    bits, stored, high = pixel.bits_allocated, pixel.bits_stored, pixel.high_bit
    if not stored <= high + 1 <= bits or stored == bits or raw.dtype.itemsize * 8 != bits:
        return raw
    shifted = np.left_shift(raw, bits - 1 - high)
    return np.right_shift(shifted, bits - stored, out=shifted)
