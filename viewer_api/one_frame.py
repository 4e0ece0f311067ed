"""One frame of an instance, read without the others where offsets tell them apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filereader import dcmread

from storage.archive import FrameRanges
from storage.errors import Unreadable
from storage.frames import Form
from storage.objects import ObjectStore
from storage.part10 import write_meta
from storage.passing import joined_fragments
from storage.syntaxes import NATIVE

#: Of the attributes before the pixels, and of an instance that has to be read whole.
HEADER_LIMIT_BYTES = 64 * 1024 * 1024
WHOLE_LIMIT_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OneFrame:
    """Where a frame is, and how it is read."""

    objects: ObjectStore
    found: FrameRanges  # of the first frame, then of the one that is asked for

    def read(self, number: int) -> tuple[Dataset, int]:
        """A data set and the index in it of that frame: of those it holds, often the only one.

        Raises Unreadable, and what the object store raises.
        """
        try:
            return (self._alone(), 0) if self.found.ranges else (self._whole(), number - 1)
        except Unreadable:
            raise
        except (ValueError, KeyError, AttributeError, IndexError, EOFError, NotImplementedError) as error:
            raise Unreadable(f"the data set cannot be read: {type(error).__name__}") from error

    def _alone(self) -> Dataset:
        stored, ranges = self.found.stored, self.found.ranges
        assert ranges is not None
        (first, _), (start, stop) = ranges[0], ranges[-1]
        frame = self._parsed(self.objects.read(stored.key, stored.data_offset, first), HEADER_LIMIT_BYTES)
        if stored.frame_form == Form.FRAGMENTS:
            pixels = b"".join(joined_fragments(self.objects.read(stored.key, start - 8, stop)))
        else:
            pixels = b"".join(self.objects.read(stored.key, start, stop))
        if stored.transfer_syntax in NATIVE:
            keyword = _pixel_keyword(frame)
            setattr(frame, keyword, pixels)
        else:
            frame.PixelData = encapsulate([pixels])
            frame["PixelData"].is_undefined_length = True
        frame["PixelData" if "PixelData" in frame else _pixel_keyword(frame)].VR = _pixel_vr(frame)
        frame.NumberOfFrames = 1
        return frame

    def _whole(self) -> Dataset:
        """Where the index does not know the frames' places."""
        stored = self.found.stored
        chunks = self.objects.read(stored.key, stored.data_offset)
        return self._parsed(chunks, WHOLE_LIMIT_BYTES, pixels=True)

    def _parsed(self, chunks: Iterator[bytes], limit_bytes: int, *, pixels: bool = False) -> Dataset:
        stored = self.found.stored
        buffer = BytesIO()
        for chunk in chain((write_meta(stored.sop_class, stored.uid, stored.transfer_syntax),), chunks):
            buffer.write(chunk)
            if buffer.tell() > limit_bytes:
                raise Unreadable(f"more than {limit_bytes:,} bytes have to be read to render it")
        buffer.seek(0)
        return dcmread(buffer, stop_before_pixels=not pixels, force=True)


def _pixel_keyword(frame: Dataset) -> str:
    """Which of the three the pixels are in: what is allocated tells (PS3.3 §C.7.6.24, §C.7.6.25)."""
    if "PixelRepresentation" in frame or int(frame.BitsAllocated) not in (32, 64):
        return "PixelData"
    return "FloatPixelData" if int(frame.BitsAllocated) == 32 else "DoubleFloatPixelData"


def _pixel_vr(frame: Dataset) -> str:
    if "PixelData" not in frame:
        return "OF" if int(frame.BitsAllocated) == 32 else "OD"
    return "OB" if int(frame.BitsAllocated) <= 8 else "OW"
