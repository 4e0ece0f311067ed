"""Slides made for tests as only OpenSlide reads them: MIRAX, SCN, BIF; its own reading is the witness."""

import base64
import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.ologies.slides.material import tissue

_SLIDEDAT = """\ufeff[GENERAL]
SLIDE_VERSION = 01.02
SLIDE_ID = 0123456789ABCDEF
IMAGENUMBER_X = {count}
IMAGENUMBER_Y = {count}
OBJECTIVE_MAGNIFICATION = 20
[HIERARCHICAL]
HIER_COUNT = 1
NONHIER_COUNT = 1
INDEXFILE = Index.dat
HIER_0_NAME = Slide zoom level
HIER_0_COUNT = {levels}
{sections}
NONHIER_0_NAME = Scan data layer
NONHIER_0_COUNT = 1
NONHIER_0_VAL_0 = ScanDataLayer_SlideBarcode
NONHIER_0_VAL_0_SECTION = LABEL
[DATAFILE]
FILE_COUNT = 1
FILE_0 = Data0000.dat
[LABEL]
BARCODE_IMAGE_TYPE = JPEG
"""
_LEVEL = """[LEVEL_{number}]
IMAGE_CONCAT_FACTOR = {concat}
OVERLAP_X = 0
OVERLAP_Y = 0
MICROMETER_PER_PIXEL_X = {microns}
MICROMETER_PER_PIXEL_Y = {microns}
IMAGE_FILL_COLOR_BGR = 16777215
DIGITIZER_WIDTH = 256
DIGITIZER_HEIGHT = 256
IMAGE_FORMAT = {form}
"""


def write_mirax(
    folder: Path, label: NDArray[np.uint8], count: int = 8, form: str = "JPEG", levels: int = 4
) -> Path:
    """A slide of `count` by `count` pictures of 256; the first was never taken."""
    whole = tissue(256 * count, 256 * count)
    inside = folder / "S26-100"
    inside.mkdir()
    data, pages = bytearray(b"01.020123456789ABCDEF000" + bytes(256)), []
    for level in range(levels):
        step, items = 2**level, []
        shown = whole[::step, ::step]
        for row in range(0, count, step):
            for column in range(0, count, step):
                if (row, column, level) == (0, 0, 0):
                    continue
                top, left = row // step * 256, column // step * 256
                stored = _compressed(shown[top : top + 256, left : left + 256], form)
                items.append((row * count + column, len(data), len(stored), 0))
                data += stored
        pages.append(items)
    sticker = _compressed(label, "JPEG")
    index = _index(pages, (len(data), len(sticker)))
    (inside / "Data0000.dat").write_bytes(bytes(data) + sticker)
    (inside / "Index.dat").write_bytes(index)
    sections = "\n".join(f"HIER_0_VAL_{number}_SECTION = LEVEL_{number}" for number in range(levels))
    slidedat = _SLIDEDAT.format(count=count, levels=levels, sections=sections) + "".join(
        _LEVEL.format(number=number, concat=int(number > 0), microns=0.25 * 2**number, form=form)
        for number in range(levels)
    )
    (inside / "Slidedat.ini").write_text(slidedat, encoding="utf-8")
    path = folder / "S26-100.mrxs"
    path.write_bytes(_compressed(whole[::16, ::16], "JPEG"))
    return path


def _index(pages: Sequence[Sequence[tuple[int, ...]]], sticker: tuple[int, int]) -> bytes:
    """Its pointers count from the file's beginning; each record is a chain that begins with an empty page."""
    index = bytearray(b"01.020123456789ABCDEF")
    at = len(index)
    tables = at + 8
    index += struct.pack("<ii", tables, tables + 4 * len(pages)) + bytes(4 * len(pages) + 4)

    def put(place: int, *numbers: int) -> None:
        index[place : place + 4 * len(numbers)] = struct.pack(f"<{len(numbers)}i", *numbers)

    for number, items in enumerate(pages):
        put(tables + 4 * number, len(index))
        first = len(index) + 8
        index.extend(struct.pack("<iiii", 0, first, len(items), 0))
        for item in items:
            index.extend(struct.pack("<iiii", *item))
    put(tables + 4 * len(pages), len(index))
    index.extend(struct.pack("<ii", 0, len(index) + 8))
    index.extend(struct.pack("<iiiiiii", 1, 0, 0, 0, *sticker, 0))
    return bytes(index)


