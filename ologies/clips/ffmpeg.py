"""FFmpeg, by PyAV, where that is installed (the extra `video`): it opens any container, and encodes anew.

Its part ends with a file on the way, which is read like any other: nothing that it writes is kept as it is.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ologies.clips.movie import SAMPLES_LIMIT
from ologies.errors import Damaged, NotInstalled
from ologies.recognition import Kind

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Computing time that each step of so many frames earns: a clip that goes on may, one that hangs may not.
_STEP_FRAMES = 8
_STEP_S = 120

#: What is put into the file on the way: only what MP4 has a place for.
_COPIED_SOUND = "aac"


@dataclass(slots=True)
class Opened:
    """A clip in FFmpeg's hands."""

    container: "InputContainer"
    video: "VideoStream"
    packets: int = field(default=0)
    size: int = field(default=0)  # of the video's packets, in bytes

    @property
    def codec(self) -> str:
        """As FFmpeg names it: h264, hevc, mpeg2video, …"""
        return str(self.video.codec_context.codec.canonical_name)

    @property
    def rate(self) -> Fraction:
        """Frames a second, as the container says or FFmpeg guesses."""
        return self.video.average_rate or self.video.guessed_rate or Fraction(25)

    def demuxed(self, *more: Any) -> Iterator[Any]:
        """The video's packets, and those of other streams between them; each earns time. Raises Damaged."""
        for packet in self.container.demux(self.video, *more):
            if packet.is_corrupt:
                raise Damaged("a part of the clip is damaged, or missing")
            if packet.stream is self.video and packet.size:
                if self.packets % _STEP_FRAMES == 0:
                    _earn_time()
                self.packets += 1
                self.size += packet.size
                if self.packets > SAMPLES_LIMIT:
                    raise Damaged(f"a clip of more than {SAMPLES_LIMIT:,} frames")
            yield packet


def libraries() -> str:
    """What encodes: another version makes other bytes, and so another object."""
    av = _av("")
    return " ".join(
        f"{name} {'.'.join(map(str, version))}" for name, version in sorted(av.library_versions.items())
    )


@contextmanager
def opened_by_ffmpeg(path: Path, kind: Kind, why: str) -> Iterator[Opened]:
    """`why` says what FFmpeg is wanted for. Raises NotInstalled, Damaged."""
    av = _av(why)
    try:
        # A path alone might be read as an address; other protocols than a file's are closed.
        with av.open(
            f"file:{path.resolve()}", format=_format(path, kind), metadata_errors="ignore",
            options={"protocol_whitelist": "file", "fflags": "+genpts"},
        ) as container:  # fmt: skip
            videos = [each for each in container.streams.video if not _is_cover(each)]
            if len(videos) != 1:
                raise Damaged(f"{len(videos)} videos in one file: one is wanted")
            if videos[0].codec_context is None or not videos[0].codec_context.width:
                raise Damaged("its video is of a kind that nothing here decodes")
            videos[0].thread_type = "NONE"
            yield Opened(container, videos[0])
    except av.error.FFmpegError as error:
        raise Damaged(f"the clip cannot be read ({type(error).__name__})") from error


def remuxed(clip: Opened, into: Path) -> None:
    """The same packets in an MP4 file. Raises Damaged."""
    av = _av("")
    with av.open(str(into), "w", format="mp4", options={"movflags": "use_metadata_tags"}) as made:
        sounds = copied_sounds(clip)
        streams = {
            each.index: made.add_stream_from_template(each, opaque=True) for each in (clip.video, *sounds)
        }
        for packet in clip.demuxed(*sounds):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux_one(packet)


def elementary(clip: Opened, into: Path) -> list[int | None]:
    """The video's packets alone, one after another; when each is presented, where that is known."""
    times: list[int | None] = []
    with into.open("wb") as file:
        for packet in clip.demuxed():
            if packet.size:
                file.write(bytes(packet))
                times.append(packet.pts)
    return times


def copied_sounds(clip: Opened) -> tuple[Any, ...]:
    """The one sound, where it is AAC; whether DICOM takes it is seen when the file is read again."""
    sounds = clip.container.streams.audio
    if (
        len(sounds) == 1
        and sounds[0].codec_context is not None
        and sounds[0].codec_context.name == _COPIED_SOUND
    ):
        return (sounds[0],)
    return ()


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _format(path: Path, kind: Kind) -> str:
    """FFmpeg is told which it is: what a file is was decided before."""
    if kind is not Kind.MPEG:
        return {Kind.MP4: "mov", Kind.MOV: "mov", Kind.AVI: "avi"}[kind]
    with path.open("rb") as file:
        head = file.read(8)
    if head[:1] == b"\x47" or head[4:5] == b"\x47":
        return "mpegts"
    return "mpeg" if head[:4] == b"\0\0\1\xba" else "mpegvideo"


def _earn_time() -> None:
    """More computing time than was given to the file at first, where any was (ologies.confined)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + _STEP_S
        resource.setrlimit(resource.RLIMIT_CPU, (max(soft, until), hard))


def _av(why: str) -> Any:
    try:
        import av
    except ImportError as error:
        raise NotInstalled(
            f"{why}; FFmpeg is wanted for it: install imaging-exchange[video] (docs/wrapping.md)"
        ) from error
    return av
