"""MPEG-2 video by its sequence header (ISO 13818-2 §6.2.2), and whether DICOM takes it (PS3.5 §8.2.5)."""

from dataclasses import dataclass
from fractions import Fraction

from ologies.clips.fitting import DoesNotFit
from ologies.codestreams import Fetch
from ologies.errors import Damaged
from ologies.videos import MPEG_2_HIGH, MPEG_2_MAIN

#: frame_rate_code (ISO 13818-2 Table 6-4).
_RATES = {
    1: Fraction(24000, 1001), 2: Fraction(24), 3: Fraction(25), 4: Fraction(30000, 1001), 5: Fraction(30),
    6: Fraction(50), 7: Fraction(60000, 1001), 8: Fraction(60),
}  # fmt: skip
#: aspect_ratio_information (Table 6-3): of the display; 1 is square pixels.
_DISPLAYS = {2: Fraction(4, 3), 3: Fraction(16, 9), 4: Fraction(221, 100)}

#: Rows at most, by frame_rate_code (PS3.5 Tables 8-1 and 8-2).
_MAIN_LEVEL_ROWS = {3: 576, 4: 480, 5: 480}
_HIGH_LEVEL = {(1280, 720): (3, 4, 5, 6, 7, 8), (1920, 1080): (3, 4, 5)}


@dataclass(frozen=True, slots=True)
class Sequence:
    """What the first sequence header and its extension say."""

    columns_px: int
    rows_px: int
    profile_and_level: int
    chroma: int
    aspect_code: int
    rate_code: int

    @property
    def rate(self) -> Fraction | None:
        """Frames a second; None where the code is none."""
        return _RATES.get(self.rate_code)

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel by its height."""
        display = _DISPLAYS.get(self.aspect_code)
        return Fraction(1) if display is None else display * self.rows_px / self.columns_px


def read_sequence(head: bytes) -> Sequence:
    """Raises Damaged; DoesNotFit for MPEG-1, which has no extension."""
    at = head.find(b"\0\0\1\xb3")
    if at < 0 or len(head) < at + 12:
        raise Damaged("the MPEG stream has no sequence header")
    extension = head.find(b"\0\0\1\xb5", at, at + 512)
    if extension < 0 or head[extension + 4] >> 4 != 1:
        raise DoesNotFit("it is MPEG-1")
    sizes, codes = int.from_bytes(head[at + 4 : at + 7], "big"), head[at + 7]
    more = int.from_bytes(head[extension + 4 : extension + 10], "big")
    columns, rows = sizes >> 12 | (more >> 31 & 3) << 12, sizes & 0xFFF | (more >> 29 & 3) << 12
    if not (columns and rows):
        raise Damaged("a video without rows or columns")
    return Sequence(columns, rows, more >> 36 & 0xFF, more >> 33 & 3, codes >> 4, codes & 15)


def check_program_stream(fetch: Fetch, size: int) -> None:
    """Its packets one after another, by their lengths (ISO 13818-1 §2.5.3). Raises Damaged for one cut off.

    What is no packet ends the walk: some devices write something of their own behind the last.
    """
    at = 0
    while at < size:
        head = fetch(at, at + 16)
        if head[:3] != b"\0\0\1" or len(head) < 4 or head[3] < 0xB9:
            return
        match head[3]:
            case 0xB9:
                length = 4
            case 0xBA if len(head) < 14:
                length = 14
            case 0xBA:
                length = 14 + (head[13] & 7) if head[4] >> 6 == 1 else 12
            case _:
                length = 6 + int.from_bytes(head[4:6], "big")
        at += length
    if at > size:
        raise Damaged("the clip is cut off within a packet")


def mpeg_2_fits(sequence: Sequence) -> str:
    """Raises DoesNotFit."""
    size = sequence.columns_px, sequence.rows_px
    if sequence.chroma != 1:
        raise DoesNotFit("its colours are not coded at half the resolution (4:2:0)")
    match sequence.profile_and_level:
        case 0x48:  # Main Profile, Main Level
            if size[0] <= 720 and size[1] <= _MAIN_LEVEL_ROWS.get(sequence.rate_code, 0):
                return MPEG_2_MAIN
        case 0x44:  # Main Profile, High Level
            if sequence.aspect_code == 3 and sequence.rate_code in _HIGH_LEVEL.get(size, ()):
                return MPEG_2_HIGH
    raise DoesNotFit("its profile, level, size, shape or rate is none of MPEG-2's in DICOM")
