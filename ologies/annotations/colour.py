"""A colour of a screen as DICOM recommends one: CIELab under D50, scaled to 16 bits (PS3.3 §C.10.7.1.1)."""

import numpy as np

#: sRGB (IEC 61966-2-1) to XYZ, adapted from D65 to D50 by Bradford's method, as ICC profiles have it.
_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_WHITE = np.array([0.96422, 1.0, 0.82521])


def cielab(colour: tuple[int, int, int]) -> list[int]:
    """Recommended Display CIELab Value (0062,000D) of red, green and blue from 0 to 255."""
    share = np.array(colour, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    ratio = _TO_XYZ @ linear / _WHITE
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    scaled = (lightness / 100, (a + 128) / 255, (b + 128) / 255)
    return [min(max(round(each * 0xFFFF), 0), 0xFFFF) for each in scaled]
