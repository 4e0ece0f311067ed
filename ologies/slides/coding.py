"""How the pixels of an object are coded, and the codecs of what has to be decoded or coded anew."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from ologies.codestreams import METHODS, read_picture
from ologies.errors import Damaged
from ologies.slides import tiff
from ologies.slides.jpeg import START, head_of, tables_of, told_colours
from ologies.slides.raster import JPEG_2000_KINDS, TILE_LIMIT_PX, Colour, Compression, Raster

#: Quality of the levels that are made here from a picture that was compressed with loss before.
QUALITY = 90

Pixels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Coding:
    """Of one object's frames."""

    transfer_syntax_uid: str
    photometric: str  # Photometric Interpretation (0028,0004)
    bits: int = 8

    @property
    def samples(self) -> int:
        """Of a pixel."""
        return 1 if self.photometric == "MONOCHROME2" else 3

    @property
    def method(self) -> str | None:
        """Lossy Image Compression Method (0028,2114); None where nothing is lost."""
        return METHODS.get(self.transfer_syntax_uid)


def lossless(samples: int, bits: int) -> Coding:
    """JPEG 2000, which every viewer of slides reads."""
    return Coding(JPEG2000Lossless, "YBR_RCT" if samples == 3 else "MONOCHROME2", bits)


def lossy(samples: int) -> Coding:
    """JPEG Baseline."""
    return Coding(JPEGBaseline8Bit, "YBR_FULL_422" if samples == 3 else "MONOCHROME2")


def encode(pixels: Pixels, coding: Coding) -> bytes:
    """One frame, of rows, columns and (for colour, RGB) samples."""
    pixels = np.ascontiguousarray(pixels)
    if coding.transfer_syntax_uid == JPEGBaseline8Bit and coding.photometric == "RGB":
        return bytes(imagecodecs.jpeg8_encode(pixels, level=QUALITY, colorspace="RGB", outcolorspace="RGB"))
    if coding.transfer_syntax_uid == JPEGBaseline8Bit:
        written = BytesIO()
        Image.fromarray(pixels).save(written, "JPEG", quality=QUALITY, subsampling="4:2:2")
        return written.getvalue()
    return bytes(
        imagecodecs.jpeg2k_encode(
            pixels,
            level=0,
            reversible=coding.photometric != "YBR_ICT",
            mct=coding.photometric != "RGB",
            codecformat="j2k",
        )
    )


