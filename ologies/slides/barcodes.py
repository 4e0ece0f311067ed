"""The barcodes on a slide's label, read by ZXing."""

from collections.abc import Sequence

import numpy as np
import zxingcpp
from PIL import Image

from ologies.slides.coding import Pixels
from ologies.slides.raster import Raster
from ologies.slides.slide import Flavour
from ologies.slides.tiles import tiles_of, whole_tile
from ologies.slides.whole import pixels_of

#: Kinds that laboratories print. Of those without a check (ITF, Codabar) a grid of lines would be one.
_KINDS = (
    zxingcpp.BarcodeFormat.DataMatrix,
    zxingcpp.BarcodeFormat.QRCode,
    zxingcpp.BarcodeFormat.Code128,
    zxingcpp.BarcodeFormat.Code39,
    zxingcpp.BarcodeFormat.PDF417,
    zxingcpp.BarcodeFormat.Aztec,
)

#: A label's picture is made smaller until its longer side is at most this.
_SIDE_PX = 3000


def barcodes_of(others: Sequence[tuple[Flavour, Raster]]) -> tuple[str, ...]:
    """Those of the label; of the overview, which shows it, where no picture is the label's alone."""
    for wanted in (Flavour.LABEL, Flavour.OVERVIEW):
        shown = [raster for flavour, raster in others if flavour is wanted]
        if shown:
            return tuple(dict.fromkeys(each for raster in shown for each in barcodes_on(raster)))
    return ()


def barcodes_on(raster: Raster) -> tuple[str, ...]:
    """What the barcodes of a picture say, each once. Raises Damaged where its pixels cannot be decoded."""
    pixels = _assembled(raster) if raster.is_tiled else pixels_of(raster)
    return read_barcodes(pixels)


def read_barcodes(pixels: Pixels) -> tuple[str, ...]:
    """The same of pixels: gray, or RGB."""
    image = Image.fromarray(_in_8_bits(pixels)).convert("L")
    image.thumbnail((_SIDE_PX, _SIDE_PX))
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(_KINDS))
    return tuple(dict.fromkeys(each.text.strip() for each in found if each.valid and each.text.strip()))


def _in_8_bits(pixels: Pixels) -> Pixels:
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def _assembled(raster: Raster) -> Pixels:
    tiles = [whole_tile(raster, stored) for stored in tiles_of(raster)]
    rows = [
        np.concatenate(tiles[first : first + raster.across], axis=1)
        for first in range(0, len(tiles), raster.across)
    ]
    whole: Pixels = np.concatenate(rows)[: raster.rows_px, : raster.columns_px]
    return whole
