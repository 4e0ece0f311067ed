"""What compressed pictures say of themselves, before any of them is decoded: JPEG, JPEG-LS, JPEG 2000, HTJ2K.

Read from their marker segments alone (ISO 10918-1, 14495-1, 15444-1 §A, 15444-15), a few bytes of each,
however large the picture.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ologies.errors import Damaged

#: Bytes of a value between two places; fewer where it ends.
Fetch = Callable[[int, int], bytes]

#: Marker segments before the first scan; a picture of a telephone has tens.
_SEGMENTS_LIMIT = 2_000

BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"
LOSSLESS = "1.2.840.10008.1.2.4.57"
LOSSLESS_FIRST_ORDER = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"

#: Lossy Image Compression Method (0028,2114), PS3.3 §C.7.6.1.1.5.2.
METHODS: Mapping[str, str] = {
    BASELINE: "ISO_10918_1",
    EXTENDED: "ISO_10918_1",
    JPEG_LS: "ISO_14495_1",
    JPEG_2000: "ISO_15444_1",
    HTJ2K: "ISO_15444_15",
}

_JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """One compressed picture, or each picture of a video (PS3.3 §C.7.6.3)."""

    transfer_syntax: str
    rows: int
    columns: int
    samples: int
    bits: int  # stored
    photometric: str
    is_signed: bool = False
    is_lossy: bool = False
    start: int = 0  # where the codestream begins in what was sent, and where it stops
    stop: int | None = None
    frames: int = 1


def read_picture(fetch: Fetch, size: int) -> Picture:
    """What a codestream says. Raises Damaged where it is none that DICOM takes."""
    head = fetch(0, 12)
    try:
        if head.startswith(b"\xff\xd8"):
            return _jpeg(fetch, size)
        if head.startswith(b"\xff\x4f\xff\x51"):
            return _jpeg_2000(fetch, 0, size)
        if head == _JP2_SIGNATURE:
            return _jpeg_2000(fetch, *_codestream_of(fetch, size))
    except (struct.error, IndexError) as error:
        raise Damaged("the codestream ends within its header") from error
    raise Damaged("neither a JPEG nor a JPEG 2000 codestream")


def _jpeg(fetch: Fetch, size: int) -> Picture:
    """Up to its first scan, which says how a lossless one predicts."""
    position, frame, adobe = 2, None, None
    for _ in range(_SEGMENTS_LIMIT):
        marker, length = struct.unpack(">HH", fetch(position, position + 4))
        if marker == 0xFFFF:  # fill bytes
            position += 1
            continue
        if marker < 0xFFC0 or length < 2:
            raise Damaged("no marker where the codestream needs one")
        kind = marker & 0xFF
        if kind in _FRAMES:
            frame = kind, fetch(position + 4, position + 2 + length)
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            raise Damaged(
                "a progressive, hierarchical or arithmetic JPEG, which DICOM does not take: send baseline"
            )
        elif kind == 0xEE and length >= 14:
            segment = fetch(position + 4, position + 16)
            adobe = segment[11] if segment.startswith(b"Adobe") else None
        elif kind == 0xDA:
            if frame is None:
                raise Damaged("a scan before its frame")
            return _jpeg_picture(*frame, fetch(position + 4, position + 2 + length), adobe)
        position += 2 + length
        if position >= size:
            break
    raise Damaged("a JPEG without a scan")


_FRAMES = frozenset({0xC0, 0xC1, 0xC3, 0xF7})  # baseline, extended, lossless, JPEG-LS


def _jpeg_picture(kind: int, frame: bytes, scan: bytes, adobe: int | None) -> Picture:
    bits, rows, columns, samples = struct.unpack_from(">BHHB", frame)
    of_scan = 1 + 2 * scan[0]
    predictor = scan[of_scan]
    if samples not in (1, 3):
        raise Damaged(f"{samples} components: DICOM takes one or three")
    match kind:
        case 0xC0:
            syntax = BASELINE
        case 0xC1:
            syntax = EXTENDED
        case 0xC3:
            syntax = LOSSLESS_FIRST_ORDER if predictor == 1 else LOSSLESS
        case _:
            syntax = JPEG_LS if predictor else JPEG_LS_LOSSLESS
    if not rows or not columns:
        raise Damaged("a picture without rows or columns")
    photometric = "MONOCHROME2"
    if samples == 3:
        is_rgb = syntax not in (BASELINE, EXTENDED) or adobe == 0
        is_halved = (
            frame[7] >> 4 > frame[10] >> 4
        )  # the first component's horizontal sampling and the second's
        photometric = "RGB" if is_rgb else "YBR_FULL_422" if is_halved else "YBR_FULL"
    return Picture(syntax, rows, columns, samples, bits, photometric, is_lossy=syntax in METHODS)


def _codestream_of(fetch: Fetch, size: int) -> tuple[int, int]:
    """The contiguous codestream within JP2 boxes (ISO 15444-1 §I.5.4): DICOM has it alone (PS3.5 §A.4.4)."""
    position = 0
    for _ in range(_SEGMENTS_LIMIT):
        length, kind = struct.unpack(">I4s", fetch(position, position + 8))
        header = 8
        if length == 1:
            (length,) = struct.unpack(">Q", fetch(position + 8, position + 16))
            header = 16
        stop = size if length == 0 else position + length
        if kind == b"jp2c":
            return position + header, min(stop, size)
        if stop <= position + header - 1 or stop >= size:
            break
        position = stop
    raise Damaged("a JP2 file without a codestream")


def _jpeg_2000(fetch: Fetch, start: int, stop: int) -> Picture:
    """Its main header: SIZ, CAP and COD."""
    position, found, is_high = start + 2, None, False
    for _ in range(_SEGMENTS_LIMIT):
        marker, length = struct.unpack(">HH", fetch(position, position + 4))
        if marker < 0xFF4F or length < 2:
            raise Damaged("no marker where the codestream needs one")
        segment = fetch(position + 4, min(position + 2 + length, position + 64))
        match marker:
            case 0xFF51:
                found = _size(segment)
            case 0xFF50:
                is_high = bool(int.from_bytes(segment[:4], "big") & 1 << 17)  # Part 15
            case 0xFF52:
                if found is None:
                    break
                return _jpeg_2000_picture(found, segment, is_high, start, stop)
            case 0xFF90:
                break
        position += 2 + length
    raise Damaged("a JPEG 2000 codestream without its size or coding style")


def _size(segment: bytes) -> tuple[int, int, int, int, bool]:
    """Rows, columns, components, bits of each, and whether they are signed (ISO 15444-1 §A.5.1)."""
    right, bottom, left, top = struct.unpack_from(">IIII", segment, 2)
    (components,) = struct.unpack_from(">H", segment, 34)
    depth = segment[36]
    return bottom - top, right - left, components, (depth & 0x7F) + 1, bool(depth & 0x80)


def _jpeg_2000_picture(
    size: tuple[int, int, int, int, bool], style: bytes, is_high: bool, start: int, stop: int
) -> Picture:
    rows, columns, samples, bits, is_signed = size
    has_colours, is_reversible = style[4], style[9] == 1
    if samples not in (1, 3):
        raise Damaged(f"{samples} components: DICOM takes one or three")
    if not (0 < rows <= 0xFFFF and 0 < columns <= 0xFFFF):
        raise Damaged("a picture without rows or columns, or with more than 65,535")
    if is_high:
        syntax = HTJ2K_LOSSLESS if is_reversible else HTJ2K  # RPCL's options are the sender's to name
    else:
        syntax = JPEG_2000_LOSSLESS if is_reversible else JPEG_2000
    photometric = "MONOCHROME2"
    if samples == 3:
        photometric = ("YBR_RCT" if is_reversible else "YBR_ICT") if has_colours else "RGB"
    return Picture(
        syntax, rows, columns, samples, bits, photometric, is_signed, syntax in METHODS, start, stop
    )
