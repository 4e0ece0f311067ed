"""One frame as a picture for a screen (PS3.4 §N.2, PS3.3 §C.11). Pure: numbers in, an image out.

Never turned, never mirrored: a picture lies as its pixels do.
"""

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from storage.errors import any_fault_unreadable
from viewer_api.rendering.colour import coloured
from viewer_api.rendering.layout import laid_out
from viewer_api.rendering.numbers import Bytes
from viewer_api.rendering.overlay import planes
from viewer_api.rendering.palette import read_palette, supplemental
from viewer_api.rendering.pixels import Frame, Samples, read_frame
from viewer_api.rendering.profiles import in_space, profile_of
from viewer_api.rendering.shutter import brightness, covered
from viewer_api.rendering.tone import toned
from viewer_api.view import View, Window


def render(frame: Dataset, view: View, number: int = 1) -> Image.Image:
    """The picture of the one frame that a native data set holds.

    Raises Unreadable, and BadQuery where the view lies outside it.

    It is frame `number`, from one, of its instance: overlays of several frames go by that. The functional
    groups are those of this frame, as `flattened` leaves them.
    """
    with any_fault_unreadable("the picture cannot be rendered"):
        read = read_frame(frame)
        shown = _covered_and_marked(_shown(read.samples, frame, view.window), read, frame, number)
    image = laid_out(Image.fromarray(shown), frame, view.viewport)
    with any_fault_unreadable("the colours cannot be rendered"):
        return in_space(image, profile_of(frame) if image.mode == "RGB" else None, view.space)


def _shown(samples: Samples, frame: Dataset, window: Window | None) -> Bytes:
    """Brightness, (rows, columns), or colour, (rows, columns, 3)."""
    if frame.get("PhotometricInterpretation") == "PALETTE COLOR":
        return read_palette(frame).of(samples)
    if samples.ndim == 3:
        return coloured(samples, frame)
    grey = toned(samples, frame, window).shown
    palette = supplemental(frame)
    if palette is None:
        return grey
    is_coloured = np.asarray(samples) >= palette.first
    return np.where(is_coloured[..., None], palette.of(samples), grey[..., None]).astype(np.uint8)


def _covered_and_marked(shown: Bytes, read: Frame, frame: Dataset, number: int) -> Bytes:
    """Under the shutters, then with the overlays: those are not covered (PS3.4 §N.2)."""
    size = shown.shape[0], shown.shape[1]
    layers = [(cover, brightness(frame)) for cover in (covered(frame, size),) if cover is not None] + [
        (plane.drawn, 255) for plane in planes(frame, number, read.raw, size) if _is_shown(plane.layer, frame)
    ]
    if layers and not shown.flags.writeable:
        shown = shown.copy()
    for where, value in layers:
        shown[where] = value
    return shown


def _is_shown(layer: str, frame: Dataset) -> bool:
    """An overlay on a layer is shown by a presentation state that has the layer, and by no one else."""
    named = {str(each.get("GraphicLayer", "")).strip() for each in frame.get("GraphicLayerSequence") or []}
    return not layer or layer in named
