"""Sample entries (ISO 14496-12 §12.1.3, §12.2.3), written anew: what a decoder needs, and no more."""

import struct
from dataclasses import dataclass

from ologies.boxes import boxes
from ologies.clips.movie import COPIED_SOUND, Track
from ologies.errors import Damaged

_VISUAL_BYTES = 78
_VIDEO_CONFIGURATIONS = {b"avc1": b"avcC", b"avc3": b"avcC", b"hvc1": b"hvcC", b"hev1": b"hvcC"}
_ES, _DECODER, _SPECIFIC = 3, 4, 5  # descriptors of ISO 14496-1 §7.2.6
_AAC = 0x40  # objectTypeIndication
_SAMPLE_RATES_HZ = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VideoEntry:
    """A video's description."""

    kind: bytes
    configuration: bytes  # avcC or hvcC
    colours: bytes  # colr, as ISO writes it; empty where nothing is said

    @property
    def length_bytes(self) -> int:
        """Of the length in front of each unit (ISO 14496-15 §5.3.3, §8.3.3)."""
        at = 4 if self.kind.startswith(b"avc") else 21
        return 1 + (self.configuration[at] & 3)

    def written(self, columns_px: int, rows_px: int) -> bytes:
        """Whole, with no name of its compressor."""
        head = struct.pack(">6xH16xHHIIIH32xHh", 1, columns_px, rows_px, 72 << 16, 72 << 16, 0, 1, 24, -1)
        colours = _box(b"colr", self.colours) if self.colours else b""
        return _box(self.kind, head + _box(_VIDEO_CONFIGURATIONS[self.kind], self.configuration) + colours)


@dataclass(frozen=True, slots=True)
class SoundEntry:
    """AAC's description (ISO 14496-14 §5.6)."""

    rate_hz: int
    channels: int
    configuration: bytes  # AudioSpecificConfig (ISO 14496-3 §1.6)

    def written(self) -> bytes:
        """Whole."""
        specific = _descriptor(_SPECIFIC, self.configuration)
        decoder = _descriptor(_DECODER, struct.pack(">BB3xII", _AAC, 0x15, 0, 0) + specific)
        es = _descriptor(_ES, struct.pack(">HB", 0, 0) + decoder + _descriptor(6, b"\2"))
        head = struct.pack(">6xH8xHHIHxx", 1, self.channels, 16, 0, self.rate_hz & 0xFFFF)
        return _box(b"mp4a", head + _box(b"esds", bytes(4) + es))


def video_entry(track: Track) -> VideoEntry | None:
    """None where it is neither H.264 nor H.265."""
    wanted = _VIDEO_CONFIGURATIONS.get(track.entry)
    found = _inner(track.description, _VISUAL_BYTES)
    if wanted is None or wanted not in found:
        return None
    return VideoEntry(track.entry, found[wanted], _colours(found.get(b"colr", b"")))


def _colours(said: bytes) -> bytes:
    """QuickTime writes the same numbers, without the flag for the full range (ISO 14496-12 §12.1.5)."""
    if said[:4] == b"nclc":
        return b"nclx" + said[4:10] + b"\0"
    return said[:11] if said[:4] == b"nclx" else b""


def sound_entry(track: Track) -> SoundEntry | None:
    """None where it is not AAC, low complexity."""
    if track.entry != COPIED_SOUND or len(track.description) < 28:
        return None
    (version,) = struct.unpack_from(">H", track.description, 8)
    found = _inner(track.description, 28 + {1: 16, 2: 36}.get(version, 0))
    if b"wave" in found:  # QuickTime's
        found = _inner(found[b"wave"], 0)
    specific = _specific(found.get(b"esds", b"")[4:])
    if len(specific) < 2:
        return None
    kind, place, channels = specific[0] >> 3, (specific[0] & 7) << 1 | specific[1] >> 7, specific[1] >> 3 & 15
    if kind != 2 or place >= len(_SAMPLE_RATES_HZ):
        return None
    return SoundEntry(_SAMPLE_RATES_HZ[place], channels, specific[:64])


def _specific(es: bytes) -> bytes:
    """AudioSpecificConfig, of the descriptors around it; empty where they hold none of MPEG-4 audio."""
    kind, content = _opened(es)
    if kind == _ES:
        flags = content[2]
        at = 3 + 2 * (flags >> 7 & 1) + 2 * (flags >> 5 & 1)
        kind, content = _opened(content[at:])
    if kind != _DECODER or content[:1] != bytes([_AAC]):
        return b""
    kind, content = _opened(content[13:])
    return content if kind == _SPECIFIC else b""


def _opened(descriptor: bytes) -> tuple[int, bytes]:
    """Its tag and content; the length is of up to four bytes of seven bits (ISO 14496-1 §8.3.3)."""
    length = 0
    for at in range(1, 5):
        if at >= len(descriptor):
            return 0, b""
        length = length << 7 | descriptor[at] & 0x7F
        if not descriptor[at] & 0x80:
            return descriptor[0], descriptor[at + 1 : at + 1 + length]
    return 0, b""


def _descriptor(kind: int, content: bytes) -> bytes:
    return struct.pack(">BB", kind, len(content)) + content


def _inner(description: bytes, at: int) -> dict[bytes, bytes]:
    """Boxes behind the fixed fields; QuickTime ends them with four bytes of nothing."""
    try:
        return {
            kind: description[start:stop]
            for kind, start, stop in boxes(lambda first, last: description[first:last], at, len(description))
        }
    except struct.error as error:
        raise Damaged("the description of a track is cut off") from error


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
