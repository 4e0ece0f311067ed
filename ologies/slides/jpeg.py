"""JPEG streams cut, joined and completed without touching a coefficient (ISO/IEC 10918-1 annex B).

TIFF keeps tables once for all tiles (TIFF Technical Note 2), DICOM wants each frame whole. A restart marker
resets what a decoder remembers, so runs of blocks between two of them can be put together anew.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ologies.errors import Damaged

START, END = b"\xff\xd8", b"\xff\xd9"
_SOF, _SOS, _DRI, _APP0, _APP14, _EOI = 0xC0, 0xDA, 0xDD, 0xE0, 0xEE, 0xD9
_TABLES = frozenset({0xDB, 0xC4})

#: APP14 of Adobe (its Technical Note 5116): how the components are transformed; 0 for not at all.
_ADOBE = struct.pack(">BBH5sHHHB", 0xFF, _APP14, 14, b"Adobe", 100, 0, 0, 0)

#: What a writer may put behind the end of a tile.
_PADDING = 4096

#: Segments before the first scan.
_SEGMENTS_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the first scan's data."""

    columns_px: int  # 0 where the picture is larger than the field (NDPI)
    rows_px: int
    samples: int
    bits: int
    is_baseline: bool
    block_columns_px: int  # of a minimum coded unit
    block_rows_px: int
    is_rgb: (
        bool  # as decoders take it, who know nothing of TIFF (JFIF; Adobe; then what components are called)
    )
    has_jfif: bool
    has_adobe: bool
    restart_blocks: int  # between two restart markers; 0 without them
    frame_at: int  # where the frame header's rows and columns stand
    scan_at: int  # where the coded data begin


def head_of(stream: bytes) -> Head:
    """Raises Damaged for what is no JPEG, or ends before its picture."""
    frame, frame_at, adobe, restart = b"", 0, None, 0
    is_baseline = has_jfif = False
    for marker, at, body in _segments(stream):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame, frame_at, is_baseline = body, at + 5, marker == _SOF
        elif marker == _APP0 and body.startswith(b"JFIF"):
            has_jfif = True
        elif marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == _DRI and len(body) >= 2:
            (restart,) = struct.unpack_from(">H", body)
        elif marker == _SOS:
            if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
                raise Damaged("a JPEG's scan stands before its frame")
            bits, rows, columns, samples = struct.unpack_from(">BHHB", frame)
            factors = [frame[7 + 3 * each] for each in range(samples)]
            wide, high = max(each >> 4 for each in factors), max(each & 15 for each in factors)
            if samples == 1:  # alone, a component is not interleaved: its units are single blocks (§A.2.2)
                wide = high = 1
            if not wide or not high:
                raise Damaged("a JPEG's components have no size")
            is_rgb = samples == 3 and not has_jfif
            is_rgb &= adobe == 0 if adobe is not None else frame[6::3][:3] == b"RGB"
            return Head(
                columns, rows, samples, bits, is_baseline, 8 * wide, 8 * high, is_rgb, has_jfif,
                adobe is not None, restart, frame_at, at + 4 + len(body),
            )  # fmt: skip
    raise Damaged("a JPEG is cut off before its picture")


def tables_of(stream: bytes) -> bytes:
    """Quantization and Huffman tables, and restart intervals, of TIFF's abbreviated stream (347), alone."""
    if not stream:
        return b""
    return b"".join(
        stream[at : at + 4 + len(body)]
        for marker, at, body in _segments(stream)
        if marker in _TABLES or marker == _DRI
    )


@dataclass(frozen=True, slots=True)
class Completed:
    """Makes whole frames of a TIFF's tiles, with its tables, and Adobe's word where they are RGB."""

    before: bytes  # what goes behind each tile's start
    columns_px: int
    rows_px: int
    first: Head
    opening: bytes  # how the first tile begins, as most others do

    def frame(self, tile: memoryview) -> bytes:
        """One tile as a stream by itself. Raises Damaged where it is cut off, or of another size."""
        if tile[: len(self.opening)] != self.opening:
            self._check(head_of(bytes(tile)))
        # Writers pad tiles; within coded data no end can stand (§B.1.1.5).
        if tile[-2:] != END and END not in bytes(tile[-_PADDING:]):
            raise Damaged("one of its tiles is cut off")
        if not self.before:
            return bytes(tile)
        return b"".join((START, self.before, tile[2:]))

    def _check(self, head: Head) -> None:
        mine = self.first
        if (head.columns_px, head.rows_px) != (self.columns_px, self.rows_px):
            raise Damaged("one of its tiles has another size than the others")
        if (head.samples, head.bits, head.is_baseline) != (mine.samples, mine.bits, True):
            raise Damaged("one of its tiles is compressed in another way than the others")
        if (head.is_rgb, head.has_jfif, head.has_adobe) != (mine.is_rgb, mine.has_jfif, mine.has_adobe):
            raise Damaged("the colours of one of its tiles are kept in another way than those of the others")


