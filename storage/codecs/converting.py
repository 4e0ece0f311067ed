"""A frame from one transfer syntax to another. Pure; codecs run in `workers`."""

from storage.codecs.decoding import can_decode, decoded
from storage.codecs.encoding import ENCODED, encodable, encoded
from storage.codecs.frame import Frame, ImagePixel, native
from storage.errors import Unencodable
from storage.syntaxes import DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED, EXPLICIT_LITTLE, NATIVE

#: What frames can be had in, whatever they are stored in, where their pixels have room there.
TARGETS = frozenset({EXPLICIT_LITTLE, *ENCODED})

#: Nothing in a frame of these can crash what reads or writes them, or keep it busy for long.
_HARMLESS = NATIVE | {ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES}


def can_transcode(stored: str, wanted: str) -> bool:
    """Whether frames stored in one syntax can be had in the other, as far as the syntaxes say."""
    return stored == wanted or (wanted in TARGETS and (stored in NATIVE or can_decode(stored)))


def is_harmless(stored: str, wanted: str) -> bool:
    """Whether no codec is needed."""
    return {stored, wanted} <= _HARMLESS


def described(pixel: ImagePixel, stored: str, wanted: str) -> ImagePixel:
    """How frames will be laid out in the other syntax. Raises Unencodable, and Unreadable."""
    if stored == wanted:
        return pixel
    if not can_transcode(stored, wanted):
        raise Unencodable(f"what is stored as {stored} cannot be had as {wanted} here")
    return encodable(native(pixel, stored), wanted)


def converted(frame: Frame, stored: str, wanted: str) -> Frame:
    """Explicit VR Little Endian stands for a native frame. Raises Unreadable, Unencodable."""
    if stored == wanted:
        return frame
    found = frame if stored in NATIVE else decoded(frame.data, frame.pixel, stored)
    return encoded(found.data, found.pixel, wanted)
