"""Pictures as files of the web (PS3.18 §8.7.4)."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset

from viewer_api.rendering.numbers import floats

JPEG, PNG, GIF, JP2, WEBP = "image/jpeg", "image/png", "image/gif", "image/jp2", "image/webp"
#: The default first.
PICTURES = (JPEG, PNG, GIF, JP2, WEBP)
_FORMATS: Mapping[str, str] = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF", JP2: "JPEG2000", WEBP: "WEBP"}
#: Where a cine says nothing of its speed.
_FRAME_MS = 100.0


def as_file(image: Image.Image, media_type: str, quality: int, comment: str) -> bytes:
    """One picture. `comment` goes where the format has a place for it."""
    made = BytesIO()
    profile = image.info.get("icc_profile")
    named: dict[str, object] = {"icc_profile": profile} if profile else {}
    match media_type:
        case "image/jpeg":
            named |= {"quality": quality, "comment": comment.encode()}
        case "image/png":
            text = PngImagePlugin.PngInfo()
            text.add_text("Comment", comment)
            # Twice as large as the smallest is ten times as quick.
            named |= {"compress_level": 1, "pnginfo": text}
        case "image/gif":
            named = {"comment": comment.encode()}
        case "image/webp":
            named |= {"quality": quality, "method": 1}
        case "image/jp2" if quality < 100:
            named |= {"irreversible": True, "quality_mode": "dB", "quality_layers": [25 + quality * 0.25]}
    image.save(made, _FORMATS[media_type], **named)
    return made.getvalue()


def as_cine(images: Sequence[Image.Image], frame_ms: float, comment: str) -> bytes:
    """Frames one after the other, for ever, as an animated GIF."""
    made = BytesIO()
    first, *rest = images
    first.save(
        made, "GIF", save_all=True, append_images=rest, duration=max(20, round(frame_ms)), loop=0,
        comment=comment.encode(), optimize=False,
    )  # fmt: skip
    return made.getvalue()


def frame_time_ms(frame: Dataset) -> float:
    """How long each frame of a cine is shown (PS3.3 §C.7.6.5)."""
    for keyword in ("FrameTime", "FrameTimeVector"):
        times = [each for each in floats(frame, keyword) if each > 0]
        if times:
            return times[-1]
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        if rate := [each for each in floats(frame, keyword) if each > 0]:
            return 1000.0 / rate[0]
    return _FRAME_MS
