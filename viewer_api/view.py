"""How a reader wants a picture rendered: window, viewport, quality, colours, annotations. Pure.

PS3.18 §8.3.5.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from storage.errors import BadQuery

#: Pixels on a side that a rendering may have: larger ones are looked at in parts.
SIDE_LIMIT_PX = 16_384
#: Of a rendering that is enlarged or made smaller.
PIXELS_LIMIT = 64 * 1024 * 1024
THUMBNAIL_PX = 128


class Shape(Enum):
    """VOI LUT Function (0028,1056), as the window parameter spells it."""

    LINEAR = "linear"
    LINEAR_EXACT = "linear-exact"
    SIGMOID = "sigmoid"


class Annotation(Enum):
    """What a reader asks to be written over the picture (PS3.18 §8.3.5.1.1)."""

    PATIENT = "patient"
    TECHNIQUE = "technique"


class ColourSpace(Enum):
    """What the colours of a picture are in, as the iccprofile parameter spells it (PS3.18 §8.3.5.1)."""

    NO = "no"  # as the pixels are, without a profile
    YES = "yes"  # as the pixels are, with their profile
    SRGB = "srgb"
    ADOBE_RGB = "adobergb"
    ROMM_RGB = "rommrgb"
    DISPLAY_P3 = "displayp3"


@dataclass(frozen=True, slots=True)
class Window:
    """Which values are shown, in the units of the modality LUT's output."""

    center: float
    width: float
    shape: Shape = Shape.LINEAR


@dataclass(frozen=True, slots=True)
class Viewport:
    """Where it is shown, in screen pixels, and what part of the picture; all of it where None is named.

    The picture keeps its proportions, and is never turned or mirrored.
    """

    width_px: int
    height_px: int
    region: tuple[float, float, float, float] | None = None  # left, top, width, height, in picture pixels


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is asked for."""

    window: Window | None = None
    viewport: Viewport | None = None
    quality: int = 90  # of lossy compression, 1 to 100
    annotations: frozenset[Annotation] = frozenset()
    space: ColourSpace | None = None  # None: sRGB where the pixels have a profile, else as they are


def parse_view(named: Mapping[str, str]) -> View:
    """From query parameters. Raises BadQuery."""
    window, viewport, quality = named.get("window"), named.get("viewport"), named.get("quality")
    annotation, space = named.get("annotation"), named.get("iccprofile")
    return View(
        window=_window(window) if window else None,
        viewport=_viewport(viewport) if viewport else None,
        quality=_quality(quality) if quality else View().quality,
        annotations=_annotations(annotation) if annotation else frozenset(),
        space=_space(space) if space else None,
    )


def _window(text: str) -> Window:
    center, width, shape = [*text.split(","), *[""] * 3][:3]
    try:
        window = Window(float(center), float(width), Shape(shape.strip().lower() or "linear"))
    except ValueError:
        raise BadQuery("window is center,width,shape; shape is linear, linear-exact or sigmoid") from None
    least = 1 if window.shape is Shape.LINEAR else 0
    if not (math.isfinite(window.center) and math.isfinite(window.width) and window.width > 0):
        raise BadQuery("the window's center and width are numbers, its width above none")
    if window.width < least:
        raise BadQuery("a linear window is at least 1 wide (PS3.3 §C.11.2.1.2)")
    return window


def _viewport(text: str) -> Viewport:
    parts = text.split(",")
    if not all(re.fullmatch(r"-?\d{0,9}(\.\d{1,6})?", part) for part in parts) or len(parts) not in (2, 6):
        raise BadQuery("viewport is width,height, or width,height,left,top,width,height")
    width, height = (float(part) if part else 0.0 for part in parts[:2])
    if not (1 <= width <= SIDE_LIMIT_PX and 1 <= height <= SIDE_LIMIT_PX):
        raise BadQuery(f"a viewport has 1 to {SIDE_LIMIT_PX:,} pixels on a side")
    if len(parts) == 2:
        return Viewport(int(width), int(height))
    left, top, wide, high = (float(part) if part else 0.0 for part in parts[2:])
    if wide < 0 or high < 0:
        raise BadQuery("a picture is never mirrored here: the region's width and height are above none")
    return Viewport(int(width), int(height), (left, top, wide, high))


def _annotations(text: str) -> frozenset[Annotation]:
    try:
        return frozenset(Annotation(each.strip()) for each in text.split(","))
    except ValueError:
        raise BadQuery("annotation is patient, technique, or both with a comma between") from None


def _space(text: str) -> ColourSpace:
    try:
        return ColourSpace(text.strip().lower())
    except ValueError:
        raise BadQuery(f"iccprofile is one of {', '.join(each.value for each in ColourSpace)}") from None


def _quality(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= 100:
        raise BadQuery("quality is a number from 1 to 100")
    return int(text)
