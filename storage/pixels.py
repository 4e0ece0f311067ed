"""Pixels of two data sets side by side, decoded a frame at a time."""

import threading
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

from numpy.typing import NDArray

from storage.codecs.encoding import by_pixel
from storage.codecs.frame import Frame
from storage.codecs.workers import Workers
from storage.content import Encoded
from storage.elements import DEFLATED, EXPLICIT_LITTLE
from storage.errors import Unencodable, Unreadable
from storage.recode import to_explicit_little
from storage.reencoding import stored_frames
from storage.syntaxes import COLOURS, DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED, LOSSLESS, NATIVE, RLE

#: A deflated data set beyond this is not inflated for a comparison.
_INFLATED_LIMIT_BYTES = 64 * 1024 * 1024
#: Decoding takes many times the memory and time of keeping. A sender that repeats itself on all its
#: associations waits for two at once, and no other sender notices.
_DECODING = threading.BoundedSemaphore(2)
_WORKERS = Workers(2)
#: In which every bit of a sample is kept, also those above Bits Stored.
_EVERY_BIT = NATIVE | {RLE, ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES}


def may_show_the_same(first: Encoded, second: Encoded) -> bool:
    """Whether neither syntax can have lost anything."""
    return {first.transfer_syntax_uid, second.transfer_syntax_uid} <= NATIVE | LOSSLESS


def show_the_same(first: Encoded, second: Encoded) -> bool:
    """Whether every frame has the same samples. What cannot be decoded here is not called the same.

    Raises what reading the objects raises.
    """
    is_every_bit = {first.transfer_syntax_uid, second.transfer_syntax_uid} <= _EVERY_BIT
    try:
        with _DECODING:
            return all(
                one is not None and other is not None and _is_same(one, other, is_every_bit=is_every_bit)
                for one, other in zip_longest(_frames(first), _frames(second))
            )
    except (Unreadable, Unencodable):
        return False


def _frames(encoded: Encoded) -> Iterator[Frame]:
    """Native."""
    syntax = encoded.transfer_syntax_uid
    chunks: Iterable[bytes] = encoded.chunks()
    if syntax in NATIVE:
        chunks = to_explicit_little(chunks, syntax)
        if syntax == DEFLATED:
            chunks = _bounded(chunks)
        syntax = EXPLICIT_LITTLE
    for frame in stored_frames(chunks, syntax, is_all=True):
        yield _WORKERS.convert(frame, syntax, EXPLICIT_LITTLE)


def _is_same(one: Frame, other: Frame, *, is_every_bit: bool) -> bool:
    if (one.pixel.bits_allocated, one.pixel.is_float) != (other.pixel.bits_allocated, other.pixel.is_float):
        return False
    if one.pixel.bits_allocated == 1:
        return one.data == other.data
    names = {each.pixel.photometric.replace("_422", "") for each in (one, other)}
    if len(names) > 1 and names <= COLOURS:
        return False
    first, second = (_samples(each, is_every_bit=is_every_bit) for each in (one, other))
    return first.shape == second.shape and first.tobytes() == second.tobytes()


def _samples(frame: Frame, *, is_every_bit: bool) -> NDArray[Any]:
    """By pixel; a codestream knows nothing of what stands above Bits Stored, so that does not count there."""
    samples = by_pixel(frame)
    spare = (
        0 if is_every_bit or frame.pixel.is_float else frame.pixel.bits_allocated - frame.pixel.bits_stored
    )
    return (samples << spare) >> spare if spare else samples


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _INFLATED_LIMIT_BYTES:
            raise Unreadable("a deflated data set too large to be decoded here")
        yield chunk
