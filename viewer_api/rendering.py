"""One frame as a picture for a screen (PS3.4 §N.2, PS3.3 §C.11). Pure: numbers in, an image out.

Never turned, never mirrored: a picture lies as its pixels do.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi
from pydicom.pixels.utils import pixel_array

from storage.decoding import any_fault_unreadable
from storage.errors import Unreadable
from viewer_api.view import SIDE_LIMIT_PX, Shape, View, Viewport, Window

Values = NDArray[np.float64]
Bytes = NDArray[np.uint8]

#: Functional groups whose attributes stand in the data set itself where it has one frame (PS3.3 §C.7.6.16).
_PER_FRAME = (
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "PixelMeasuresSequence",
    "RealWorldValueMappingSequence",
)


def render(frame: Dataset, view: View, index: int = 0) -> Image.Image:
    """The picture of the frame at `index`, from zero, of those that a data set holds. Raises Unreadable.

    A window that is asked for counts before the data set's first own; without either, all that is there is
    shown, but padding.
    """
    with any_fault_unreadable("the picture cannot be rendered"):
        pixels = pixel_array(frame, index=index)
        if frame.get("PhotometricInterpretation") == "PALETTE COLOR":
            shown = _of_8_bits(apply_color_lut(pixels, frame), 16)
        elif pixels.ndim == 3:
            shown = _of_8_bits(pixels, int(frame.get("BitsStored", 8)))
        else:
            shown = _grey(pixels, frame, view.window)
        return _laid_out(Image.fromarray(shown), frame, view.viewport)


def flattened(frame: Dataset, number: int) -> Dataset:
    """The functional groups of frame `number`, from one, as attributes of the data set itself."""
    shared = frame.get("SharedFunctionalGroupsSequence") or [Dataset()]
    of_each = frame.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (shared[0], of_each[number - 1] if number <= len(of_each) else Dataset()):
        for keyword in _PER_FRAME:
            for item in (groups.get(keyword) or [])[:1]:
                frame.update({element.tag: element for element in item})
    return frame


def _grey(pixels: NDArray[np.generic], frame: Dataset, window: Window | None) -> Bytes:
    padding = _padding(pixels, frame)
    values = np.asarray(apply_modality_lut(pixels, frame), np.float64)
    if window is None:
        window = own_window(frame)
    if window is not None:
        shown = windowed(values, window)
    elif frame.get("VOILUTSequence"):
        looked_up = np.asarray(apply_voi(values.astype(np.int64), frame), np.float64)
        shown = looked_up / (2 ** int(frame.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    else:
        seen = values[~padding] if padding is not None else values
        seen = seen[np.isfinite(seen)]
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
        shown = (values - low) / ((high - low) or 1.0)
    shown = np.nan_to_num(shown, nan=0.0, posinf=1.0, neginf=0.0)
    if _is_inverse(frame):
        shown = 1.0 - shown
    if padding is not None:
        shown[padding] = 0.0
    return np.asarray(np.clip(shown * 255.0 + 0.5, 0, 255), np.uint8)


def own_window(frame: Dataset) -> Window | None:
    """The first that the data set brings (PS3.3 §C.11.2.1.2); None where it has none that means something."""
    centers, widths = _floats(frame, "WindowCenter"), _floats(frame, "WindowWidth")
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


def _is_inverse(frame: Dataset) -> bool:
    """Low values are bright (PS3.3 §C.7.6.3.1.2, §C.11.6)."""
    if shape := frame.get("PresentationLUTShape"):
        return str(shape) == "INVERSE"
    return bool(frame.get("PhotometricInterpretation") == "MONOCHROME1")


def _padding(pixels: NDArray[np.generic], frame: Dataset) -> NDArray[np.bool_] | None:
    """Where no picture was taken (PS3.3 §C.7.5.1.1.2)."""
    first = _number(frame, "PixelPaddingValue")
    if first is None:
        return None
    limit = _number(frame, "PixelPaddingRangeLimit")
    low, high = sorted((first, first if limit is None else limit))
    values = pixels.astype(np.float64)
    found: NDArray[np.bool_] = (values >= low) & (values <= high)
    return found


def _number(frame: Dataset, keyword: str) -> int | None:
    value = frame.get(keyword)
    if not isinstance(value, int):
        return None
    bits = int(frame.get("BitsAllocated", 16))
    if frame.get("PixelRepresentation") == 1 and value >= 1 << (bits - 1):
        return value - (1 << bits)  # written without its sign
    return value


def _floats(frame: Dataset, keyword: str) -> list[float]:
    value = frame.get(keyword)
    if value is None or value == "":
        return []
    several = value if isinstance(value, list | tuple) or hasattr(value, "__iter__") else [value]
    return [float(each) for each in several if np.isfinite(float(each))]


def _of_8_bits(pixels: NDArray[np.generic], bits: int) -> Bytes:
    """Colour of any depth."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(np.clip(pixels.astype(np.float64) * (255 / (2**bits - 1)) + 0.5, 0, 255), np.uint8)


def _laid_out(image: Image.Image, frame: Dataset, viewport: Viewport | None) -> Image.Image:
    """With square pixels, the part that is asked for, as large as fits."""
    stretch = pixel_aspect(frame)
    if viewport is None:
        if stretch == 1.0:
            return image
        return _resized(image, (0, 0, image.width, image.height), image.width, image.height * stretch)
    left, top, wide, high = viewport.region or (0.0, 0.0, 0.0, 0.0)
    right = min(float(image.width), left + (wide or image.width))
    bottom = min(float(image.height), top + (high or image.height))
    left, top = max(0.0, left), max(0.0, top)
    if right - left < 1 or bottom - top < 1:
        raise Unreadable("the region lies outside the picture")
    scale = min(viewport.width_px / (right - left), viewport.height_px / ((bottom - top) * stretch))
    return _resized(
        image, (left, top, right, bottom), (right - left) * scale, (bottom - top) * stretch * scale
    )


def _resized(
    image: Image.Image, box: tuple[float, float, float, float], width: float, height: float
) -> Image.Image:
    size = (min(max(1, round(width)), SIDE_LIMIT_PX), min(max(1, round(height)), SIDE_LIMIT_PX))
    return image.resize(size, Image.Resampling.BICUBIC, box=box)


def pixel_aspect(frame: Dataset) -> float:
    """How much taller than wide a pixel is (PS3.3 §C.7.6.3.1.7); 1 where nothing sound is said."""
    ratio = _floats(frame, "PixelAspectRatio")
    spacing = next(
        (
            found
            for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
            if len(found := _floats(frame, keyword)) == 2
        ),
        ratio,
    )
    if len(spacing) != 2 or min(spacing) <= 0 or not 0.02 <= spacing[0] / spacing[1] <= 50:
        return 1.0
    return spacing[0] / spacing[1]
