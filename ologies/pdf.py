"""Pictures as pages of a PDF (ISO 32000-1), each sample as it was: compressed by Flate, and by nothing lossy.

The file is the same to the byte whenever it is made: it holds no date, no producer and no number of its own.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What the two sides of a page may be at most, in points (ISO 32000-1 annex C).
_LONGEST_PT = 14_400.0
#: A side of A4: for pages whose size nobody says.
A4_PT = 595.0


@dataclass(frozen=True, slots=True)
class Page:
    """One picture: black and white as booleans (true is white), grey or RGB in 8 or 16 bits."""

    pixels: NDArray[Any]
    dots_per_inch: tuple[float, float] | None = None  # across and down, as its scanner said
    colour_profile: bytes | None = None  # ICC

    @property
    def points(self) -> tuple[float, float]:
        """Its size on paper; where that is not said, as wide as A4."""
        rows, columns = self.pixels.shape[:2]
        size = (A4_PT, A4_PT * rows / columns)
        if self.dots_per_inch is not None:
            size = columns / self.dots_per_inch[0] * 72, rows / self.dots_per_inch[1] * 72
        smaller = min(1.0, _LONGEST_PT / max(size))
        return round(size[0] * smaller, 3), round(size[1] * smaller, 3)


def pdf_of(pages: Iterable[Page]) -> bytes:
    """The file. A page is held only while it is compressed."""
    objects: list[bytes] = [b"", b""]  # the catalogue, and the tree of pages

    def add(content: bytes) -> int:
        objects.append(content)
        return len(objects)

    kids = []
    for page in pages:
        width, height = page.points
        image = add(_stream(*_image(page, add)))
        drawing = add(_stream(b"", f"q {width:g} 0 0 {height:g} 0 0 cm /Im Do Q".encode()))
        kids.append(
            add(
                f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width:g} {height:g}]"
                f"/Resources<</XObject<</Im {image} 0 R>>>>/Contents {drawing} 0 R>>".encode()
            )
        )
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    every = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{every}]>>".encode()
    return _file(objects)


def _image(page: Page, add: Any) -> tuple[bytes, bytes]:
    """Its dictionary, and its samples: rows of whole bytes, each as the difference to the one above."""
    rows, columns = page.pixels.shape[:2]
    colours = page.pixels.shape[2] if page.pixels.ndim == 3 else 1
    if page.pixels.dtype == np.bool_:
        bits, lines = 1, np.packbits(page.pixels, axis=1)
    else:
        bits = page.pixels.dtype.itemsize * 8
        lines = page.pixels.astype(f">u{bits // 8}").reshape(rows, -1).view(np.uint8)
    space = "/DeviceGray" if colours == 1 else "/DeviceRGB"
    if page.colour_profile is not None:
        # The profile is followed where it can be, and the space beside it where not.
        profile = add(
            _stream(
                f"/N {colours}/Alternate{space}/Filter/FlateDecode".encode(),
                zlib.compress(page.colour_profile, 9),
            )
        )
        space = f"[/ICCBased {profile} 0 R]"
    differences = np.empty((rows, lines.shape[1] + 1), np.uint8)
    differences[:, 0] = 2  # PNG's predictor "up"
    differences[0, 1:] = lines[0]
    differences[1:, 1:] = lines[1:] - lines[:-1]
    head = (
        f"/Type/XObject/Subtype/Image/Width {columns}/Height {rows}/ColorSpace{space}/BitsPerComponent {bits}"
        f"/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors {colours}/BitsPerComponent {bits}"
        f"/Columns {columns}>>"
    )
    return head.encode(), zlib.compress(differences.data, 6)


def _stream(head: bytes, content: bytes) -> bytes:
    return b"<<" + head + b"/Length %d>>stream\n" % len(content) + content + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    made = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(made)
