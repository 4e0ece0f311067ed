"""Clips made with PyAV: moving pictures of any size, rate and coding, in any container."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

#: The matrix of a track that is shown as it is (ISO 14496-12 §8.3.2).
UPRIGHT = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def moving(columns: int, rows: int, count: int) -> list[NDArray[np.uint8]]:
    """No two frames and no two corners alike."""
    across, down = np.meshgrid(np.arange(columns), np.arange(rows))
    frames = []
    for number in range(count):
        picture = np.stack(
            [across * 255 // columns, down * 255 // rows, np.full_like(across, number * 7 % 256)], -1
        )
        picture[: rows // 4, : columns // 4] = 255
        place = number * 3 % (columns - 8)
        picture[rows // 2 : rows // 2 + 8, place : place + 8] = 0
        frames.append(picture.astype(np.uint8))
    return frames


def a_clip(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    count: int = 12,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    container: str | None = None,
    pixels: str = "yuv420p",
    sound: str | None = None,
    sound_rate: int = 48_000,
    sound_layout: str = "stereo",
    times: Sequence[int] | None = None,
    says: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """`times` are in thousandths of a second; `options` are the encoder's."""
    with av.open(str(path), "w", format=container, options=container_options or {}) as made:
        made.metadata.update(says or {})
        video: Any = made.add_stream(codec, rate=rate, options=options)
        video.width, video.height = size
        video.pix_fmt = pixels
        if times is not None:
            video.codec_context.time_base = Fraction(1, 1000)
        heard: Any = None
        if sound:
            heard = made.add_stream(sound, rate=sound_rate, layout=sound_layout)
        for number, picture in enumerate(moving(*size, count)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            made.mux(video.encode(frame))
        made.mux(video.encode(None))
        if heard is not None:
            _add_sound(made, heard, float(count / rate))
    return path


def _add_sound(made: Any, heard: Any, length_s: float) -> None:
    channels = heard.codec_context.layout.nb_channels
    resampler = av.AudioResampler(heard.codec_context.format, heard.codec_context.layout, heard.rate)
    samples = np.arange(int(length_s * heard.rate))
    tone = (8000 * np.sin(samples / 20)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(
        np.repeat(tone, channels)[None], format="s16", layout=heard.codec_context.layout
    )
    frame.rate, frame.pts = heard.rate, 0
    for each in resampler.resample(frame):
        made.mux(heard.encode(each))
    made.mux(heard.encode(None))


def packets_of(path: Path, kind: str = "video") -> list[bytes]:
    """As they lie in the file."""
    with av.open(str(path)) as opened:
        (stream,) = [each for each in opened.streams if each.type == kind]
        return [bytes(packet) for packet in opened.demux(stream) if packet.size]


def frames_of(path: Path) -> list[NDArray[Any]]:
    """As FFmpeg decodes them, in the stream's own colours."""
    with av.open(str(path)) as opened:
        return [
            (frame.reformat(format="yuv422p") if frame.format.name == "yuvj422p" else frame).to_ndarray()
            for frame in opened.decode(video=0)
        ]


def times_of(path: Path) -> list[float]:
    """When each frame is shown, in seconds from the first."""
    with av.open(str(path)) as opened:
        times = [float(frame.time or 0) for frame in opened.decode(video=0)]
    return [each - times[0] for each in times]


def x264(said: str) -> dict[str, Any]:
    """Options that only it knows."""
    return {"x264-params": said}
