"""Native frames to compressed ones, never with loss (PS3.5 §8.2). Pure; codecs run in `workers`."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from rle.utils import encode_pixel_data

from storage.codecs.frame import Frame, ImagePixel
from storage.errors import Unencodable, Unreadable
from storage.syntaxes import (
    DEFLATED_FRAMES,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_LITTLE,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    J2K_LOSSLESS,
    RLE,
)

Samples = NDArray[Any]

#: With a transform of colours that is undone exactly, RGB is YBR_RCT (PS3.3 §C.7.6.3.1.2).
_TRANSFORMED = "YBR_RCT"
#: Beyond these a decoder somewhere loses bits.
_JPEG_2000_BITS = 16
_LOWEST_RESOLUTION_PX = 64  # of HTJ2K with RPCL options (PS3.5 §8.2.14)


def encoded(data: bytes, pixel: ImagePixel, syntax: str) -> Frame:
    """A native frame in that syntax, and how its pixels are to be described there.

    Raises Unencodable where the syntax has no room for such pixels, Unreadable where they are not as long as
    the header says.
    """
    described = encodable(pixel, syntax)
    if len(data) != pixel.frame_bytes:
        raise Unreadable(f"a frame of {len(data):,} bytes, and {pixel.frame_bytes:,} by the header")
    if syntax in (EXPLICIT_LITTLE, ENCAPSULATED_UNCOMPRESSED):
        return Frame(data, described)
    if syntax == DEFLATED_FRAMES:
        return Frame(_deflated(data), described)
    samples = by_pixel(Frame(data, pixel))
    if syntax != RLE:
        _check_bits(samples, pixel)
    try:
        return Frame(_ENCODERS[syntax](samples, pixel), described)
    except Exception as error:
        raise Unencodable(f"the frame cannot be encoded: {type(error).__name__}") from error


def encodable(pixel: ImagePixel, syntax: str) -> ImagePixel:
    """How such pixels are described in that syntax. Raises Unencodable where it has no room for them."""
    pixel.check()
    if syntax == EXPLICIT_LITTLE:
        return pixel
    if pixel.is_float:
        raise Unencodable("only Pixel Data are encapsulated, and these are floating point numbers")
    if syntax in (ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES):
        return pixel
    if syntax not in _ENCODERS:
        raise Unencodable(f"no encoder here for {syntax}")
    if pixel.bits_allocated == 1:
        raise Unencodable("single bits are not compressed by that syntax")
    if syntax == RLE:
        if pixel.samples * pixel.bits_allocated // 8 > 15 or pixel.bits_allocated > 32:
            raise Unencodable("RLE has no room for samples of so many bits")
    elif pixel.bits_stored > _JPEG_2000_BITS or pixel.bits_allocated > _JPEG_2000_BITS:
        raise Unencodable(f"samples of more than {_JPEG_2000_BITS} bits are not compressed by that syntax")
    elif pixel.high_bit != pixel.bits_stored - 1:
        raise Unencodable("the stored bits are not the lowest of those allocated")
    photometric = pixel.photometric
    if photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"
    elif photometric == "RGB" and syntax != RLE:
        photometric = _TRANSFORMED
    elif photometric in ("YBR_RCT", "YBR_ICT"):
        raise Unencodable("the colours are not described as native ones are")
    return replace(pixel, photometric=photometric, is_planar=pixel.samples > 1 and syntax == RLE)


def by_pixel(frame: Frame) -> Samples:
    """A native frame's rows, columns and, where there are several, samples. Raises Unreadable."""
    pixel = frame.pixel
    flat = np.frombuffer(frame.data, pixel.dtype)
    rows, columns, samples = pixel.rows, pixel.columns, pixel.samples
    if pixel.is_halved:
        return _whole_chroma(flat, rows, columns)
    if samples == 1:
        return flat.reshape(rows, columns)
    if pixel.is_planar:
        return np.ascontiguousarray(flat.reshape(samples, rows, columns).transpose(1, 2, 0))
    return flat.reshape(rows, columns, samples)


