"""Compressed frames to native ones (PS3.5 §8.2). Pure; codecs run in `workers`.

A native frame is little endian, colour by pixel, each sample in the bits that are allocated for it.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from storage.codecs.codestream import Claim, claim_of, is_whole
from storage.codecs.frame import Frame, ImagePixel, native
from storage.errors import Unreadable
from storage.syntaxes import (
    DEFLATED_FRAMES,
    ENCAPSULATED_UNCOMPRESSED,
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_LS,
    JPEG_XL,
    RLE,
)

Samples = NDArray[Any]


def decoded(frame: bytes, pixel: ImagePixel, syntax: str) -> Frame:
    """A frame of an encapsulated transfer syntax, native. Raises Unreadable."""
    pixel.check()
    laid_out = native(pixel, syntax)
    if syntax == ENCAPSULATED_UNCOMPRESSED:
        return Frame(_exactly(frame, pixel), laid_out)
    if syntax == DEFLATED_FRAMES:
        return Frame(_exactly(_inflated(frame, pixel.frame_bytes), pixel), laid_out)
    if syntax == RLE:
        return Frame(_run_lengths(frame, pixel), laid_out)
    decode = _CODECS.get(syntax)
    if decode is None:
        raise Unreadable(f"no decoder here for {syntax}")
    claim = claim_of(frame)
    claim.check(pixel)
    if syntax in _TOLERANT and not is_whole(frame):
        raise Unreadable("the compressed frame breaks off")
    try:
        samples = decode(frame, pixel)
    except Exception as error:  # a codec's own, of any kind; its words may hold values
        raise Unreadable(f"the frame cannot be decoded: {type(error).__name__}") from error
    if claim.photometric and pixel.samples == 3:
        laid_out = replace(laid_out, photometric=claim.photometric)
    return Frame(_fitted(samples, claim, pixel), laid_out)


def can_decode(syntax: str) -> bool:
    """Whether frames of that encapsulated syntax can become native here."""
    return syntax in _CODECS or syntax in (RLE, ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES)


def _jpeg(frame: bytes, pixel: ImagePixel) -> Samples:
    """Every process of JPEG, with 8 to 16 bits. Colours stay as they were compressed."""
    if pixel.samples != 3:
        return imagecodecs.jpeg8_decode(frame)
    return imagecodecs.jpeg8_decode(frame, colorspace="YCBCR", outcolorspace="YCBCR")


def _jpeg_ls(frame: bytes, pixel: ImagePixel) -> Samples:
    return imagecodecs.jpegls_decode(frame)


def _jpeg_2000(frame: bytes, pixel: ImagePixel) -> Samples:
    return imagecodecs.jpeg2k_decode(frame, planar=False)


def _htj2k(frame: bytes, pixel: ImagePixel) -> Samples:
    return imagecodecs.htj2k_decode(frame, planar=False)


def _jpeg_xl(frame: bytes, pixel: ImagePixel) -> Samples:
    return imagecodecs.jpegxl_decode(frame)


_CODECS: Mapping[str, Callable[[bytes, ImagePixel], Samples]] = {
    **dict.fromkeys(JPEG, _jpeg),
    **dict.fromkeys(JPEG_LS, _jpeg_ls),
    **dict.fromkeys(JPEG_2000, _jpeg_2000),
    **dict.fromkeys(HTJ2K, _htj2k),
    **dict.fromkeys(JPEG_XL, _jpeg_xl),
}

#: Whose decoders say nothing where samples are missing, or take seconds over it.
_TOLERANT = frozenset({*JPEG, *JPEG_LS, *HTJ2K})


def _fitted(samples: Samples, claim: Claim, pixel: ImagePixel) -> bytes:
    """Samples as the header says they are kept, whatever a codec made of them."""
    shape = (pixel.rows, pixel.columns) if pixel.samples == 1 else (pixel.rows, pixel.columns, pixel.samples)
    if samples.shape != shape or samples.dtype.kind not in "iu":
        raise Unreadable("the decoded frame has another shape than the header says")
    wanted = pixel.dtype
    if pixel.bits_allocated == 1:
        return np.packbits(samples.astype(bool).ravel(), bitorder="little").tobytes()
    if samples.dtype.itemsize > wanted.itemsize:
        raise Unreadable("a decoded sample is longer than the header allows")
    bits = claim.precision or pixel.bits_stored
    is_signed = samples.dtype.kind == "i"
    if is_signed != pixel.is_signed or bits < 8 * samples.dtype.itemsize:
        # A codestream that does not know of signs, or knows other ones: the bits are what counts.
        samples = _resigned(samples, bits, is_signed=pixel.is_signed)
    return np.ascontiguousarray(samples.astype(wanted, copy=False)).tobytes()


def _resigned(samples: Samples, bits: int, *, is_signed: bool) -> Samples:
    """The lowest bits of each sample as a number with a sign, or without one."""
    size = samples.dtype.itemsize
    spare = 8 * size - bits
    seen = samples.view(f"{'i' if is_signed else 'u'}{size}")
    return seen if spare <= 0 else (seen << spare) >> spare


def _run_lengths(frame: bytes, pixel: ImagePixel) -> bytes:
    """RLE (PS3.5 §G): a segment for each byte of each sample, the highest byte first."""
    if pixel.bits_allocated == 1:
        raise Unreadable("single bits do not come as RLE")
    expected = pixel.samples * pixel.bits_allocated // 8
    if len(frame) < 64 or int.from_bytes(frame[:4], "little") != expected:
        raise Unreadable("RLE with another number of segments than the header asks for")
    try:
        planes = imagecodecs.dicomrle_decode(frame, pixel.dtype)
    except Exception as error:
        raise Unreadable(f"the RLE cannot be decoded: {type(error).__name__}") from error
    samples = np.frombuffer(planes, pixel.dtype)
    wanted = pixel.rows * pixel.columns
    if samples.size != wanted * pixel.samples:
        raise Unreadable("RLE of another length than the header says")
    if pixel.samples == 1:
        return samples.tobytes()
    return np.ascontiguousarray(samples.reshape(pixel.samples, wanted).T).tobytes()


def _inflated(frame: bytes, length: int) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflate.decompress(frame, length + 2)
    except zlib.error as error:
        raise Unreadable("the deflated frame is damaged") from error


def _exactly(frame: bytes, pixel: ImagePixel) -> bytes:
    """Without what made it even."""
    length = pixel.frame_bytes
    if len(frame) - length not in (0, 1):
        raise Unreadable(f"a frame of {len(frame):,} bytes, and {length:,} by the header")
    return frame[:length]
