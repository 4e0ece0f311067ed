"""Numbers of a data set that may be missing, empty or single."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

Values = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def floats(found: Dataset, keyword: str) -> list[float]:
    """Those of an attribute that are finite; none where it is missing."""
    value = found.get(keyword)
    if value is None or value == "":
        return []
    several = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    return [number for each in several if each not in (None, "") and np.isfinite(number := float(each))]


def integers(found: Dataset, keyword: str) -> list[int]:
    """Those of an attribute, none where it is missing."""
    return [int(each) for each in floats(found, keyword)]


def texts(found: Dataset, keyword: str) -> list[str]:
    """Those of an attribute, none where it is missing."""
    value = found.get(keyword)
    if value is None or value == "":
        return []
    several = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
    return [str(each).strip() for each in several]
