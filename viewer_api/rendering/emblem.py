"""A sheet of paper with words: the thumbnail of what has no picture."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from viewer_api.rendering.marks import font_of
from viewer_api.view import THUMBNAIL_PX, Viewport

_SIDE_LIMIT_PX = 2_048
_PAPER, _INK, _LINE, _GROUND = 250, 40, 150, 30


def emblem(words: Sequence[str], viewport: Viewport | None) -> Image.Image:
    """Words, one below the other, on a page with a folded corner."""
    wide = min(_SIDE_LIMIT_PX, viewport.width_px) if viewport else THUMBNAIL_PX
    high = min(_SIDE_LIMIT_PX, viewport.height_px) if viewport else THUMBNAIL_PX
    image = Image.new("L", (wide, high), _GROUND)
    drawing = ImageDraw.Draw(image)
    height = 0.84 * min(high, wide / 0.72)
    width = 0.72 * height
    left, top = (wide - width) / 2, (high - height) / 2
    fold = width / 5
    outline = [
        (left, top), (left + width - fold, top), (left + width, top + fold), (left + width, top + height),
        (left, top + height),
    ]  # fmt: skip
    drawing.polygon(outline, fill=_PAPER)
    drawing.polygon([outline[1], (left + width - fold, top + fold), outline[2]], fill=_LINE)
    size = int(height / 9)
    if size < 7:
        return image
    longest = max((drawing.textlength(word, font_of(size)) for word in words), default=0.0)
    if longest > width * 0.86:
        size = max(6, int(size * width * 0.86 / longest))
    step = size * 1.35
    begin = top + (height - step * len(words)) / 2 + step / 2
    for number, word in enumerate(words):
        drawing.text(
            (left + width / 2, begin + number * step), word, fill=_INK, font=font_of(size), anchor="mm"
        )
    return image