def decode(raster: Raster, stored: memoryview, rows_px: int, shrink: int = 1) -> Pixels:
    """One tile or strip as RGB or gray, `rows_px` high; a `shrink`-th of it on each side.

    Raises Damaged where it does not hold what its directory says.
    """
    columns = raster.tile_columns_px
    if columns * rows_px > TILE_LIMIT_PX:
        raise Damaged("one of its tiles is larger than any slide's")
    try:
        if raster.compression is Compression.JPEG:
            return _jpeg(raster, bytes(stored), (columns, rows_px), shrink)
        if raster.compression in JPEG_2000_KINDS:
            pixels = _jpeg_2000(raster, stored)
        else:
            pixels = _plain(raster, stored, rows_px)
    except (
        OSError,
        ValueError,
        SyntaxError,
        RuntimeError,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        raise Damaged(f"one of its tiles cannot be decoded ({type(error).__name__})") from error
    if pixels.shape[:2] != (rows_px, columns):
        raise Damaged("one of its tiles has another size than the others")
    return shrunk(pixels, shrink)


def shrunk(pixels: Pixels, times: int) -> Pixels:
    """The mean of each square of so many pixels; those at the right and lower edges may be fewer."""
    if times == 1:
        return pixels
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(times))
    rows, columns = (-(-side // times) * times for side in pixels.shape[:2])
    edges = [(0, rows - pixels.shape[0]), (0, columns - pixels.shape[1])] + [(0, 0)] * (pixels.ndim - 2)
    whole = np.pad(pixels, edges, mode="edge").astype(np.uint32)
    squares = whole.reshape(rows // times, times, columns // times, times, *pixels.shape[2:])
    return np.asarray(squares.sum(axis=(1, 3)) // (times * times), dtype=pixels.dtype)


def _jpeg(raster: Raster, stored: bytes, size: tuple[int, int], shrink: int) -> Pixels:
    """By libjpeg-turbo, which shrinks while it decodes. What TIFF says of colours counts."""
    stream = START + tables_of(raster.directory.raw(tiff.JPEG_TABLES)) + stored[2:]
    head, samples = head_of(stream), 1 if raster.is_planar else raster.samples
    if (head.columns_px, head.rows_px, head.samples) != (*size, samples):
        raise Damaged("one of its tiles has another size, or other colours, than it should")
    is_rgb = raster.colour is Colour.RGB and samples == 3
    told = told_colours(stream, head, is_rgb)
    if told is None or head.bits != 8:
        space = "RGB" if is_rgb else "YCBCR" if samples == 3 else "GRAYSCALE"
        wanted = "RGB" if samples == 3 else "GRAYSCALE"
        return shrunk(
            np.asarray(imagecodecs.jpeg8_decode(stream, colorspace=space, outcolorspace=wanted)), shrink
        )
    with Image.open(BytesIO(told), formats=["JPEG"]) as image:
        small = -(-size[0] // shrink), -(-size[1] // shrink)
        if shrink > 1:
            image.draft(image.mode, small)
        pixels = np.asarray(image)
    return pixels if pixels.shape[1::-1] == small else shrunk(pixels, shrink)


def _jpeg_2000(raster: Raster, stored: memoryview) -> Pixels:
    found = read_picture(lambda start, stop: bytes(stored[start:stop]), len(stored))
    samples = 1 if raster.is_planar else raster.samples
    if found.rows * found.columns > TILE_LIMIT_PX or found.samples != samples:
        raise Damaged("one of its tiles has another size, or other colours, than it should")
    pixels = np.asarray(imagecodecs.jpeg2k_decode(bytes(stored)))
    if raster.compression is Compression.APERIO_YBR and pixels.ndim == 3 and found.photometric == "RGB":
        return np.asarray(Image.fromarray(pixels, "YCbCr").convert("RGB"))
    return pixels


#: What undoes each compression that knows nothing of pictures, into a buffer of the size that it must have.
_UNPACKERS: Mapping[Compression, Callable[..., bytes | bytearray]] = {
    Compression.LZW: imagecodecs.lzw_decode,
    Compression.DEFLATE: imagecodecs.zlib_decode,
    Compression.ADOBE_DEFLATE: imagecodecs.zlib_decode,
    Compression.PACKBITS: imagecodecs.packbits_decode,
}


def _plain(raster: Raster, stored: memoryview, rows_px: int) -> Pixels:
    kind = np.dtype(f"{raster.directory.tiff.order}u{raster.bits // 8}")
    samples = 1 if raster.is_planar else raster.samples
    needed = rows_px * raster.tile_columns_px * samples * kind.itemsize
    unpack = _UNPACKERS.get(raster.compression)
    plain = bytes(stored) if unpack is None else bytes(unpack(bytes(stored), out=bytearray(needed)))
    if len(plain) < needed:
        raise Damaged("one of its tiles is cut off")
    pixels = np.frombuffer(plain, dtype=kind, count=needed // kind.itemsize)
    pixels = pixels.reshape(rows_px, raster.tile_columns_px, samples).astype(kind.newbyteorder("="))
    if raster.has_predictor:
        pixels = np.cumsum(pixels, axis=1, dtype=pixels.dtype)
    if raster.colour is Colour.WHITE_IS_ZERO:
        pixels = np.iinfo(pixels.dtype).max - pixels
    if raster.colour is Colour.YBR and samples == 3:
        pixels = np.asarray(Image.fromarray(pixels, "YCbCr").convert("RGB"))
    return pixels[..., 0] if samples == 1 else pixels