def _compressed(pixels: NDArray[np.uint8], form: str) -> bytes:
    written = BytesIO()
    options = {"quality": 95} if form == "JPEG" else {}
    Image.fromarray(np.ascontiguousarray(pixels)).save(written, form, **options)
    return written.getvalue()


_SCN = """<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">
<collection sizeX="26000000" sizeY="76000000"><barcode>{barcode}</barcode>
<image><creationDate>2026-03-03T09:30:00Z</creationDate><device model="Leica SCN400" version="1.5"/>
<pixels sizeX="260" sizeY="760"><dimension sizeX="260" sizeY="760" r="0" ifd="0"/></pixels>
<view sizeX="26000000" sizeY="76000000" offsetX="0" offsetY="0"/>{settings}</image>
<image><creationDate>2026-03-03T09:31:00Z</creationDate><device model="Leica SCN400" version="1.5"/>
<pixels sizeX="2048" sizeY="1536"><dimension sizeX="2048" sizeY="1536" r="0" ifd="1"/>
<dimension sizeX="512" sizeY="384" r="1" ifd="2"/></pixels>
<view sizeX="20480000" sizeY="15360000" offsetX="2000000" offsetY="9000000"/>{settings}</image>
</collection></scn>"""
_SETTINGS = """<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings>
<illuminationSettings><numericalAperture>0.4</numericalAperture>
<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings>"""


def write_scn(path: Path, barcode: str) -> Path:
    """An overview of the glass, and one area on it in two levels."""
    said = _SCN.format(barcode=base64.b64encode(barcode.encode()).decode(), settings=_SETTINGS)
    whole = tissue(2048, 1536)
    common: dict[str, Any] = {
        "photometric": "rgb", "compression": "jpeg", "metadata": None, "tile": (256, 256),
        "resolutionunit": "CENTIMETER",
    }  # fmt: skip
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(tissue(260, 760), description=said, resolution=(100, 100), **common)
        file.write(whole, resolution=(20000, 20000), **common)
        file.write(whole[::4, ::4], resolution=(5000, 5000), subfiletype=1, **common)
    return path


_ISCAN = """<?xml version="1.0"?><iScan Magnification="20" ScanRes="0.46" Z-layers="1" UnitNumber="2000515"
 BuildVersion="3.3.1.1" ScannerModel="VENTANA iScan HT"/>"""
_ENCODED = """<?xml version="1.0"?><EncodeInfo Ver="2"><SlideStitchInfo>
<ImageInfo AOIScanned="1" AOIIndex="0" NumRows="4" NumCols="5" Width="256" Height="256" Pos-X="0" Pos-Y="0">
<TileJointInfo FlagJoined="1" Confidence="99" Direction="RIGHT" Tile1="1" Tile2="2"
 OverlapX="16" OverlapY="0"/>
<TileJointInfo FlagJoined="1" Confidence="99" Direction="UP" Tile1="5" Tile2="6"
 OverlapX="0" OverlapY="16"/>
</ImageInfo></SlideStitchInfo><AoiOrigin><AOI0 OriginX="0" OriginY="0"/></AoiOrigin></EncodeInfo>"""


def write_bif(path: Path, label: NDArray[np.uint8]) -> Path:
    """Tiles that overlap by 16 pixels, which only its own XML says."""
    whole = tissue(1280, 1024)
    common: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    tiles: dict[str, Any] = {"tile": (256, 256), **common}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(label, description="Label Image", extratags=[_xmp(_ISCAN)], **common)
        file.write(whole, description="level=0 mag=20 quality=90", extratags=[_xmp(_ENCODED)], **tiles)
        file.write(whole[::4, ::4], description="level=1 mag=5 quality=90", **tiles)
    return path


def _xmp(text: str) -> tuple[int, int, int, bytes, bool]:
    return 700, 1, len(text.encode()), text.encode(), True
