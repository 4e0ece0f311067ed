"""JPEG streams (ISO/IEC 10918-1, 14495-1) without what identifies.

They are looked at in small pieces, wherever they lie: what stays of one is told as places in it.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ologies.codestreams import Fetch
from ologies.errors import Damaged

#: Marker segments; a progressive picture has ten scans, a telephone's tens of segments before its first.
_SEGMENTS_LIMIT = 2_000
#: Of an ICC profile, in all its segments. Those of cameras have some kilobytes.
_PROFILE_LIMIT_BYTES = 16 * 1024 * 1024
_PIECE = 256 * 1024

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})  # 0xF7 is of JPEG-LS

#: What ends a scan. Within one, a byte below 0x80 follows 0xFF (0x00 but in JPEG-LS), or a restart marker.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")

_ICC = b"ICC_PROFILE\0"
_EXIF = b"Exif\0\0"
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")


@dataclass(frozen=True, slots=True)
class Stream:
    """A JPEG: its picture, and what its application data say of that."""

    kept: tuple[tuple[int, int], ...]  # places in it that are the picture and its colours, and nothing else
    size: int  # from its first byte to the end of its picture
    frame: int  # the marker of its frame header: 0xC0 where it is baseline
    rows: int
    columns: int
    samples: int
    orientation: int  # as its camera said (Exif 2.32 §4.6.4 A), 1 to 8; 1 where it did not
    colour_profile: bytes | None  # ICC

    @property
    def holds_more(self) -> bool:
        """Whether anything in it is not kept."""
        return self.kept != ((0, self.size),)


def read_stream(fetch: Fetch, size: int) -> Stream:
    """Go through one, to the end of its picture. Raises Damaged where that is missing."""
    kept = [(0, 2)]
    frame, header, orientation, profile = 0, b"", 1, bytearray()
    end = 0
    for marker, start, stop in _segments(fetch, size):
        head = fetch(start + 4, min(stop, start + 4 + 64))
        if marker == _APP1 and orientation == 1:
            orientation = _orientation(fetch(start + 4, stop))
        if marker == _APP2 and head.startswith(_ICC) and len(profile) < _PROFILE_LIMIT_BYTES:
            profile += fetch(start + 4 + len(_ICC) + 2, stop)
        if marker in _FRAMES and not frame:
            frame, header = marker, head
        if _is_of_the_picture(marker, head, stop - start):
            if kept[-1][1] == start:
                kept[-1] = kept[-1][0], stop
            else:
                kept.append((start, stop))
        end = stop
    if len(header) < 6:
        raise Damaged("the JPEG has no frame")
    rows, columns, samples = struct.unpack_from(">HHB", header, 1)
    return Stream(tuple(kept), end, frame, rows, columns, samples, orientation, bytes(profile) or None)


def without_metadata(stream: bytes) -> bytes:
    """The same picture, to the last coefficient, without comments and application data.

    JFIF's head without a thumbnail, colours and Adobe's word on them stay: no EXIF, no position, no
    thumbnail, no maker's notes, nothing behind its end. Raises Damaged where its end is missing.
    """
    found = read_stream(lambda start, stop: stream[start:stop], len(stream))
    return b"".join(stream[start:stop] for start, stop in found.kept)


def _is_of_the_picture(marker: int, head: bytes, length: int) -> bool:
    if marker == _APP0:  # JFIF: version, density, and a thumbnail of no columns and no rows
        return head.startswith(b"JFIF\0") and length == 18 and head[12:14] == b"\0\0"
    if marker == _APP2:
        return head.startswith(_ICC)
    if marker == _APP14:
        return head.startswith(b"Adobe") and length == 16
    return not (_APP0 <= marker <= _APP15 or marker == _COM)


def _segments(fetch: Fetch, size: int) -> Iterator[tuple[int, int, int]]:
    """Markers, and from where to where what they head lies; a scan with its data (§B.1.1.4)."""
    if fetch(0, 2) != b"\xff\xd8":
        raise Damaged("it does not begin as a JPEG")
    position = 2
    for _ in range(_SEGMENTS_LIMIT):
        head = fetch(position, position + 4)
        if len(head) < 2:
            raise Damaged("the JPEG is cut off: its end is missing")
        if head[0] != 0xFF:
            raise Damaged(f"the JPEG has no marker at byte {position}")
        marker = head[1]
        if marker == 0xFF:  # fill
            position += 1
            continue
        if marker == _EOI:
            yield marker, position, position + 2
            return
        if marker < 0xC0 or 0xD0 <= marker <= _SOI:
            raise Damaged(f"the JPEG has an unexpected marker at byte {position}")
        length = int.from_bytes(head[2:4], "big") if len(head) == 4 else 0
        stop = position + 2 + length
        if length < 2 or stop > size:
            raise Damaged(f"the JPEG's segment at byte {position} is cut off")
        if marker == _SOS:
            stop = _end_of_scan(fetch, stop, size)
        yield marker, position, stop
        position = stop
    raise Damaged(f"the JPEG has more than {_SEGMENTS_LIMIT:,} segments")


def _end_of_scan(fetch: Fetch, start: int, size: int) -> int:
    """Where the next marker lies."""
    while start < size:
        piece = fetch(start, min(start + _PIECE, size))
        if (found := _MARKER.search(piece)) is not None:
            return start + found.start()
        start += max(len(piece) - 1, 1)  # a marker may lie across two pieces
    raise Damaged("the JPEG is cut off: its end is missing")


def _orientation(segment: bytes) -> int:
    """Of an Exif or XMP segment; 1 where it says none."""
    if segment.startswith(_EXIF):
        return _of_tiff(segment[len(_EXIF) :])
    found = _XMP_ORIENTATION.search(segment) if segment.startswith(b"http://ns.adobe.com/xap/") else None
    return int(found[1]) if found else 1


def _of_tiff(exif: bytes) -> int:
    """Orientation (0112) of the first directory, a short (TIFF 6.0 §2)."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 10:
        return 1
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    if at + 2 > len(exif):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", exif, at)
    for place in range(at + 2, min(at + 2 + 12 * entries, len(exif) - 11), 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, place)
        if (tag, kind) == (0x0112, 3):
            return value if 1 <= value <= 8 else 1
    return 1
