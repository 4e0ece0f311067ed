"""JPEG streams (ISO/IEC 10918-1): what they are, and the same without what identifies. Pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ologies.errors import Damaged

_SOF = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_BASELINE, _SOS, _EOI, _APP14, _COM = 0xC0, 0xDA, 0xD9, 0xEE, 0xFE


class Colour(Enum):
    """How the components are to be read; the value is Photometric Interpretation (0028,0004)."""

    GREY = "MONOCHROME2"
    YBR = (
        "YBR_FULL_422"  # also where chroma is as fine as luma: VL images have no other word (PS3.3 §C.8.12.1)
    )
    RGB = "RGB"


@dataclass(frozen=True, slots=True)
class Jpeg:
    """The frame header of a stream (§B.2.2)."""

    columns_px: int
    rows_px: int
    precision: int  # bits of a sample
    is_baseline: bool
    sampling: tuple[int, ...]  # H and V of each component, as one byte
    ids: tuple[int, ...]  # of the components
    adobe: int | None  # the transform that Adobe's APP14 segment names

    @property
    def colour(self) -> Colour | None:
        """None where DICOM has no word for it: CMYK, and subsampling that it does not name."""
        match len(self.ids):
            case 1:
                return Colour.GREY
            case 3 if self.adobe == 0 or self.ids == (0x52, 0x47, 0x42):
                return Colour.RGB if set(self.sampling) == {0x11} else None
            case 3 if self.sampling[1:] == (0x11, 0x11) and self.sampling[0] in (0x11, 0x21, 0x22):
                return Colour.YBR
        return None

    @property
    def fits_baseline(self) -> bool:
        """It may stand in JPEG Baseline (1.2.840.10008.1.2.4.50, PS3.5 §A.4.1) as it is."""
        return self.is_baseline and self.precision == 8 and self.colour is not None


def describe(stream: bytes) -> Jpeg:
    """Its frame header. Raises Damaged where there is none, or no scan follows."""
    frame, adobe = None, None
    for marker, _, body in _segments(stream):
        if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker in _SOF:
            if len(body) < 6 or len(body) < 6 + 3 * body[5]:
                raise Damaged("the JPEG's frame header is cut off")
            precision, rows, columns, count = struct.unpack_from(">BHHB", body)
            components = [body[6 + 3 * each : 9 + 3 * each] for each in range(count)]
            frame = (marker, precision, rows, columns, components)
        elif marker == _SOS and frame is not None:
            kind, precision, rows, columns, components = frame
            if not (rows and columns and components):
                raise Damaged("the JPEG says no size")
            return Jpeg(
                columns,
                rows,
                precision,
                kind == _BASELINE,
                tuple(each[1] for each in components),
                tuple(each[0] for each in components),
                adobe,
            )
    raise Damaged("the JPEG holds no picture")


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
