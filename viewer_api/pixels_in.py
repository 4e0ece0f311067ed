"""Compressed pixels that come as parts (PS3.18 §10.5.1.4), by the rules that files are wrapped by.

A photograph keeps its bitstream, without what it says of where it was taken and by whom; one that its camera
turned, or in a kind of JPEG that DICOM does not take, is turned upright and kept as JPEG 2000 lossless. A
video is copied into a file that says nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from ologies import codestreams
from ologies.codestreams import Picture, read_picture
from ologies.errors import Damaged
from ologies.photographs.jpeg import Stream, read_stream
from ologies.videos import read_mpeg_2
from storage.assembling import Value
from storage.elements import EXPLICIT_LITTLE
from storage.json_in import BadMetadata
from viewer_api.media import OCTETS
from viewer_api.picturing import Sent
from viewer_api.spool import fetch
from viewer_api.turning import Making

_MP4, _MPEG = "video/mp4", "video/mpeg"
#: Media types of compressed pixels (PS3.18 Table 10.5.2-1). The capabilities list them.
PICTURES = ("image/jpeg", "image/jls", "image/jp2", "image/jphc", _MP4, _MPEG)

#: Kinds of JPEG that DICOM takes, by the marker of their frame: baseline, extended, lossless, JPEG-LS.
_TAKEN = frozenset({0xC0, 0xC1, 0xC3, 0xF7})
_LOSSLESS = 0xC3


@dataclass(frozen=True, slots=True)
class Bulk:
    """One bulk part that came."""

    media_type: str
    transfer_syntax: str  # "" where its media type names none
    value: Value


@dataclass(frozen=True, slots=True)
class FrameIn:
    """One picture, or a video, as it is kept."""

    value: Value
    picture: Picture
    lossy_bytes: int  # of the stream that lost something, if one did
    sent: Sent | None = None  # where it was another picture
    is_cleaned: bool = False
    colour_profile: bytes | None = None  # ICC
    timing: Mapping[str, Any] | None = None  # of a video, as DICOM JSON


def is_compressed(pixels: Bulk) -> bool:
    """Raises BadMetadata where it is nothing that Pixel Data can be."""
    if pixels.media_type in PICTURES:
        return True
    if pixels.media_type != OCTETS:
        raise BadMetadata(f"pixels are one of {', '.join([*PICTURES, OCTETS])}")
    return pixels.transfer_syntax not in ("", EXPLICIT_LITTLE)


def frames_in(pixels: Sequence[Bulk], making: Making) -> list[FrameIn]:
    """Each; they have in common what the data set says once. Raises BadInput."""
    try:
        frames = [_frame(each, making) for each in pixels]
    except Damaged as error:
        raise BadMetadata(str(error)) from error
    for each in frames:
        if _in_common(each.picture) != _in_common(frames[0].picture):
            raise BadMetadata("frames of one instance that differ in size or encoding")
    return frames


def _frame(bulk: Bulk, making: Making) -> FrameIn:
    value = bulk.value
    if bulk.media_type == _MP4:
        return _clip(value, making)
    if fetch(value)(0, 3) != b"\xff\xd8\xff":
        read = read_mpeg_2 if bulk.media_type == _MPEG else read_picture
        picture = read(fetch(value), value.size)
        stop = value.size if picture.stop is None else picture.stop
        return FrameIn(_only(value, [(picture.start, stop)]), picture, stop - picture.start)
    stream = read_stream(fetch(value), value.size)
    if _wants_more_than_cleaning(stream):
        made = making.upright(value)
        picture = replace(read_picture(fetch(made), made.size), is_lossy=stream.frame != _LOSSLESS)
        return FrameIn(made, picture, value.size, _as_sent(stream), True, stream.colour_profile)
    kept = _only(value, stream.kept)
    picture = read_picture(fetch(kept), kept.size)
    is_cleaned = stream.holds_more or value.size - stream.size > 1  # one byte more makes a fragment even
    return FrameIn(kept, picture, kept.size, None, is_cleaned, stream.colour_profile)


def _clip(value: Value, making: Making) -> FrameIn:
    """Copied into a file that says nothing else, or encoded anew where DICOM does not take it as it is."""
    clip = making.clip(value)
    on_its_side = replace(clip.picture, rows=clip.picture.columns, columns=clip.picture.rows)
    sent = Sent(on_its_side, is_turned=True) if clip.is_anew else None
    return FrameIn(
        clip.value, clip.picture, clip.value.size, sent, is_cleaned=clip.is_changed, timing=clip.timing
    )


def _wants_more_than_cleaning(stream: Stream) -> bool:
    return stream.orientation != 1 or stream.frame not in _TAKEN or stream.samples not in (1, 3)


def _as_sent(stream: Stream) -> Sent:
    samples = 1 if stream.samples == 1 else 3
    photometric = "MONOCHROME2" if samples == 1 else "YBR_FULL_422"
    picture = Picture(codestreams.BASELINE, stream.rows, stream.columns, samples, 8, photometric)
    return Sent(picture, stream.orientation != 1)


def _in_common(picture: Picture) -> tuple[int, int, int, int, str]:
    return picture.rows, picture.columns, picture.samples, picture.bits, picture.transfer_syntax


def _only(value: Value, places: Sequence[tuple[int, int]]) -> Value:
    """Those stretches of a value, one behind the other."""
    if list(places) == [(0, value.size)]:
        return value
    ends = list(accumulate(stop - start for start, stop in places))

    def read(first: int, last: int) -> Iterator[bytes]:
        for (start, stop), end in zip(places, ends, strict=True):
            begin = end - (stop - start)
            if first < end and last > begin:
                yield from value.read(start + max(first - begin, 0), start + min(last, end) - begin)

    return Value(ends[-1], read)
