"""Camera raw: what the sensor counted, developed as its camera would, without its taste.

VL images have eight bits a colour (PS3.3 §C.8.12.1); a sensor counts in more, and one colour a pixel. So the
object is a picture made of it, and says so. The raw file is the original beside it.
"""

import math
import warnings
from datetime import datetime
from io import BytesIO
from pathlib import Path

import rawpy
from PIL import Image

from ologies.errors import Damaged
from ologies.photographs.picture import (
    PHOTOGRAPH_LIMIT_BYTES,
    PIXEL_LIMIT,
    ReadPhotograph,
    lossless,
    said_by_exif,
)
from ologies.srgb import srgb

_NOTE = (
    "developed from camera raw to eight bits of sRGB, with the white balance of its camera and no other"
    " adjustment: the raw file itself holds more"
)
#: IEC 61966-2-1: the exponent, and the slope near black.
_SRGB = (2.4, 12.92)


def read_raw(path: Path) -> ReadPhotograph:
    """Raises Damaged for a file that does not hold the picture it announces."""
    if path.stat().st_size > PHOTOGRAPH_LIMIT_BYTES:
        raise Damaged(f"it is larger than a photograph is taken to be ({PHOTOGRAPH_LIMIT_BYTES:,} bytes)")
    exif = Image.Exif()
    file = BytesIO(path.read_bytes())  # the library would write a path that it was given on standard error
    try:
        with rawpy.imread(file) as raw:
            if math.prod((raw.sizes.raw_height, raw.sizes.raw_width)) > PIXEL_LIMIT:
                raise Damaged(f"it announces more than {PIXEL_LIMIT:,} pixels")
            taken_at = raw.other.timestamp
            pixels = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=8,
                gamma=_SRGB,
                output_color=rawpy.ColorSpace.sRGB,
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.seek(0)
            if file.read(4) in (b"II*\0", b"MM\0*"):
                file.seek(0)
                exif.load_from_fp(file)
            said = said_by_exif(exif, _moment(taken_at))
    except Damaged:
        raise
    except Exception as error:  # the library's own troubles with what a hostile file says
        raise Damaged(f"its camera raw cannot be read ({type(error).__name__})") from error
    return ReadPhotograph(lossless(pixels, "RGB", None, srgb()), said, (_NOTE,))


def _moment(taken_at: datetime) -> datetime | None:
    """The camera's clock, which says no zone; the library begins counting where it said nothing."""
    return taken_at.replace(tzinfo=None) if taken_at.year > 1970 else None
