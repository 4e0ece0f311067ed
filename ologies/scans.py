"""Scanned documents: the pages of a picture file as a PDF that readers open, without loss."""

import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ologies.documents import DOCUMENT_LIMIT_BYTES, Document
from ologies.errors import Damaged
from ologies.pdf import Page, pdf_of
from ologies.photographs.picture import FORMATS, PIXEL_LIMIT, pixels_of
from ologies.recognition import Kind

#: Of one file.
PAGES_LIMIT = 2_000

#: What scanners scan with; other numbers say nothing of the paper.
_DOTS_PER_INCH = (50.0, 2_400.0)

_ORIENTATION = 0x0112
_IS_SMALLER = 1  # New Subfile Type (254): a thumbnail of another page


def read_scan(path: Path, kind: Kind) -> Document:
    """Its pages upright. Raises Damaged for a file that does not hold the pictures it announces."""
    if path.stat().st_size > DOCUMENT_LIMIT_BYTES:
        raise Damaged(f"it is longer than a document is taken to be ({DOCUMENT_LIMIT_BYTES:,} bytes)")
    notes: dict[str, None] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=(FORMATS.get(kind, "TIFF"),)) as image:
                content = pdf_of(_within(_pages(image, kind, notes)))
    except Damaged:
        raise
    except Exception as error:  # the decoders' own troubles with what a hostile file says
        raise Damaged(f"its {kind.value} cannot be read ({type(error).__name__})") from error
    return Document(content, "application/pdf", "SD", tuple(notes))


def _pages(image: Image.Image, kind: Kind, notes: dict[str, None]) -> Iterator[Page]:
    for number in range(getattr(image, "n_frames", 1)):
        if number >= PAGES_LIMIT:
            raise Damaged(f"it has more than {PAGES_LIMIT:,} pages")
        image.seek(number)
        if math.prod(image.size) > PIXEL_LIMIT:
            raise Damaged(f"it announces more than {PIXEL_LIMIT:,} pixels on a page")
        if number and _is_thumbnail(image):
            continue
        is_on_its_side = image.getexif().get(_ORIENTATION, 1) >= 5
        image.load()  # which turns a TIFF
        upright = image if kind is Kind.HEIC else ImageOps.exif_transpose(image)
        dots = _dots_per_inch(image)
        if dots is None:
            notes["the size of its paper is not said: its pages are as wide as A4"] = None
        elif is_on_its_side:
            dots = dots[1], dots[0]
        if upright.mode == "1":
            yield Page(np.asarray(upright), dots)
            continue
        pixels, photometric, said = pixels_of(upright)
        notes.update(dict.fromkeys(said))
        profile = image.info.get("icc_profile") if photometric == "RGB" and image.mode == "RGB" else None
        yield Page(pixels, dots, profile or None)


def _within(pages: Iterator[Page]) -> Iterator[Page]:
    """Raises Damaged where all of them together are more than one file should hold."""
    left = PIXEL_LIMIT * 10
    for page in pages:
        left -= page.pixels.size
        if left < 0:
            raise Damaged("its pages have more pixels than a document's")
        yield page


def _is_thumbnail(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", {})
    return bool(int(tags.get(254, 0)) & _IS_SMALLER)


def _dots_per_inch(image: Image.Image) -> tuple[float, float] | None:
    """A scanner measures the paper; what is not a scanner's number is not one."""
    said = image.info.get("dpi")
    if said is None:
        return None
    across, down = (float(each) for each in said)
    low, high = _DOTS_PER_INCH
    return (across, down) if low <= across <= high and low <= down <= high else None