def completed(tables: bytes, first: memoryview, is_rgb: bool, size: tuple[int, int]) -> Completed | None:
    """For tiles like the first; None where they are no baseline JPEG that DICOM takes as it is.

    What TIFF says of colours counts (`is_rgb`), as for its own readers.
    """
    head = head_of(bytes(first))
    if not head.is_baseline or head.bits != 8 or head.samples not in (1, 3):
        return None
    if (head.columns_px, head.rows_px) != size:
        return None
    adobe = _word_on_colours(head, is_rgb and head.samples == 3)
    if adobe is None:
        return None
    return Completed(adobe + tables_of(tables), *size, head, bytes(first[: head.scan_at]))


def told_colours(stream: bytes, head: Head, is_rgb: bool) -> bytes | None:
    """A stream whose decoder takes its colours as TIFF does; None where it says otherwise by itself."""
    adobe = _word_on_colours(head, is_rgb)
    return None if adobe is None else START + adobe + stream[2:]


def _word_on_colours(head: Head, is_rgb: bool) -> bytes | None:
    if head.is_rgb == is_rgb:
        return b""
    return None if head.is_rgb or head.has_jfif or head.has_adobe else _ADOBE


def joined(
    opening: bytes, head: Head, size: tuple[int, int], blocks: int, runs: Iterable[memoryview]
) -> bytes:
    """One stream of runs of blocks that each began anew: `blocks` of them each, restart markers renumbered.

    `opening` is what stood before the scan's data of the stream that they were cut from.
    """
    columns, rows = size
    parts: list[bytes | memoryview] = [_resized(opening, head, columns, rows, blocks)]
    for number, run in enumerate(runs):
        if number:
            parts.append(bytes((0xFF, 0xD0 + (number - 1) % 8)))
        parts.append(run)
    return b"".join((*parts, END))


def _resized(opening: bytes, head: Head, columns: int, rows: int, blocks: int) -> bytes:
    """The head of another size and restart interval; comments and application data but Adobe's go."""
    parts = [START]
    for marker, at, body in _segments(opening + END):
        is_adobe = marker == _APP14 and body.startswith(b"Adobe")
        if marker == _DRI or ((0xE0 <= marker <= 0xEF or marker == 0xFE) and not is_adobe):
            continue
        if marker == _SOS:
            parts.append(struct.pack(">BBHH", 0xFF, _DRI, 4, blocks))
        segment = opening[at : at + 4 + len(body)]
        if at + 5 == head.frame_at:
            segment = segment[:5] + struct.pack(">HH", rows, columns) + segment[9:]
        parts.append(segment)
    return b"".join(parts)


def _segments(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker segments, where each stands and what it holds, up to the first scan's head or the end."""
    if stream[:2] != START:
        raise Damaged("a JPEG does not begin as one")
    position = 2
    for _ in range(_SEGMENTS_LIMIT):
        if position + 2 > len(stream):
            raise Damaged("a JPEG is cut off before its picture")
        if stream[position] != 0xFF:
            raise Damaged("a JPEG has no marker where it needs one")
        marker = stream[position + 1]
        if marker == 0xFF:  # fill
            position += 1
            continue
        if marker == _EOI:
            return
        if 0xD0 <= marker <= 0xD8 or marker <= 0x01:
            raise Damaged("a JPEG has a marker where none may be")
        if position + 4 > len(stream):
            raise Damaged("a JPEG is cut off before its picture")
        (length,) = struct.unpack_from(">H", stream, position + 2)
        if length < 2 or position + 2 + length > len(stream):
            raise Damaged("a JPEG's segment is cut off")
        yield marker, position, stream[position + 4 : position + 2 + length]
        if marker == _SOS:
            return
        position += 2 + length
    raise Damaged("a JPEG has more segments than any picture")
