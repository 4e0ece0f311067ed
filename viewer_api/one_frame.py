"""One frame of an instance as a data set of its own: native, with its own functional groups, corrected."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from storage.archive import FrameRanges
from storage.codecs.frame import of_data_set
from storage.corrections import Correction, correct_bytes
from storage.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.errors import Unreadable
from storage.frame_reading import FrameReader
from storage.passing import inflated
from storage.stored import Stored
from storage.syntaxes import ALWAYS_LOSSY, HTJ2K, JPEG, JPEG_2000, JPEG_LS, JPEG_XL, NATIVE
from storage.transcoding import Transcoder
from viewer_api.header_of_frame import header_of_frame
from viewer_api.rendering.groups import flattened

#: Of the attributes before the pixels, and of an instance that has none.
HEADER_LIMIT_BYTES = 64 * 1024 * 1024
WHOLE_LIMIT_BYTES = 512 * 1024 * 1024
#: Pixel Data, of any kind.
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
#: Of every frame that was read; nobody changes it.
_NATIVE_META = FileMetaDataset()
_NATIVE_META.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
#: Whose bits are the codec's, and no overlay's.
CODESTREAMS = frozenset({*JPEG, *JPEG_LS, *JPEG_2000, *HTJ2K, *JPEG_XL})


@dataclass(frozen=True, slots=True)
class OneFrame:
    """Where a frame is, and how it is read."""

    reader: FrameReader
    transcoder: Transcoder
    found: FrameRanges  # of the first frame, then of the one that is asked for
    corrections: tuple[Correction, ...] = ()  # those in force

    def read(self, number: int) -> Dataset:
        """Frame `number`, from one. Raises Unreadable, and what the object store raises."""
        with readable():
            frame = flattened(self._header(number))
            pixels = self._pixels(number)
            if self.found.stored.transfer_syntax not in NATIVE:
                pixels = self._decoded(frame, pixels)
            frame.file_meta = _NATIVE_META
            frame.NumberOfFrames = 1
            keyword = _pixel_keyword(frame)
            setattr(frame, keyword, pixels)
            if keyword == "PixelData":
                frame[keyword].VR = "OB" if int(frame.BitsAllocated) <= 8 else "OW"
            return frame

    def _header(self, number: int) -> Dataset:
        stored, ranges = self.found.stored, self.found.ranges
        stop = ranges[0][0] if ranges else None
        head = self.reader.objects.read(stored.key, stored.data_offset, stop)
        if ranges is None or stored.frame_count > 1 or self.corrections:
            head = header_of_frame(head, stored.transfer_syntax, number)
        syntax = EXPLICIT_LITTLE if stored.transfer_syntax == DEFLATED else stored.transfer_syntax
        return _parsed(head, stored, syntax, self.corrections, HEADER_LIMIT_BYTES)

    def _pixels(self, number: int) -> bytes:
        found = self.found
        place = FrameRanges(found.stored, found.ranges[-1:] if found.ranges else None)
        return b"".join(next(iter(self.reader.frames(place, [number]))))

    def _decoded(self, frame: Dataset, pixels: bytes) -> bytes:
        """Native, and the header says how."""
        syntax = self.found.stored.transfer_syntax
        made = self.transcoder.frame(pixels, of_data_set(frame), syntax, EXPLICIT_LITTLE)
        if syntax in ALWAYS_LOSSY:
            frame.LossyImageCompression = "01"
        frame.PhotometricInterpretation = made.pixel.photometric
        if made.pixel.samples > 1:
            frame.PlanarConfiguration = int(made.pixel.is_planar)
        if syntax in CODESTREAMS and not made.pixel.is_float:
            _widen(frame, np.frombuffer(made.data, made.pixel.dtype))
        return made.data


def whole_of(chunks: Iterable[bytes], stored: Stored, corrections: tuple[Correction, ...]) -> Dataset:
    """An instance that has no pixels, as it leaves. Raises Unreadable, and what `chunks` raises."""
    syntax = stored.transfer_syntax
    if syntax == DEFLATED:
        chunks, syntax = inflated(chunks), EXPLICIT_LITTLE
    with readable():
        return _parsed(chunks, stored, syntax, corrections, WHOLE_LIMIT_BYTES)


@contextmanager
def readable() -> Iterator[None]:
    """What pydicom finds wrong is Unreadable; what the object store raises passes."""
    try:
        yield
    except Unreadable:
        raise
    except (ValueError, KeyError, AttributeError, IndexError, EOFError, NotImplementedError) as error:
        raise Unreadable(f"the data set cannot be read: {type(error).__name__}") from error


def _parsed(
    chunks: Iterable[bytes],
    stored: Stored,
    syntax: str,
    corrections: tuple[Correction, ...],
    limit_bytes: int,
) -> Dataset:
    buffer = BytesIO()
    for chunk in correct_bytes(chunks, syntax, corrections):
        buffer.write(chunk)
        if buffer.tell() > limit_bytes:
            raise Unreadable(f"more than {limit_bytes:,} bytes have to be read to render it")
    buffer.seek(0)
    # Without file meta, which `dcmread` would want, and would take as long to read as all the rest.
    is_little = syntax != EXPLICIT_BIG
    found = read_dataset(buffer, syntax == IMPLICIT_LITTLE, is_little, stop_when=_is_of_pixels)
    if syntax == EXPLICIT_BIG:
        _turn_words(found)
    return found


def _is_of_pixels(tag: int, _vr: str | None, _length: int) -> bool:
    return tag in _PIXELS


def _widen(frame: Dataset, samples: NDArray[Any]) -> None:
    """A codestream may have more bits than the header says are stored: none of them is lost."""
    bits = max(int(samples.max()).bit_length(), (int(samples.min()) + 1).bit_length())
    bits += samples.dtype.kind == "i"
    if bits > frame.BitsStored:
        frame.BitsStored, frame.HighBit = bits, bits - 1


def _turn_words(found: Dataset) -> None:
    """Tables and overlays in Little Endian, as those who draw take them."""
    for element in found.iterall():
        if element.VR == "OW" and len(element.value or b"") % 2 == 0:
            element.value = np.frombuffer(element.value or b"", ">u2").astype("<u2").tobytes()


def _pixel_keyword(frame: Dataset) -> str:
    """Which of the three the pixels are in: what is allocated tells (PS3.3 §C.7.6.24, §C.7.6.25)."""
    if "PixelRepresentation" in frame or int(frame.BitsAllocated) not in (32, 64):
        return "PixelData"
    return "FloatPixelData" if int(frame.BitsAllocated) == 32 else "DoubleFloatPixelData"
