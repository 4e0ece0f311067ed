"""An MP4 or QuickTime file whose stream DICOM takes as it is: what it shows, and the clean file around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ologies.clips.coding import parameter_set, read_h264, read_h265
from ologies.clips.copying import Copied, copied
from ologies.clips.entries import sound_entry, video_entry
from ologies.clips.fitting import DoesNotFit, h264_fits, h265_fits
from ologies.clips.movie import Movie, Track, is_in_fragments, read_movie
from ologies.clips.timing import Timing, timing
from ologies.clips.units import holds_messages
from ologies.codestreams import Fetch, Picture
from ologies.errors import Damaged
from ologies.writing import Stretch

#: What AAC may be in DICOM (PS3.5 Table 8.2.12-1 ff.); 6 channels are 5.1.
_SOUND_RATE_HZ = 48_000
_SOUND_CHANNELS = frozenset({2, 6})
_SOUND_BITS_A_S = 640_000

IN_FRAGMENTS = "it is in fragments"
_MESSAGES = (
    "its stream holds messages of its maker (SEI user data), which stay in it and are not read here:"
    " they may say when, where or by whom"
)
OTHER_CODING = "it is neither H.264 nor H.265"


class Turned(DoesNotFit):
    """The frames are to be turned clockwise."""

    def __init__(self, turned: int) -> None:
        super().__init__(f"it is to be turned by {turned} degrees, which DICOM cannot say")
        self.turned = turned


@dataclass(frozen=True, slots=True)
class Plain:
    """A stream that is copied."""

    picture: Picture  # of each frame, and the transfer syntax of all
    timing: Timing
    pieces: tuple[bytes | Stretch, ...]  # the clean file
    has_sound: bool
    notes: tuple[str, ...]


def read_plain(fetch: Fetch, size: int, path: Path) -> Plain:
    """Of a file whose bytes `fetch` brings, and which pieces call `path`. Raises DoesNotFit, Damaged."""
    if is_in_fragments(fetch, size):
        raise DoesNotFit(IN_FRAGMENTS)
    movie = read_movie(fetch, size)
    video, picture, of_video = _shown(movie)
    sound, notes = _sound(movie)
    entry = video_entry(video.track)
    assert entry is not None
    if holds_messages(fetch, video.track, entry.length_bytes, entry.kind.startswith(b"avc")):
        notes = (*notes, _MESSAGES)
    return Plain(picture, of_video, copied(path, [video, *sound]), bool(sound), notes)


def _shown(movie: Movie) -> tuple[Copied, Picture, Timing]:
    """The one video of it, in the syntax that takes it. Raises DoesNotFit, Damaged."""
    videos = [each for each in movie.tracks if each.handler == b"vide" and not _is_picture(each)]
    if len(videos) != 1:
        raise Damaged(f"{len(videos)} videos in one file: one is wanted")
    track = videos[0]
    if track.turned:
        raise Turned(track.turned)
    _check_cuts(track)
    entry = video_entry(track)
    if entry is None:
        raise DoesNotFit(OTHER_CODING)
    unit = parameter_set(entry.configuration, entry.kind)
    is_h264 = entry.kind.startswith(b"avc")
    coding = read_h264(unit) if is_h264 else read_h265(unit)
    if not (0 < coding.columns_px <= 0xFFFF and 0 < coding.rows_px <= 0xFFFF):
        raise Damaged("a video without rows or columns")
    of_track = timing(track.times, int(track.durations[-1]), track.ticks_a_second)
    syntax = (h264_fits if is_h264 else h265_fits)(coding, of_track.rate_hz)
    picture = Picture(
        syntax, coding.rows_px, coding.columns_px, 3, max(8, coding.bits), "YBR_PARTIAL_420", is_lossy=True,
        frames=of_track.frames,
    )  # fmt: skip
    written = entry.written(coding.columns_px, coding.rows_px)
    return Copied(track, written, coding.columns_px, coding.rows_px), picture, of_track


def _is_picture(track: Track) -> bool:
    """A cover or a thumbnail, which some cameras keep as a track of one."""
    return track.entry in (b"jpeg", b"png ") and len(track.sizes) == 1


def _check_cuts(track: Track) -> None:
    """An edit list may hide what was cut away; a copy would show it again. Raises DoesNotFit."""
    times = track.times
    first, last = int(times.min()), int(times.max())
    hides_end = track.presented is not None and last >= track.starts_at + track.presented
    hides_start = int(np.min(times + track.durations)) <= track.starts_at
    if track.is_cut_up or hides_end or (hides_start and first < track.starts_at):
        raise DoesNotFit("parts of it were cut away, and are still in the file")


def _sound(movie: Movie) -> tuple[Sequence[Copied], tuple[str, ...]]:
    """The sound that DICOM takes (PS3.5 §8.2.12), and a note on what it does not."""
    sounds = [each for each in movie.tracks if each.handler == b"soun"]
    if not sounds:
        return [], ()
    if len(sounds) > 1:
        return [], ("its sounds were left out: there are several",)
    track, entry = sounds[0], sound_entry(sounds[0])
    if entry is None:
        return [], ("its sound was left out: it is not AAC",)
    length_s = int(track.durations.sum()) / track.ticks_a_second
    if entry.rate_hz != _SOUND_RATE_HZ or entry.channels not in _SOUND_CHANNELS:
        return [], ("its sound was left out: DICOM takes AAC of 48 kHz, in stereo or 5.1, only",)
    if track.is_cut_up or 8 * int(track.sizes.sum()) > _SOUND_BITS_A_S * 1.01 * max(length_s, 0.1):
        return [], ("its sound was left out: it is cut up, or beyond 640 kbit a second",)
    return [Copied(track, entry.written())], ("its sound was kept",)
