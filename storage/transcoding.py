"""Frames and instances in another transfer syntax than they are stored in, never with more loss."""

from dataclasses import dataclass

from storage.codecs.converting import TARGETS, can_transcode, described
from storage.codecs.frame import Frame, ImagePixel
from storage.codecs.workers import Workers

__all__ = ["TARGETS", "Transcoder", "can_transcode", "described"]


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