def _whole_chroma(flat: Samples, rows: int, columns: int) -> Samples:
    """Y1 Y2 Cb Cr to a Cb and a Cr for each (PS3.3 §C.7.6.3.1.2)."""
    if columns % 2:
        raise Unreadable("an odd number of columns cannot share their chroma by twos")
    pairs = flat.reshape(rows, columns // 2, 4)
    whole = np.empty((rows, columns // 2, 2, 3), flat.dtype)
    whole[..., 0] = pairs[..., :2]
    whole[..., 1] = pairs[..., 2:3]
    whole[..., 2] = pairs[..., 3:4]
    return whole.reshape(rows, columns, 3)


def _check_bits(samples: Samples, pixel: ImagePixel) -> None:
    """A codestream keeps Bits Stored of each sample; whatever stands above (an old overlay) would be lost."""
    bits = pixel.bits_stored
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if pixel.is_signed else (0, (1 << bits) - 1)
    if bits < pixel.bits_allocated and (int(samples.min()) < low or int(samples.max()) > high):
        raise Unencodable("there are bits above Bits Stored, which that syntax would lose")


def _run_lengths(samples: Samples, pixel: ImagePixel) -> bytes:
    made: bytes = encode_pixel_data(
        samples.tobytes(),
        rows=pixel.rows,
        columns=pixel.columns,
        samples_per_pixel=pixel.samples,
        bits_allocated=pixel.bits_allocated,
        byteorder="<",
    )
    return _even(made)


def _jpeg_2000(samples: Samples, pixel: ImagePixel) -> bytes:
    made = imagecodecs.jpeg2k_encode(
        _centred(samples, pixel),
        level=0,
        codecformat="j2k",
        reversible=True,
        mct=pixel.photometric == "RGB",
        resolutions=_levels(pixel),
    )
    return _even(_with_depth(made, pixel))


def _htj2k(samples: Samples, pixel: ImagePixel) -> bytes:
    made = imagecodecs.htj2k_encode(
        _centred(samples, pixel),
        reversible=True,
        rgb=pixel.photometric == "RGB",
        planar=False,
        resolutions=_levels(pixel),
        tlm=True,
    )
    return _even(_with_depth(made, pixel))


def _centred(samples: Samples, pixel: ImagePixel) -> Samples:
    """Numbers with a sign, which an encoder leaves where they are.

    Both take the precision from the type: 12 bits would be called 16. So samples without a sign are moved
    down by half their own range, as the format does inside (ISO/IEC 15444-1 §G.1), and `_with_depth` tells
    the header their true precision, by which a decoder moves them up again.
    """
    if pixel.is_signed:
        return samples
    middle = pixel.dtype.type(1 << (pixel.bits_stored - 1))
    moved: Samples = samples - middle  # wraps round, and is seen as negative
    return moved.view(f"<i{pixel.dtype.itemsize}")


def _with_depth(codestream: bytes | bytearray, pixel: ImagePixel) -> bytes:
    """With the true precision and sign of each component, Ssiz (ISO/IEC 15444-1 §A.5.1)."""
    made = bytearray(codestream)
    depth = pixel.bits_stored - 1 | (0x80 if pixel.is_signed else 0)
    made[42 : 42 + 3 * pixel.samples : 3] = bytes([depth] * pixel.samples)
    return bytes(made)


def _levels(pixel: ImagePixel) -> int:
    """Of decomposition: five, or as many as leave at most 64 pixels and at least one."""
    longest, shortest = max(pixel.rows, pixel.columns), min(pixel.rows, pixel.columns)
    levels = 5
    while -(-longest >> levels) > _LOWEST_RESOLUTION_PX:
        levels += 1
    return min(levels, max(0, shortest.bit_length() - 1)) if longest <= 64 else levels


_ENCODERS: Mapping[str, Callable[[Samples, ImagePixel], bytes]] = {
    RLE: _run_lengths,
    J2K_LOSSLESS: _jpeg_2000,
    HTJ2K_LOSSLESS: _htj2k,
    HTJ2K_LOSSLESS_RPCL: _htj2k,
}

#: Into which native frames are encoded here, without loss.
ENCODED = frozenset({*_ENCODERS, ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES})


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(level=4, wbits=-zlib.MAX_WBITS)
    return _even(deflate.compress(data) + deflate.flush())


def _even(data: bytes) -> bytes:
    return data + b"\0" if len(data) % 2 else data
