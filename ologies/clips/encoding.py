"""A clip encoded anew, once: upright, of square pixels, colours halved, as H.264 or H.265 (PS3.5 §8.2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ologies.clips.coding import Coding
from ologies.clips.ffmpeg import Opened, copied_sounds, libraries
from ologies.clips.fitting import DoesNotFit, h264_fits, h265_fits
from ologies.errors import Damaged
from ologies.videos import H264_LEVEL_4_1

#: Of x264 and x265: hardly seen to differ from the source, at a speed that a clinic waits for.
_QUALITY = "17"
_PRESET = "veryfast"
_THREADS = "2"  # always: another number makes other bytes
#: A second of High Profile at level 4.1 is at most 62.5 Mbit (ISO 14496-10 Table A-1). x264 makes the same
#: bytes again only where it is told not to do as its processor likes best.
_H264 = "vbv-maxrate=50000:vbv-bufsize=60000:ref=3:cpu-independent=1"
#: Without frames out of order: x265 loses count of their times in a clip that is shorter than its delay.
_H265 = f"level-idc=5.1:high-tier=0:bframes=0:log-level=none:pools=none:frame-threads={_THREADS}"

#: Codecs that lose nothing; what was coded so has no history of loss.
_LOSSLESS = frozenset(
    "rawvideo v210 v308 v408 v410 r210 huffyuv ffvhuff ffv1 utvideo magicyuv lagarith png bmp zlib mszh "
    "qtrle msrle rle targa tiff".split()
)
#: Lossy Image Compression Method (0028,2114) of what FFmpeg names so; others go by their name.
_METHODS = {
    "h264": "ISO_14496_10", "hevc": "ISO_23008_2", "mpeg2video": "ISO_13818_2", "mpeg1video": "ISO_11172_2",
    "mpeg4": "ISO_14496_2", "mjpeg": "ISO_10918_1",
}  # fmt: skip

_INTERLACED = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}  # AVFieldOrder


@dataclass(frozen=True, slots=True)
class Encoded:
    """What was done."""

    recipe: str
    method: str  # how it was coded before; empty where nothing was lost
    size: int  # of the video before, in bytes
    name: str  # of the coding


def encoded(clip: Opened, turned: int, into: Path) -> Encoded:
    """Its frames are turned clockwise by `turned` degrees. Raises Damaged; DoesNotFit for one too large."""
    import av

    with av.open(str(into), "w", format="mp4") as made:
        sounds = copied_sounds(clip)
        shaped: _Shaped | None = None
        video: Any = None
        heard: dict[int, Any] = {}
        waiting: list[Any] = []
        for packet in clip.demuxed(*sounds):
            if packet.stream is not clip.video:
                if packet.dts is not None:
                    waiting.append(packet)
                    if len(waiting) > 4_000:
                        raise Damaged("its sound and its pictures lie too far apart")
            else:
                for frame in packet.decode():
                    if shaped is None:
                        shaped = _Shaped.of(clip, frame, turned)
                        video = _stream(made, clip, shaped)
                        heard = {each.index: made.add_stream_from_template(each) for each in sounds}
                    for each in shaped.push(frame):
                        made.mux(video.encode(each))
            if video is not None:
                _mux_sound(made, heard, waiting)
        if shaped is None:
            raise Damaged("no frame of it can be decoded")
        for each in shaped.push(None):
            made.mux(video.encode(each))
        made.mux(video.encode(None))
        _mux_sound(made, heard, waiting)
    codec = clip.codec
    method = "" if codec in _LOSSLESS else _METHODS.get(codec, codec.upper()[:16])
    name = "H.264" if shaped.is_h264 else "H.265"
    return Encoded(f"{name} {_PRESET} {_QUALITY} {libraries()}", method, clip.size, name)


def _mux_sound(made: Any, heard: dict[int, Any], waiting: list[Any]) -> None:
    for packet in waiting:
        packet.stream = heard[packet.stream.index]
        made.mux_one(packet)
    waiting.clear()


@dataclass(slots=True)
class _Shaped:
    """Frames as they are to be encoded: FFmpeg's filters, for frames of one size and kind."""

    graph: Any
    kind: tuple[int, int, str]
    columns_px: int
    rows_px: int
    is_deep: bool
    is_h264: bool
    level: str
    fields: str  # tff, bff, or empty
    ticks_a_second: Fraction
    before: int | None = None  # the time of the last frame
    step: int = 1

    @classmethod
    def of(cls, clip: Opened, frame: Any, turned: int) -> "_Shaped":
        """Raises DoesNotFit."""
        import av

        aspect = clip.video.codec_context.sample_aspect_ratio or Fraction(1)
        wide, high = frame.width, frame.height
        if aspect > 1:
            wide = round(wide * aspect)
        elif 0 < aspect < 1:
            high = round(high / aspect)
        scaled = (wide, high) if aspect != 1 else None
        if turned in (90, 270):
            wide, high = high, wide
        wide, high = wide + wide % 2, high + high % 2
        is_deep = max(each.bits for each in frame.format.components) > 8
        syntax, is_h264 = _syntax(wide, high, is_deep, float(clip.rate))
        fields = (
            _INTERLACED.get(clip.video.codec_context.field_order, "tff") if frame.interlaced_frame else ""
        )
        if turned in (90, 270) or not is_h264:
            fields = ""
        base = clip.video.time_base or 1 / clip.rate
        graph = av.filter.Graph()
        nodes = [
            graph.add(
                "buffer",
                f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
                f":time_base={base.numerator}/{base.denominator}",
            )
        ]
        for name, said in _filters(frame, turned, scaled, is_deep, bool(fields)):
            nodes.append(graph.add(name, said))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return cls(
            graph, (frame.width, frame.height, frame.format.name), wide, high, is_deep, is_h264,
            "4.1" if syntax == H264_LEVEL_4_1 else "4.2" if is_h264 else "5.1", fields, base,
            step=max(1, round(1 / (clip.rate * base))),
        )  # fmt: skip

    def push(self, frame: Any | None) -> Iterator[Any]:
        """What comes out for a frame, or for the end. Raises Damaged."""
        import av

        if frame is not None:
            if (frame.width, frame.height, frame.format.name) != self.kind:
                raise Damaged("its frames change their size or kind on the way: split it there")
            if frame.is_corrupt:
                raise Damaged("a frame of it cannot be decoded whole")
            if frame.pts is None or (self.before is not None and frame.pts <= self.before):
                frame.pts = 0 if self.before is None else self.before + self.step
            self.before = frame.pts
        self.graph.vpush(frame)
        while True:
            try:
                made = self.graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            made.pict_type = 0  # the encoder chooses
            yield made


