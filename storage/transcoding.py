"""Frames and instances in another transfer syntax than they are stored in, never with more loss."""

import threading
from dataclasses import dataclass

from storage.codecs.decoding import can_decode, decoded
from storage.codecs.encoding import ENCODED, encodable, encoded
from storage.codecs.frame import Frame, ImagePixel, native
from storage.elements import EXPLICIT_LITTLE
from storage.errors import Unencodable
from storage.syntaxes import NATIVE

#: What frames can be had in, whatever they are stored in, where their pixels have room there.
TARGETS = frozenset({EXPLICIT_LITTLE, *ENCODED})


def can_transcode(stored: str, wanted: str) -> bool:
    """Whether frames stored in one syntax can be had in the other, as far as the syntaxes say."""
    return stored == wanted or (wanted in TARGETS and (stored in NATIVE or can_decode(stored)))


def described(pixel: ImagePixel, stored: str, wanted: str) -> ImagePixel:
    """How frames will be laid out in the other syntax. Raises Unencodable, and Unreadable."""
    if stored == wanted:
        return pixel
    if not can_transcode(stored, wanted):
        raise Unencodable(f"what is stored as {stored} cannot be had as {wanted} here")
    return encodable(pixel if stored in NATIVE else native(pixel, stored), wanted)


@dataclass(frozen=True, slots=True)
class Transcoder:
    """Brings frames into another syntax. `places` bounds how many at one time."""

    places: threading.BoundedSemaphore

    def frame(self, frame: bytes, pixel: ImagePixel, stored: str, wanted: str) -> Frame:
        """One frame, and how it is laid out in the syntax that is wanted (Explicit VR Little Endian: native).

        `pixel` is what the header says of the stored frame; a native one is little endian. Raises Unreadable
        where it cannot be decoded, Unencodable where that syntax has no room for it. Blocking.
        """
        described(pixel, stored, wanted)
        if stored == wanted:
            return Frame(frame, pixel)
        with self.places:
            found = Frame(frame, pixel) if stored in NATIVE else decoded(frame, pixel, stored)
            if wanted == EXPLICIT_LITTLE:
                return found
            return encoded(found.data, found.pixel, wanted)
