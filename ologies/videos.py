"""Videos and their transfer syntaxes: MPEG-2 (ISO 13818-2), H.264 (ISO 14496-10), H.265 (ISO 23008-2)."""

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
    if not rows or not columns:
        raise Damaged("a video without rows or columns")
    return Picture(syntax, rows, columns, 3, 8, "YBR_PARTIAL_420", is_lossy=True, frames=0)


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
