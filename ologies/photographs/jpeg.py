"""JPEG streams (ISO/IEC 10918-1) without what identifies."""

import struct
from collections.abc import Iterator

from ologies.errors import Damaged

_SOS, _EOI, _APP14, _COM = 0xDA, 0xD9, 0xEE, 0xFE


def without_metadata(stream: bytes) -> bytes:
    """The same picture, to the last coefficient, without comments and application data.

    Only Adobe's word on colour stays: no EXIF, no position, no thumbnail, no maker's notes, nothing behind
    its end. Raises Damaged where its end is missing.
    """
    kept = [b"\xff\xd8"]
    for marker, start, body in _segments(stream):
        if marker == _SOS:
            end = stream.find(b"\xff\xd9", start)
            if end < 0:
                raise Damaged("the JPEG is cut off: its end is missing")
            kept.append(stream[start : end + 2])
            break
        is_adobe = marker == _APP14 and body.startswith(b"Adobe")
        if is_adobe or not (0xE0 <= marker <= 0xEF or marker == _COM):
            kept.append(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body)
    return b"".join(kept)


def _segments(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Markers, where they stand and what they hold, up to the first scan (§B.1.1.4)."""
    if stream[:2] != b"\xff\xd8":
        raise Damaged("it does not begin as a JPEG")
    position = 2
    while position + 4 <= len(stream):
        if stream[position] != 0xFF:
            raise Damaged(f"the JPEG has no marker at byte {position}")
        marker = stream[position + 1]
        if marker == 0xFF:  # fill
            position += 1
            continue
        if marker == _EOI or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            raise Damaged(f"the JPEG has an unexpected marker at byte {position}")
        (length,) = struct.unpack_from(">H", stream, position + 2)
        if length < 2 or position + 2 + length > len(stream):
            raise Damaged(f"the JPEG's segment at byte {position} is cut off")
        yield marker, position, stream[position + 4 : position + 2 + length]
        position += 2 + length
    raise Damaged("the JPEG is cut off before its picture")
