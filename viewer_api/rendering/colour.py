"""Colour as 8 bits of red, green and blue (PS3.3 §C.7.6.3.1.2)."""

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.numbers import Bytes
from viewer_api.rendering.pixels import Samples

#: Of luminance from 0 to 255. Halved chroma is made whole, and turned to RGB, where samples are read.
_FULL = "YBR_FULL"
_READY = frozenset({"RGB", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"})
_PARTIAL = frozenset({"YBR_PARTIAL_420", "YBR_PARTIAL_422"})


def coloured(samples: Samples, frame: Dataset) -> Bytes:
    """Red, green and blue of samples in three planes. Raises Unreadable for retired kinds."""
    kind = str(frame.get("PhotometricInterpretation", "RGB"))
    if samples.shape[-1] != 3 or kind not in _READY | _PARTIAL | {_FULL}:
        raise Unreadable(f"colour of the kind {kind[:16]} is not shown here")
    shown = _in_8_bits(samples, frame)
    if kind == _FULL:
        return np.asarray(Image.fromarray(np.ascontiguousarray(shown), "YCbCr").convert("RGB"), np.uint8)
    return _of_partial(shown) if kind in _PARTIAL else shown


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
