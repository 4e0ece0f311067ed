"""Pixel data decoded, by pydicom: whole in memory, bounded in size and in number at one time."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.filereader import dcmread
from pydicom.filewriter import dcmwrite
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRLittleEndian

from storage.errors import Unreadable
from storage.part10 import META_LIMIT_BYTES, read_meta, write_meta
from storage.recode import to_explicit_little
from storage.syntaxes import ALWAYS_LOSSY, LOSSLESS, NATIVE

#: Of the pixels of one data set, decoded: larger ones leave as they are stored, or not at all.
DECODED_LIMIT_BYTES = 1024 * 1024 * 1024


def decodable_syntaxes() -> frozenset[str]:
    """The lossless syntaxes that an installed decoder reads."""
    return frozenset(uid for uid in LOSSLESS if _has_decoder(uid))


def can_decode(syntax: str) -> bool:
    """Whether an installed decoder reads it, lossless or not."""
    return syntax not in NATIVE and _has_decoder(syntax)


@cache
def _has_decoder(uid: str) -> bool:
    try:
        return bool(get_decoder(uid).is_available)
    except NotImplementedError:
        return False


@dataclass(frozen=True, slots=True)
class Recoder:
    """Decodes whole objects. `places` bounds how many are in memory at one time."""

    limit_bytes: int
    places: threading.BoundedSemaphore

    def decoded(self, data_set: Iterable[bytes], syntax: str) -> bytes:
        """A compressed data set in Explicit VR Little Endian, its pixel data native. Raises Unreadable.

        What was compressed with loss says so for ever: Lossy Image Compression (0028,2110) stays, or
        becomes, 01 (PS3.3 §C.7.6.1.1.5).
        """
        with self.places, any_fault_unreadable("the pixel data cannot be decoded"):
            found = self._read(data_set, syntax)
            _check_size(found)
            if syntax in ALWAYS_LOSSY:
                found.LossyImageCompression = "01"
            found.decompress(as_rgb=False, generate_instance_uid=False)
            buffer = BytesIO()
            dcmwrite(buffer, found, implicit_vr=False, little_endian=True)
            written = buffer.getvalue()
            return written[read_meta(written[:META_LIMIT_BYTES]).data_offset :]

    def frames(self, data_set: Iterable[bytes], syntax: str, numbers: Sequence[int]) -> list[bytes]:
        """Frames whose offsets the index does not know, as they are stored. Raises Unreadable."""
        with self.places, any_fault_unreadable("the frames cannot be told apart"):
            if syntax in NATIVE:
                found = self._read(to_explicit_little(data_set, syntax), ExplicitVRLittleEndian)
                return [_native_frame(found, number) for number in numbers]
            found = self._read(data_set, syntax)
            frames = list(generate_frames(found.PixelData, number_of_frames=_count(found)))
            return [frames[number - 1] for number in numbers]

    def _read(self, data_set: Iterable[bytes], syntax: str) -> Dataset:
        buffer = BytesIO()
        buffer.write(write_meta("1.2", "1.2", syntax))
        for chunk in data_set:
            buffer.write(chunk)
            if buffer.tell() > self.limit_bytes:
                raise Unreadable(f"too large to be decoded here: more than {self.limit_bytes:,} bytes")
        buffer.seek(0)
        return dcmread(buffer)


def _native_frame(found: Dataset, number: int) -> bytes:
    """One frame, even of single bits that do not begin at a whole byte (PS3.5 §8.1.1)."""
    keyword = next(name for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in found)
    value: bytes = found[keyword].value
    is_422 = found.get("PhotometricInterpretation") == "YBR_FULL_422"
    samples = 2 if is_422 else found.get("SamplesPerPixel", 1)
    bits = found.Rows * found.Columns * samples * found.BitsAllocated
    first = (number - 1) * bits
    if bits % 8 == 0:
        return value[first // 8 : (first + bits) // 8]
    part = np.frombuffer(value[first // 8 : (first + bits + 7) // 8], "u1")
    alone = np.unpackbits(part, bitorder="little")[first % 8 : first % 8 + bits]
    return np.packbits(alone, bitorder="little").tobytes()


def _check_size(found: Dataset) -> None:
    samples = int(found.Rows) * int(found.Columns) * int(found.get("SamplesPerPixel", 1))
    if samples * (int(found.BitsAllocated) + 7) // 8 * _count(found) > DECODED_LIMIT_BYTES:
        raise Unreadable(f"more than {DECODED_LIMIT_BYTES:,} bytes when decoded")


def _count(found: Dataset) -> int:
    return int(found.get("NumberOfFrames") or 1)


@contextmanager
def any_fault_unreadable(what: str) -> Iterator[None]:
    """Whatever pydicom or a decoder finds wrong is Unreadable; its own words may hold values."""
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"{what}: {type(error).__name__}") from error
