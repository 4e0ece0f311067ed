"""Colour as 8 bits of red, green and blue (PS3.3 §C.7.6.3.1.2)."""

import numpy as np
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.numbers import Bytes
from viewer_api.rendering.pixels import Samples

#: What pixels are in once they are decoded: pydicom turns the full-range kinds into RGB.
_READY = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"})
_PARTIAL = frozenset({"YBR_PARTIAL_420", "YBR_PARTIAL_422"})


def coloured(samples: Samples, frame: Dataset) -> Bytes:
    """Red, green and blue of samples in three planes. Raises Unreadable for retired kinds."""
    kind = str(frame.get("PhotometricInterpretation", "RGB"))
    if kind in _PARTIAL:
        return _of_partial(_in_8_bits(samples, frame))
    if kind not in _READY:
        raise Unreadable(f"colour of the kind {kind[:16]} is not shown here")
    return _in_8_bits(samples, frame)


def _in_8_bits(samples: Samples, frame: Dataset) -> Bytes:
    numbers = np.asarray(samples)
    if numbers.dtype == np.uint8:
        return np.asarray(numbers, np.uint8)
    most = 2.0 ** int(frame.get("BitsStored", numbers.dtype.itemsize * 8)) - 1
    return np.asarray(np.clip(numbers.astype(np.float64) * (255 / most) + 0.5, 0, 255), np.uint8)


def _of_partial(samples: Bytes) -> Bytes:
    """Of luminance from 16 to 235 (ITU-R BT.601)."""
    y, b, r = (samples[..., each].astype(np.float64) for each in range(3))
    y, b, r = (y - 16) * (255 / 219), b - 128, r - 128
    rgb = np.stack((y + 1.596 * r, y - 0.392 * b - 0.813 * r, y + 2.017 * b), axis=-1)
    return np.asarray(np.clip(rgb + 0.5, 0, 255), np.uint8)
