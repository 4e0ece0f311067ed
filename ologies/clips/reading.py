"""A clip file: what it shows, what it says, and in which transfer syntax its stream may be kept as it is."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ologies.case import Device
from ologies.clips.clip import Clip
from ologies.clips.coding import parameter_set, read_h264, read_h265
from ologies.clips.copying import Copied, copied
from ologies.clips.entries import VideoEntry, sound_entry, video_entry
from ologies.clips.fitting import DoesNotFit, h264_fits, h265_fits
from ologies.clips.movie import Movie, Track, is_in_fragments, read_movie
from ologies.clips.timing import Timing, timing
from ologies.codestreams import Fetch
from ologies.errors import Damaged, NotInstalled
from ologies.recognition import Kind
from ologies.settled import Said
from ologies.videos import METHODS

CLIP_KINDS = frozenset({Kind.MP4, Kind.MOV})

#: What AAC may be in DICOM (PS3.5 Table 8.2.12-1 ff.); 6 channels are 5.1.
_SOUND_RATE_HZ = 48_000
_SOUND_CHANNELS = frozenset({2, 6})
_SOUND_BITS_A_S = 640_000


def read_clip(path: Path, kind: Kind) -> Clip:
    """Raises Damaged; NotInstalled where it cannot be kept as it is, and nothing here encodes it anew."""
    with path.open("rb") as file:
        number, size = file.fileno(), path.stat().st_size

        def fetch(start: int, stop: int) -> bytes:
            return os.pread(number, max(0, stop - start), start)

        return _read(fetch, size, path)


class _Shown(NamedTuple):
    track: Track
    entry: VideoEntry
    columns_px: int
    rows_px: int
    bits: int
    transfer_syntax_uid: str
    timing: Timing


def _read(fetch: Fetch, size: int, path: Path) -> Clip:
    try:
        if is_in_fragments(fetch, size):
            raise DoesNotFit("it is in fragments")
        movie = read_movie(fetch, size)
        shown = _shown(movie)
    except DoesNotFit as error:
        raise NotInstalled(
            f"the clip cannot be kept as it is ({error}), and what would encode it anew is not installed"
        ) from error
    sound, notes = _sound(movie)
    tracks = [
        Copied(
            shown.track, shown.entry.written(shown.columns_px, shown.rows_px), shown.columns_px, shown.rows_px
        )
    ]
    return Clip(
        shown.columns_px, shown.rows_px, shown.bits, shown.transfer_syntax_uid,
        METHODS[shown.transfer_syntax_uid], shown.timing, copied(path, [*tracks, *sound]), bool(sound),
        _said(movie), (*notes, "its stream was copied as it is"),
    )  # fmt: skip


def _shown(movie: Movie) -> _Shown:
    """The one video of it, in the syntax that takes it. Raises DoesNotFit, Damaged."""
    videos = [each for each in movie.tracks if each.handler == b"vide" and not _is_picture(each)]
    if len(videos) != 1:
        raise Damaged(f"{len(videos)} videos in one file: one is wanted")
    track = videos[0]
    entry = video_entry(track)
    if entry is None:
        raise DoesNotFit("it is neither H.264 nor H.265")
    unit = parameter_set(entry.configuration, entry.kind)
    is_h264 = entry.kind.startswith(b"avc")
    coding = read_h264(unit) if is_h264 else read_h265(unit)
    if not (0 < coding.columns_px <= 0xFFFF and 0 < coding.rows_px <= 0xFFFF):
        raise Damaged("a video without rows or columns")
    if track.turned:
        raise DoesNotFit(f"it is to be turned by {track.turned} degrees, which DICOM cannot say")
    _check_cuts(track)
    of_track = timing(track.times, int(track.durations[-1]), track.ticks_a_second)
    syntax = (h264_fits if is_h264 else h265_fits)(coding, of_track.rate_hz)
    return _Shown(track, entry, coding.columns_px, coding.rows_px, max(8, coding.bits), syntax, of_track)


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


def _sound(movie: Movie) -> tuple[list[Copied], tuple[str, ...]]:
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


#: How files name what made them: QuickTime's keys, and its older and shorter ones.
_MAKERS: Mapping[str, tuple[str, ...]] = {
    "manufacturer": ("make", "mak"), "model": ("model", "mod"), "software": ("software", "swr"),
    "at": ("creationdate", "day"),
}  # fmt: skip


def _said(movie: Movie) -> Said:
    """When and with what: no place, no title, no owner."""
    words = {
        name: next((movie.said[key] for key in keys if key in movie.said), "")
        for name, keys in _MAKERS.items()
    }
    device = Device(
        manufacturer=_plain(words["manufacturer"]), model=_plain(words["model"]),
        # Of the camera, where it names itself; an editor's name says nothing of the device.
        software=_plain(words["software"]) if words["model"] else None,
    )  # fmt: skip
    return Said(at=_moment(words["at"]) or movie.made_at, device=device)


def _moment(said: str) -> datetime | None:
    """With its zone, or not at all: mvhd has it in UTC."""
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _plain(said: str) -> str | None:
    plain = "".join(each if each.isprintable() and each != "\\" else " " for each in said)
    return " ".join(plain.split())[:64] or None
