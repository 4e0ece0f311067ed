"""What compressed bytes claim to be, read from their own headers before a codec sees them. Pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from storage.codecs.frame import ImagePixel
from storage.errors import Unreadable

_JPEG_START = b"\xff\xd8\xff"
_J2K_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\0\0\0\x0cjP"
_JXL_START = b"\xff\x0a"
_JXL_BOXES = b"\0\0\0\x0cJXL"
#: With which a frame begins, where fragments do not say how they belong together.
STARTS = (_JPEG_START, _J2K_START, _JP2_START, _JXL_START, _JXL_BOXES)

_SOFS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # ISO/IEC 10918-1 §B.1.1.3, 14495-1 §C
#: Of JPEG 2000: each costs an allocation before a sample is decoded.
_TILES_LIMIT = 16_384
#: Behind the end of a codestream: a frame is made even, and some senders do more.
_PADDING_BYTES = 16
_JXL_SIZE_BITS = (9, 13, 18, 30)
_JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a codestream says of the frame in it."""

    rows: int
    columns: int
    samples: int | None = None  # where it says so at a place that is cheap to read; the same below
    precision: int | None = None
    is_signed: bool | None = None
    photometric: str | None = None  # in which a JPEG left its colours, by its own markers

    def check(self, pixel: ImagePixel) -> None:
        """Raises Unreadable where it is not the frame that the header describes."""
        if (self.rows, self.columns) != (pixel.rows, pixel.columns):
            raise Unreadable(
                f"compressed {self.columns} x {self.rows}, and {pixel.columns} x {pixel.rows} by the header"
            )
        if self.samples is not None and self.samples != pixel.samples:
            raise Unreadable(f"compressed with {self.samples} samples, and {pixel.samples} by the header")
        if self.precision is not None and not 0 < self.precision <= pixel.bits_allocated:
            raise Unreadable(f"compressed with {self.precision} bits, of which {pixel.bits_allocated} fit")


def claim_of(frame: bytes) -> Claim:
    """Of one compressed frame. Raises Unreadable where it is none that we know."""
    try:
        if frame.startswith(_JPEG_START):
            return _jpeg(frame)
        if frame.startswith(_J2K_START):
            return _jpeg_2000(frame, 0)
        if frame.startswith(_JP2_START):
            return _jpeg_2000(frame, _box(frame, b"jp2c"))
        if frame.startswith(_JXL_START):
            return _jpeg_xl(frame, 0)
        if frame.startswith(_JXL_BOXES):
            return _jpeg_xl(frame, _box(frame, b"jxlc"))
    except (struct.error, IndexError) as error:
        raise Unreadable("the compressed frame breaks off in its header") from error
    raise Unreadable("the compressed frame begins like nothing that we know")


def is_whole(frame: bytes) -> bool:
    """Whether a JPEG or JPEG 2000 codestream comes to its end: some decoders make grey of what is missing."""
    return b"\xff\xd9" in frame[-_PADDING_BYTES:]


def _segments(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker segments of a JPEG, up to the first scan."""
    position = 2
    while True:
        if frame[position] != 0xFF:
            raise Unreadable("a JPEG without a marker where one must be")
        marker = frame[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in (0xD9, 0xDA):
            return
        (length,) = struct.unpack_from(">H", frame, position + 2)
        yield marker, frame[position + 4 : position + 2 + length]
        position += 2 + length


def _jpeg(frame: bytes) -> Claim:
    claim: Claim | None = None
    identifiers: list[int] = []
    is_jfif = False
    transform: int | None = None
    for marker, body in _segments(frame):
        if marker in _SOFS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", body)
            identifiers = list(body[6 : 6 + 3 * samples : 3])
            claim = Claim(rows, columns, samples, precision)
        elif marker == 0xE0:
            is_jfif = is_jfif or body.startswith(b"JFIF")
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            transform = body[11]
    if claim is None:
        raise Unreadable("a JPEG that says of no frame")
    if claim.samples != 3:
        return claim
    photometric = None
    if bytes(identifiers) in (b"RGB", b"rgb"):
        photometric = "RGB"
    elif is_jfif:
        photometric = "YBR_FULL"
    elif transform is not None:
        photometric = "YBR_FULL" if transform else "RGB"
    return Claim(claim.rows, claim.columns, 3, claim.precision, None, photometric)


def _jpeg_2000(frame: bytes, start: int) -> Claim:
    """SIZ (ISO/IEC 15444-1 §A.5.1)."""
    if frame[start : start + 4] != _J2K_START:
        raise Unreadable("a JPEG 2000 file without a codestream")
    x1, y1, x0, y0, tile_x, tile_y, offset_x, offset_y, samples = struct.unpack_from(">8IH", frame, start + 8)
    if not (tile_x and tile_y and x0 < x1 and y0 < y1 and offset_x <= x0 and offset_y <= y0 and samples):
        raise Unreadable("a JPEG 2000 codestream of no size")
    tiles = -(-(x1 - offset_x) // tile_x) * -(-(y1 - offset_y) // tile_y)
    if tiles > _TILES_LIMIT:
        raise Unreadable(f"a JPEG 2000 codestream of {tiles} tiles")
    components = [
        struct.unpack_from(">BBB", frame, start + 42 + 3 * number) for number in range(min(samples, 5))
    ]
    depth = components[0][0]
    if any(component != (depth, 1, 1) for component in components):
        raise Unreadable("a JPEG 2000 codestream whose components are not alike")
    return Claim(y1 - y0, x1 - x0, samples, (depth & 0x7F) + 1, depth >> 7 == 1)


def _jpeg_xl(frame: bytes, start: int) -> Claim:
    """SizeHeader (ISO/IEC 18181-1 §9.2), whose bits come lowest first."""
    if frame[start : start + 2] != _JXL_START:
        raise Unreadable("a JPEG XL file without a codestream in one piece")
    bits = int.from_bytes(frame[start + 2 : start + 14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    is_small = take(1)

    def side() -> int:
        return (take(5) + 1) * 8 if is_small else take(_JXL_SIZE_BITS[take(2)]) + 1

    rows = side()
    ratio = take(3)
    if not ratio:
        return Claim(rows, side())
    wide, high = _JXL_RATIOS[ratio - 1]
    return Claim(rows, rows * wide // high)


def _box(frame: bytes, wanted: bytes) -> int:
    """Where the content of a box begins (ISO/IEC 15444-1 §I.4)."""
    position = 0
    while position + 8 <= len(frame):
        length, kind = struct.unpack_from(">I4s", frame, position)
        content = position + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", frame, content)
            content += 8
        if kind == wanted:
            return content
        if length < 8:
            break
        position += length
    raise Unreadable("a compressed file without a codestream")
