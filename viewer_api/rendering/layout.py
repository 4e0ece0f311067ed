"""Where a picture lies on a screen: square pixels, the part that is asked for, as large as fits."""

from PIL import Image
from pydicom.dataset import Dataset

from storage.errors import BadQuery
from viewer_api.rendering.numbers import floats
from viewer_api.view import PIXELS_LIMIT, SIDE_LIMIT_PX, Viewport

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def laid_out(image: Image.Image, frame: Dataset, viewport: Viewport | None) -> Image.Image:
    """The picture in proportion, never turned and never mirrored. Raises BadQuery."""
    stretch = pixel_aspect(frame)
    if viewport is None:
        if stretch == 1.0:
            return image
        return _resized(image, (0, 0, image.width, image.height), *_proportioned(image, stretch))
    left, top, wide, high = viewport.region or (0.0, 0.0, 0.0, 0.0)
    right = min(float(image.width), left + (wide or image.width))
    bottom = min(float(image.height), top + (high or image.height))
    left, top = max(0.0, left), max(0.0, top)
    if right - left < 1 or bottom - top < 1:
        raise BadQuery("the region lies outside the picture")
    scale = min(viewport.width_px / (right - left), viewport.height_px / ((bottom - top) * stretch))
    return _resized(
        image, (left, top, right, bottom), (right - left) * scale, (bottom - top) * stretch * scale
    )


def _proportioned(image: Image.Image, stretch: float) -> tuple[float, float]:
    """Larger rather than smaller, so that nothing is lost."""
    if stretch >= 1.0:
        return image.width, image.height * stretch
    return image.width / stretch, image.height


def _resized(
    image: Image.Image, box: tuple[float, float, float, float], width: float, height: float
) -> Image.Image:
    size = bounded(width, height)
    if size == image.size and box == (0, 0, *image.size):
        return image
    # Twice as large as needed is good enough to begin with: slides and mammograms are many times that.
    return image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def bounded(width: float, height: float) -> tuple[int, int]:
    """A size in pixels. Raises BadQuery beyond what is drawn here."""
    size = (min(max(1, round(width)), SIDE_LIMIT_PX), min(max(1, round(height)), SIDE_LIMIT_PX))
    if size[0] * size[1] > PIXELS_LIMIT:
        raise BadQuery(f"a picture of more than {PIXELS_LIMIT:,} pixels: ask for a smaller viewport")
    return size


def pixel_aspect(frame: Dataset) -> float:
    """How much taller than wide a pixel is (PS3.3 §C.7.6.3.1.7); 1 where nothing sound is said."""
    ratio = floats(frame, "PixelAspectRatio")
    spacing = next(
        (found for keyword in _SPACINGS if len(found := floats(frame, keyword)) == 2),
        ratio,
    )
    if len(spacing) != 2 or min(spacing) <= 0 or not 0.02 <= spacing[0] / spacing[1] <= 50:
        return 1.0
    aspect = spacing[0] / spacing[1]
    return 1.0 if abs(aspect - 1.0) < 1e-4 else aspect
