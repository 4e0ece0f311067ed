"""What videos say of themselves: MP4 with H.264 or H.265 (ISO 14496-12, -15), and MPEG-2 (ISO 13818-2)."""

import struct

from ologies.boxes import boxes, inside
from ologies.codestreams import Fetch, Picture
from ologies.errors import Damaged

MPEG_2_MAIN = "1.2.840.10008.1.2.4.100"
MPEG_2_HIGH = "1.2.840.10008.1.2.4.101"
H264_LEVEL_4_1 = "1.2.840.10008.1.2.4.102"
H264_LEVEL_4_2 = "1.2.840.10008.1.2.4.104"
H265_MAIN = "1.2.840.10008.1.2.4.107"
H265_MAIN_10 = "1.2.840.10008.1.2.4.108"

#: Lossy Image Compression Method (0028,2114).
METHODS = {
    MPEG_2_MAIN: "ISO_13818_2",
    MPEG_2_HIGH: "ISO_13818_2",
    H264_LEVEL_4_1: "ISO_14496_10",
    H264_LEVEL_4_2: "ISO_14496_10",
    H265_MAIN: "ISO_23008_2",
    H265_MAIN_10: "ISO_23008_2",
}

#: Where an MPEG-2 stream has its first sequence header; a transport stream may begin with tables.
_MPEG_2_HEAD = 256 * 1024


def read_mp4(fetch: Fetch, size: int) -> Picture:
    """The one video track of an MP4 file. Raises Damaged where DICOM has no transfer syntax for it."""
    try:
        tracks = [track for movie in inside(fetch, 0, size, b"moov") for track in _tracks(fetch, *movie)]
        videos = [found for track in tracks if (found := _video(fetch, *track)) is not None]
    except (struct.error, IndexError) as error:
        raise Damaged("the MP4 file ends within a box") from error
    if len(videos) != 1:
        raise Damaged(f"{len(videos)} video tracks in the MP4 file: one is wanted")
    return videos[0]


def read_mpeg_2(fetch: Fetch, size: int) -> Picture:
    """The first sequence header and extension of an MPEG-2 stream. Raises Damaged."""
    head = fetch(0, min(size, _MPEG_2_HEAD))
    at = head.find(b"\0\0\1\xb3")
    extension = head.find(b"\0\0\1\xb5", at)
    if at < 0 or extension < 0 or extension + 10 > len(head) or head[extension + 4] >> 4 != 1:
        raise Damaged("no MPEG-2 video stream")
    packed = int.from_bytes(head[at + 4 : at + 7], "big")
    more = int.from_bytes(head[extension + 4 : extension + 10], "big")  # 48 bits, ISO 13818-2 §6.2.2.3
    profile_and_level = more >> 36 & 0xFF
    columns = packed >> 12 | (more >> 31 & 3) << 12
    rows = packed & 0xFFF | (more >> 29 & 3) << 12
    match profile_and_level:
        case 0x48:
            syntax = MPEG_2_MAIN
        case 0x44 | 0x46:
            syntax = MPEG_2_HIGH
        case _:
            raise Damaged("an MPEG-2 profile or level that DICOM has no transfer syntax for")
    return _picture(syntax, rows, columns, frames=0)


def _picture(syntax: str, rows: int, columns: int, frames: int, bits: int = 8) -> Picture:
    if not rows or not columns:
        raise Damaged("a video without rows or columns")
    return Picture(syntax, rows, columns, 3, bits, "YBR_PARTIAL_420", is_lossy=True, frames=frames)


def _tracks(fetch: Fetch, start: int, stop: int) -> list[tuple[int, int]]:
    return inside(fetch, start, stop, b"trak", b"mdia")


def _video(fetch: Fetch, start: int, stop: int) -> Picture | None:
    """What a track shows; None where it is no video."""
    handlers = [fetch(at + 8, at + 12) for at, _ in inside(fetch, start, stop, b"hdlr")]
    if handlers != [b"vide"]:
        return None
    tables = inside(fetch, start, stop, b"minf", b"stbl")
    for first, last in tables:
        frames = [
            struct.unpack(">I", fetch(at + 8, at + 12))[0] for at, _ in inside(fetch, first, last, b"stsz")
        ]
        for at, end in inside(fetch, first, last, b"stsd"):
            for kind, entry, entry_end in boxes(fetch, at + 8, end):
                return _entry(fetch, kind, entry, entry_end, frames[0] if frames else 0)
    raise Damaged("a video track without a description")


def _entry(fetch: Fetch, kind: bytes, start: int, stop: int, frames: int) -> Picture:
    """A visual sample entry (ISO 14496-12 §12.1.3): 78 bytes, then the decoder's configuration."""
    columns, rows = struct.unpack(">HH", fetch(start + 24, start + 28))
    configurations = {name: (at, end) for name, at, end in boxes(fetch, start + 78, stop)}
    if kind in (b"avc1", b"avc3") and b"avcC" in configurations:
        at, _ = configurations[b"avcC"]
        _, profile, constraints, level = struct.unpack(">BBBB", fetch(at, at + 4))
        return _picture(h264_syntax(profile, constraints, level), rows, columns, frames)
    if kind in (b"hvc1", b"hev1") and b"hvcC" in configurations:
        at, _ = configurations[b"hvcC"]
        record = fetch(at, at + 13)
        syntax = h265_syntax(record[1] & 0x1F, record[12])
        return _picture(syntax, rows, columns, frames, 10 if syntax == H265_MAIN_10 else 8)
    raise Damaged("a video that is neither H.264 nor H.265")


def h264_syntax(profile: int, constraints: int, level: int) -> str:
    """PS3.5 §8.2.7, §8.2.8: what a decoder of High Profile plays."""
    is_below_high = profile in (77, 100) or (profile == 66 and constraints & 0x40)
    if is_below_high and level <= 41:
        return H264_LEVEL_4_1
    if is_below_high and level == 42:
        return H264_LEVEL_4_2
    raise Damaged("an H.264 video beyond High Profile, level 4.2: record it smaller or slower")


def h265_syntax(profile: int, level: int) -> str:
    """PS3.5 §8.2.10, §8.2.11: up to level 5.1."""
    if level <= 153 and profile in (1, 2):
        return H265_MAIN if profile == 1 else H265_MAIN_10
    raise Damaged("an H.265 video beyond Main 10 Profile, level 5.1")
