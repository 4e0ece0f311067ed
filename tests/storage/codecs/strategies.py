"""Native frames of every kind that encoders take."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.codecs.frame import Frame, ImagePixel

SIDES = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 33, 64, 65, 130]))


@st.composite
def native_frames(draw: st.DrawFn, depths: tuple[int, ...] = (8, 16)) -> Frame:
    """Of any shape, depth, sign and order of colours; flat ones, noise and ramps."""
    allocated = draw(st.sampled_from(depths))
    stored = draw(st.integers(1, allocated))
    samples = draw(st.sampled_from([1, 3]))
    is_signed = draw(st.booleans()) and samples == 1
    kinds = ["MONOCHROME1", "MONOCHROME2"] if samples == 1 else ["RGB", "YBR_FULL"]
    pixel = ImagePixel(
        rows=draw(SIDES),
        columns=draw(SIDES),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1,
        is_signed=is_signed,
        photometric=draw(st.sampled_from(kinds)),
        is_planar=samples == 3 and draw(st.booleans()),
    )
    return Frame(draw(filled(pixel)), pixel)


@st.composite
def filled(draw: st.DrawFn, pixel: ImagePixel) -> bytes:
    """Samples of that many bits."""
    low = -(1 << (pixel.bits_stored - 1)) if pixel.is_signed else 0
    high = low + (1 << pixel.bits_stored) - 1
    count = pixel.rows * pixel.columns * pixel.samples
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values: NDArray[Any]
    match draw(st.sampled_from(["noise", "flat", "ramp", "extremes"])):
        case "noise":
            values = rng.integers(low, high, count, endpoint=True)
        case "flat":
            values = np.full(count, draw(st.integers(low, high)))
        case "ramp":
            values = low + np.arange(count) % (high - low + 1)
        case _:
            values = rng.choice([low, high], count)
    return values.astype(pixel.dtype).tobytes()


def by_pixel(frame: Frame) -> NDArray[Any]:
    """Its samples, one pixel after the other."""
    pixel = frame.pixel
    flat = np.frombuffer(frame.data, pixel.dtype)
    if pixel.is_planar:
        return flat.reshape(pixel.samples, -1).T
    return flat.reshape(-1, pixel.samples)
