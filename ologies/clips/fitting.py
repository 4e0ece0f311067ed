"""Which transfer syntax a coded video may be kept in as it is; pure.

The limits are those of PS3.5 §8.2.7 to §8.2.11, and of the levels that these name. A stream is taken at its
word for what only decoding all of it would show (its buffers, its slices). Blu-ray's syntax (…4.103) asks for
more of that and gives a reader nothing over …4.102, which takes the same streams: it is never claimed.
"""

from dataclasses import dataclass
from math import ceil, sqrt

from ologies.clips.coding import Coding
from ologies.errors import Damaged
from ologies.videos import (
    H264_LEVEL_4_1,
    H264_LEVEL_4_2,
    H265_MAIN,
    h264_syntax,
    h265_syntax,
)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of a level: macroblocks or luma samples of a picture, and of a second."""

    of_picture: int
    of_second: int


#: ISO 14496-10 Table A-1, in macroblocks; from the smallest.
_H264 = {H264_LEVEL_4_1: _Limits(8_192, 245_760), H264_LEVEL_4_2: _Limits(8_704, 522_240)}
#: ISO 23008-2 Tables A.8 and A.9 at level 5.1, in luma samples.
_H265 = _Limits(8_912_896, 534_773_760)

#: Rates are measured: 59.94 and 60 are one.
_TOLERANCE = 1.01


class DoesNotFit(Exception):
    """No transfer syntax takes the stream as it is; the message says why."""


def h264_fits(coding: Coding, rate_hz: float) -> str:
    """Raises DoesNotFit."""
    _chroma_and_pixels(coding)
    if coding.bits != 8:
        raise DoesNotFit(f"it has {coding.bits} bits a sample")
    try:
        named = h264_syntax(coding.profile, coding.constraints, coding.level)
    except Damaged as error:
        raise DoesNotFit("its profile or level is beyond High Profile, level 4.2") from error
    wide, high = ceil(coding.columns_px / 16), ceil(coding.rows_px / 16)
    for syntax, limits in _H264.items():
        if syntax >= named and _holds(limits, wide, high, rate_hz):
            return syntax
    raise DoesNotFit("it is larger or faster than High Profile, level 4.2 allows")


def h265_fits(coding: Coding, rate_hz: float) -> str:
    """Raises DoesNotFit."""
    _chroma_and_pixels(coding)
    if coding.is_high_tier:
        raise DoesNotFit("it is of the High tier")
    try:
        syntax = h265_syntax(coding.profile, coding.level)
    except Damaged as error:
        raise DoesNotFit("its profile or level is beyond Main 10 Profile, level 5.1") from error
    if coding.bits > (8 if syntax == H265_MAIN else 10):
        raise DoesNotFit(f"it has {coding.bits} bits a sample")
    if not _holds(_H265, coding.columns_px, coding.rows_px, rate_hz):
        raise DoesNotFit("it is larger or faster than level 5.1 allows")
    return syntax


def _chroma_and_pixels(coding: Coding) -> None:
    if coding.chroma != 1:
        raise DoesNotFit("its colours are not coded at half the resolution (4:2:0)")
    if not coding.is_square:
        raise DoesNotFit("its pixels are not square")


def _holds(limits: _Limits, wide: int, high: int, rate_hz: float) -> bool:
    longest = sqrt(8 * limits.of_picture)
    return (
        wide * high <= limits.of_picture
        and max(wide, high) <= longest
        and wide * high * rate_hz <= limits.of_second * _TOLERANCE
    )
