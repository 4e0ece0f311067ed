"""One frame of an instance, read without the others where offsets tell them apart."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.filereader import dcmread
from pydicom.uid import UID

from storage.archive import FrameRanges, Stored
from storage.codecs.frame import of_data_set
from storage.corrections import Correction, correct_bytes
from storage.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE
from storage.errors import Unreadable
from storage.frames import Form
from storage.objects import ObjectStore
from storage.part10 import write_meta
from storage.passing import inflated, joined_fragments
from storage.syntaxes import ALWAYS_LOSSY, HTJ2K, JPEG, JPEG_2000, JPEG_LS, JPEG_XL, NATIVE
from storage.transcoding import Transcoder
from viewer_api.header_of_frame import header_of_frame
from viewer_api.rendering.groups import flattened

#: Of the attributes before the pixels, and of an instance that has to be read whole.
HEADER_LIMIT_BYTES = 64 * 1024 * 1024
WHOLE_LIMIT_BYTES = 512 * 1024 * 1024
#: Whose bits are the codec's, and no overlay's.
CODESTREAMS = frozenset({*JPEG, *JPEG_LS, *JPEG_2000, *HTJ2K, *JPEG_XL})


@dataclass(frozen=True, slots=True)
class OneFrame:
    """Where a frame is, and how it is read."""

    objects: ObjectStore
    transcoder: Transcoder
    found: FrameRanges  # of the first frame, then of the one that is asked for
    corrections: tuple[Correction, ...] = ()  # those in force

    def read(self, number: int) -> tuple[Dataset, int]:
        """A native data set, and the index in it of frame `number`, from one: often it holds no other.

        Its functional groups are attributes of its own. Raises Unreadable, and what the object store raises.
        """
        with readable():
            if self.found.ranges:
                return flattened(self._alone(number)), 0
            stored = self.found.stored
            chunks = self.objects.read(stored.key, stored.data_offset)
            whole = flattened(parsed(chunks, stored, self.corrections, WHOLE_LIMIT_BYTES), number)
            if stored.transfer_syntax in NATIVE:
                return whole, number - 1
            frames = generate_frames(whole.PixelData, number_of_frames=stored.frame_count)
            self._decode(whole, next(islice(frames, number - 1, None)))
            return whole, 0

    def _alone(self, number: int) -> Dataset:
        stored, ranges = self.found.stored, self.found.ranges
        assert ranges is not None
        (first, _), (start, stop) = ranges[0], ranges[-1]
        head = self.objects.read(stored.key, stored.data_offset, first)
        if stored.frame_count > 1 or self.corrections:
            head = header_of_frame(head, stored.transfer_syntax, number)
        frame = parsed(head, stored, self.corrections, HEADER_LIMIT_BYTES, with_pixels=False)
        if stored.frame_form == Form.FRAGMENTS:
            pixels = b"".join(joined_fragments(self.objects.read(stored.key, start - 8, stop)))
        else:
            pixels = b"".join(self.objects.read(stored.key, start, stop))
        frame.NumberOfFrames = 1
        if stored.transfer_syntax not in NATIVE:
            self._decode(frame, pixels)
            return frame
        keyword = _pixel_keyword(frame)
        if stored.transfer_syntax == EXPLICIT_BIG:
            pixels = self._turned(frame, first, start, stop)
            frame.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
        setattr(frame, keyword, pixels)
        frame[keyword].VR = "OB" if int(frame.BitsAllocated) <= 8 else "OW"
        return frame

    def _turned(self, frame: Dataset, first: int, start: int, stop: int) -> bytes:
        """A frame's bytes in Little Endian. Bytes in words have changed places too (PS3.5 §8.1.1, §D)."""
        key = self.found.stored.key
        (vr,) = self.objects.read(key, first - 8, first - 6)
        size = max(int(frame.BitsAllocated) // 8, 1 if vr == b"OB" else 2)
        begin = start - (start - first) % size
        words = b"".join(self.objects.read(key, begin, stop + (begin - stop) % size))
        turned = np.frombuffer(words, f">u{size}").astype(f"<u{size}").tobytes() if size > 1 else words
        return turned[start - begin :][: stop - start]

    def _decode(self, frame: Dataset, pixels: bytes) -> None:
        """One frame's pixels, native, in place of all of them."""
        syntax = self.found.stored.transfer_syntax
        made = self.transcoder.frame(pixels, of_data_set(frame), syntax, EXPLICIT_LITTLE)
        if syntax in ALWAYS_LOSSY:
            frame.LossyImageCompression = "01"
        frame.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
        frame.PhotometricInterpretation = made.pixel.photometric
        if made.pixel.samples > 1:
            frame.PlanarConfiguration = int(made.pixel.is_planar)
        frame.BitsStored, frame.HighBit = made.pixel.bits_stored, made.pixel.high_bit
        if syntax in CODESTREAMS and not made.pixel.is_float:
            _widen(frame, np.frombuffer(made.data, made.pixel.dtype))
        frame.NumberOfFrames = 1
        frame.PixelData = made.data
        frame["PixelData"].VR = "OB" if made.pixel.bits_allocated <= 8 else "OW"


@contextmanager
def readable() -> Iterator[None]:
    """What pydicom finds wrong is Unreadable; what the object store raises passes."""
    try:
        yield
    except Unreadable:
        raise
    except (ValueError, KeyError, AttributeError, IndexError, EOFError, NotImplementedError) as error:
        raise Unreadable(f"the data set cannot be read: {type(error).__name__}") from error


def parsed(
    chunks: Iterable[bytes],
    stored: Stored,
    corrections: tuple[Correction, ...],
    limit_bytes: int,
    *,
    with_pixels: bool = True,
) -> Dataset:
    """A data set as it leaves: corrected, and inflated. Raises Unreadable beyond the limit."""
    syntax = stored.transfer_syntax
    if syntax == DEFLATED:
        chunks, syntax = inflated(chunks), EXPLICIT_LITTLE
    corrected = correct_bytes(chunks, syntax, corrections)
    buffer = BytesIO()
    for chunk in chain((write_meta(stored.sop_class, stored.uid, syntax),), corrected):
        buffer.write(chunk)
        if buffer.tell() > limit_bytes:
            raise Unreadable(f"more than {limit_bytes:,} bytes have to be read to render it")
    buffer.seek(0)
    found = dcmread(buffer, stop_before_pixels=not with_pixels, force=True)
    if syntax == EXPLICIT_BIG:
        _turn_words(found)
    return found


def _widen(frame: Dataset, samples: NDArray[Any]) -> None:
    """A codestream may have more bits than the header says are stored: none of them is lost."""
    bits = max(int(samples.max()).bit_length(), (int(samples.min()) + 1).bit_length())
    bits += samples.dtype.kind == "i"
    if bits > frame.BitsStored:
        frame.BitsStored, frame.HighBit = bits, bits - 1


def _turn_words(found: Dataset) -> None:
    """Tables and overlays in Little Endian, as those who draw take them; pixels are the decoder's matter."""
    for element in found.iterall():
        if element.VR == "OW" and element.tag.group != 0x7FE0 and len(element.value or b"") % 2 == 0:
            element.value = np.frombuffer(element.value or b"", ">u2").astype("<u2").tobytes()


def _pixel_keyword(frame: Dataset) -> str:
    """Which of the three the pixels are in: what is allocated tells (PS3.3 §C.7.6.24, §C.7.6.25)."""
    if "PixelRepresentation" in frame or int(frame.BitsAllocated) not in (32, 64):
        return "PixelData"
    return "FloatPixelData" if int(frame.BitsAllocated) == 32 else "DoubleFloatPixelData"
