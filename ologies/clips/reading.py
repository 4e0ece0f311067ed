"""A clip file as a stream that a transfer syntax takes: copied where it can be, else encoded anew, once."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from ologies import codestreams
from ologies.clips.clip import Clip, History
from ologies.clips.encoding import encoded
from ologies.clips.ffmpeg import Opened, copied_sounds, elementary, opened_by_ffmpeg, remuxed
from ologies.clips.fitting import DoesNotFit
from ologies.clips.fragments import fragmented
from ologies.clips.jpegs import separated
from ologies.clips.mpeg import check_program_stream, mpeg_2_fits, read_sequence
from ologies.clips.plain import IN_FRAGMENTS, OTHER_CODING, Turned, read_plain
from ologies.clips.said import opened
from ologies.clips.timing import Timing, timing
from ologies.errors import Damaged
from ologies.recognition import Kind
from ologies.videos import METHODS
from ologies.writing import Encapsulated, Joined, Stretch

CLIP_KINDS = frozenset({Kind.MP4, Kind.MOV, Kind.AVI, Kind.MPEG})

#: FFmpeg's names of what an MP4 file can hold as it is.
_OF_MP4 = frozenset({"h264", "hevc"})
#: Bytes of a packet of a transport stream, with what may go with it.
_TRANSPORT_PACKETS = (188, 192, 204)
_MPEG_2_HEAD_BYTES = 64 * 1024
_COPIED = "its stream was copied as it is"
_FRAMES_COPIED = "its frames were copied as they are"


def read_clip(path: Path, kind: Kind, scratch: Path) -> Clip:
    """Files on the way lie in `scratch`. Raises Damaged; NotInstalled where FFmpeg is wanted and absent."""
    turned, why = 0, "it is no MP4 file"
    if kind in (Kind.MP4, Kind.MOV):
        try:
            return _copied(path)
        except Turned as error:
            turned, why = error.turned, str(error)
        except DoesNotFit as error:
            why = str(error)
    else:
        _check_whole(path, kind)
    with opened_by_ffmpeg(path, kind, f"the clip cannot be kept as it is: {why}") as clip:
        try:
            if kind in (Kind.AVI, Kind.MPEG) or why in (IN_FRAGMENTS, OTHER_CODING):
                return _moved(clip, scratch)
        except DoesNotFit as error:
            turned, why = error.turned if isinstance(error, Turned) else 0, str(error)
    with opened_by_ffmpeg(path, kind, why) as clip:
        return _anew(clip, turned, why, scratch)


def _moved(clip: Opened, scratch: Path) -> Clip:
    """The stream as it is, in a container that DICOM takes. Raises DoesNotFit."""
    if clip.codec in _OF_MP4:
        path = scratch / "clip.mp4"
        notes = _left_out(clip)
        remuxed(clip, path)
        moved = _copied(path)
        return replace(moved, notes=(*notes, *moved.notes))
    if clip.codec == "mpeg2video":
        return _mpeg_2(clip, scratch / "clip.m2v")
    if clip.codec == "mjpeg":
        return _jpegs(clip, scratch / "clip.jpegs")
    raise DoesNotFit(f"DICOM has no transfer syntax for its coding ({clip.codec})")


def _anew(clip: Opened, turned: int, why: str, scratch: Path) -> Clip:
    path = scratch / "anew.mp4"
    notes = _left_out(clip)
    try:
        made = encoded(clip, turned, path)
        result = _copied(path)
    except DoesNotFit as error:
        raise Damaged(f"no transfer syntax takes the clip: {error}") from error
    why = f"encoded anew, once, as {made.name}: {why}"
    kept = tuple(each for each in result.notes if each != _COPIED)
    return replace(
        result, history=History(made.method, made.size, why, made.recipe), notes=(*notes, *kept, why)
    )


def _mpeg_2(clip: Opened, path: Path) -> Clip:
    """An elementary stream: of the containers that DICOM allows, the one that holds nothing else."""
    times = elementary(clip, path)
    with path.open("rb") as file:
        sequence = read_sequence(file.read(_MPEG_2_HEAD_BYTES))
    syntax = mpeg_2_fits(sequence)
    notes = (
        ("its sound was left out: with MPEG-2 DICOM takes MP3 only",) if clip.container.streams.audio else ()
    )
    size = path.stat().st_size
    kept_as, pixels = fragmented(syntax, [Stretch(path, 0, size)])
    return Clip(
        sequence.columns_px, sequence.rows_px, 8, kept_as, METHODS[syntax],
        _timing(times, clip, sequence.rate or clip.rate), pixels, size, False, (*notes, _COPIED),
        pixel_aspect=sequence.pixel_aspect,
    )  # fmt: skip


def _jpegs(clip: Opened, path: Path) -> Clip:
    picture, frames, times = separated(clip, path)
    notes = ("its sound was left out: JPEG frames have none",) if clip.container.streams.audio else ()
    syntax, size = picture.transfer_syntax, path.stat().st_size
    # DICOM has no other word for chroma, as fine as luma or not (PS3.3 §C.8.12.1).
    photometric = "YBR_FULL_422" if picture.photometric == "YBR_FULL" else picture.photometric
    return Clip(
        picture.columns, picture.rows, 8, syntax, codestreams.METHODS[syntax],
        _timing(times, clip, clip.rate), Encapsulated(frames, len(frames), has_table=True), size, False,
        (*notes, _FRAMES_COPIED),
        photometric=photometric, samples=picture.samples,
    )  # fmt: skip


def _timing(times: Sequence[int | None], clip: Opened, rate: Fraction) -> Timing:
    """As the container says, where it does for each frame."""
    known = [each for each in times if each is not None]
    base = clip.video.time_base
    if base is None or len(set(known)) != len(times):
        return Timing(len(times), float(1000 / rate), None, True)
    return timing(np.array(known, np.int64), round(1 / (rate * base)), 1 / base)


def _left_out(clip: Opened) -> tuple[str, ...]:
    """Of the sounds; those that are AAC are judged when the file on the way is read."""
    if not clip.container.streams.audio or copied_sounds(clip):
        return ()
    return ("its sound was left out: it is not AAC, or there are several",)


def _check_whole(path: Path, kind: Kind) -> None:
    """What tells that an AVI or an MPEG stream is cut off. Raises Damaged."""
    with opened(path) as (fetch, size):
        head = fetch(0, 8)
        if kind is Kind.AVI and int.from_bytes(head[4:8], "little") + 8 > size + 1:
            raise Damaged("the clip is cut off: it announces more than it holds")
        if kind is Kind.MPEG and head[:1] != b"\0" and all(size % each for each in _TRANSPORT_PACKETS):
            raise Damaged("the clip is cut off within a packet")
        if kind is Kind.MPEG and head[:4] == b"\0\0\1\xba":
            check_program_stream(fetch, size)


def _copied(path: Path) -> Clip:
    """The stream of an MP4 or QuickTime file. Raises DoesNotFit, Damaged."""
    with opened(path) as (fetch, size):
        plain = read_plain(fetch, size, path)
    picture = plain.picture
    syntax, pixels = fragmented(picture.transfer_syntax, plain.pieces)
    return Clip(
        picture.columns, picture.rows, picture.bits, syntax, METHODS[picture.transfer_syntax], plain.timing,
        pixels, Joined(plain.pieces).length, plain.has_sound, (*plain.notes, _COPIED),
    )  # fmt: skip
