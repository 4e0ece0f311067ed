"""Which values are shown: windows and VOI LUTs (PS3.3 §C.11.2)."""

import numpy as np
from pydicom.dataset import Dataset

from viewer_api.rendering.numbers import Values, floats
from viewer_api.view import Shape, Window


def own_window(frame: Dataset) -> Window | None:
    """The first that the data set brings (PS3.3 §C.11.2.1.2); None where it has none that means something."""
    centers, widths = floats(frame, "WindowCenter"), floats(frame, "WindowWidth")
    if not (centers and widths):
        return None
    named = str(frame.get("VOILUTFunction") or "LINEAR").strip().replace("_", "-").lower()
    shape = Shape(named) if named in {each.value for each in Shape} else Shape.LINEAR
    if widths[0] < (1 if shape is Shape.LINEAR else 1e-12):
        return None
    return Window(centers[0], widths[0], shape)


def windowed(values: Values, window: Window) -> Values:
    """Values from 0 to 1 (PS3.3 §C.11.2.1.2.1 linear, §C.11.2.1.3.1 sigmoid, §C.11.2.1.3.2 linear exact)."""
    center, width = window.center, window.width
    match window.shape:
        case Shape.SIGMOID:
            with np.errstate(over="ignore"):
                return 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
        case Shape.LINEAR_EXACT:
            return np.clip((values - center) / width + 0.5, 0.0, 1.0)
        case Shape.LINEAR if width == 1:
            return np.where(values <= center - 0.5, 0.0, 1.0)
    return np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def stretched(values: Values, low: float, high: float) -> Values:
    """From `low` as 0 to `high` as 1."""
    return (values - low) / ((high - low) or 1.0)
