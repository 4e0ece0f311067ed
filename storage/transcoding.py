"""Frames and instances in another transfer syntax than they are stored in, never with more loss."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from storage.codecs.converting import TARGETS, can_transcode, described
from storage.codecs.frame import Frame, ImagePixel, native
from storage.codecs.workers import Workers
from storage.errors import Unencodable, Unreadable
from storage.passing import deflated
from storage.recode import to_explicit_little, to_implicit_little
from storage.reencoding import LONGEST_BYTES, reencoded, stored_frames
from storage.syntaxes import DEFLATED, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE

__all__ = ["TARGETS", "Transcoder", "can_transcode", "described"]

#: In what whole instances can be had.
INSTANCE_TARGETS = TARGETS | {IMPLICIT_LITTLE, DEFLATED}


def can_transcode_instance(stored: str, wanted: str) -> bool:
    """Whether an instance stored in one syntax can be had in the other, as far as the syntaxes say."""
    if stored == wanted:
        return True
    return wanted in INSTANCE_TARGETS and can_transcode(stored, _of_frames(wanted))


def has_room_native(pixel: ImagePixel, stored: str, count: int) -> bool:
    """Whether so many frames, decoded, fit into one element."""
    return native(pixel, stored).frame_bits * count // 8 < LONGEST_BYTES


@dataclass(frozen=True, slots=True)
class Transcoder:
    """Brings frames into another syntax."""

    workers: Workers

    def frame(self, frame: bytes, pixel: ImagePixel, stored: str, wanted: str) -> Frame:
        """One frame, and how it is laid out in the syntax that is wanted (Explicit VR Little Endian: native).

        `pixel` is what the header says of the stored frame; a native one is little endian. Raises Unreadable
        where it cannot be decoded, Unencodable where that syntax has no room for it. Blocking.
        """
        return self.workers.convert(Frame(frame, pixel), stored, wanted)

    def data_set(self, data_set: Iterable[bytes], stored: str, wanted: str) -> Iterator[bytes]:
        """A whole data set as it passes, a frame at a time, whatever its size.

        Raises Unreadable and Unencodable; what they are about is often found in the first frame, but may come
        in the middle.
        """
        if stored == wanted:
            return iter(data_set)
        if wanted not in INSTANCE_TARGETS:
            raise Unencodable(f"no encoder here for {wanted}")
        if stored in NATIVE:
            data_set = to_explicit_little(data_set, stored)
        if stored not in NATIVE or wanted not in NATIVE:
            data_set = reencoded(data_set, stored, _of_frames(wanted), self.workers.convert)
        if wanted == IMPLICIT_LITTLE:
            return to_implicit_little(data_set, EXPLICIT_LITTLE)
        return deflated(data_set) if wanted == DEFLATED else iter(data_set)


def frames_as_stored(data_set: Iterable[bytes], stored: str, numbers: Sequence[int]) -> Iterator[bytes]:
    """Some frames of a data set, numbered from one, in that order; native ones little endian.

    For those whose places nobody knows: goes through what lies before them. Raises Unreadable.
    """
    if stored in NATIVE:
        data_set = to_explicit_little(data_set, stored)
    wanted = set(numbers)
    held: dict[int, bytes] = {}
    each = enumerate(stored_frames(data_set, stored), 1)
    for asked in numbers:
        while asked not in held:
            number, frame = next(each, (0, None))
            if frame is None:
                raise Unreadable(f"no frame {asked} in the pixel data")
            if number in wanted:
                held[number] = frame.data
        yield held[asked]


def _of_frames(wanted: str) -> str:
    return EXPLICIT_LITTLE if wanted in NATIVE else wanted