def _filters(
    frame: Any, turned: int, scaled: tuple[int, int] | None, is_deep: bool, is_interlaced: bool
) -> Iterator[tuple[str, str]]:
    if scaled is not None:
        yield "scale", f"w={scaled[0]}:h={scaled[1]}:flags=bicubic+accurate_rnd:interl={int(is_interlaced)}"
    match turned:
        case 90:
            yield "transpose", "clock"
        case 180:
            yield "hflip", ""
            yield "vflip", ""
        case 270:
            yield "transpose", "cclock"
    yield "pad", "w=ceil(iw/2)*2:h=ceil(ih/2)*2"
    wanted = "yuv420p10le" if is_deep else "yuv420p"
    if frame.format.name != wanted:
        # DICOM's YBR_PARTIAL_420 is CCIR 601, in part of the range (PS3.3 §C.7.6.3.1.2).
        matrix = ":out_color_matrix=smpte170m" if frame.format.is_rgb else ""
        yield (
            "scale",
            f"flags=bicubic+accurate_rnd+full_chroma_int:out_range=tv:interl={int(is_interlaced)}{matrix}",
        )
        yield "format", wanted
    yield "setsar", "1"


def _syntax(wide: int, high: int, is_deep: bool, rate_hz: float) -> tuple[str, bool]:
    """H.264 where its levels allow, since more readers play it. Raises DoesNotFit."""
    tries: list[tuple[Callable[[Coding, float], str], int, int]] = [(h265_fits, 2 if is_deep else 1, 153)]
    if not is_deep:
        tries.insert(0, (h264_fits, 100, 41))
    for fits, profile, level in tries:
        coding = Coding(profile, 0, level, False, 1, 10 if is_deep else 8, wide, high, False, None)
        try:
            return fits(coding, rate_hz), fits is h264_fits
        except DoesNotFit:
            continue
    raise DoesNotFit("it is larger or faster than H.265 at level 5.1 allows")


def _stream(made: Any, clip: Opened, shaped: _Shaped) -> Any:
    rate = max(1, round(clip.rate))
    if shaped.is_h264:
        params = f"{_H264}:level={shaped.level}"
        params += f":{shaped.fields}=1" if shaped.fields else ""
        options = {"profile": "high", "x264-params": params}
    else:
        options = {"x265-params": _H265}
    stream = made.add_stream(
        "libx264" if shaped.is_h264 else "libx265",
        rate=clip.rate,
        options={"crf": _QUALITY, "preset": _PRESET, "g": str(rate), "threads": _THREADS, **options},
    )
    stream.width, stream.height = shaped.columns_px, shaped.rows_px
    stream.pix_fmt = "yuv420p10le" if shaped.is_deep else "yuv420p"
    stream.codec_context.time_base = shaped.ticks_a_second
    return stream
