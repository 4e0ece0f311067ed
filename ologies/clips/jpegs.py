"""Motion JPEG: frames that are baseline JPEG each are kept as they are, as frames (PS3.5 §8.2.1, §A.4.1)."""

from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from ologies.clips.ffmpeg import Opened
from ologies.clips.fitting import DoesNotFit
from ologies.codestreams import BASELINE, Picture, read_picture
from ologies.errors import Damaged
from ologies.photographs.jpeg import without_metadata
from ologies.writing import Stretch


def separated(clip: Opened, into: Path) -> tuple[Picture, list[Stretch], list[int | None]]:
    """What each frame is, where it lies in `into`, and when it is shown. Raises DoesNotFit, Damaged."""
    first: Picture | None = None
    frames: list[Stretch] = []
    times: list[int | None] = []
    with into.open("wb") as file:
        for packet in clip.demuxed():
            if not packet.size:
                continue
            frame = _whole(bytes(packet))
            picture = _read(frame)
            if first is None:
                first = picture
                if (picture.columns, picture.rows) != (clip.video.width, clip.video.height):
                    raise DoesNotFit("each of its frames is two fields")
            if replace(picture, photometric="") != replace(first, photometric=""):
                raise Damaged("its frames change their size or kind on the way: split it there")
            frames.append(Stretch(into, file.tell(), len(frame)))
            times.append(packet.pts)
            file.write(frame)
    if first is None:
        raise Damaged("no frame is in it")
    return first, frames, times


def _read(frame: bytes) -> Picture:
    try:
        picture = read_picture(lambda start, stop: frame[start:stop], len(frame))
    except Damaged as error:
        raise DoesNotFit("its JPEG is none that DICOM takes") from error
    if picture.transfer_syntax != BASELINE:
        raise DoesNotFit("its JPEG is not baseline")
    return picture


def _whole(packet: bytes) -> bytes:
    """Without application data, with the tables that cameras leave out since all have the same (annex K)."""
    frame = without_metadata(packet)
    head = frame[: frame.index(b"\xff\xda")]
    return frame if b"\xff\xc4" in head else frame[:2] + _tables() + frame[2:]


@cache
def _tables() -> bytes:
    """The Huffman tables of ISO 10918-1 annex K, as any encoder writes them that does not choose its own."""
    written = BytesIO()
    Image.new("RGB", (16, 16)).save(written, "JPEG")
    stream, found, at = written.getvalue(), [], 2
    while stream[at + 1] != 0xDA:
        length = 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] == 0xC4:
            found.append(stream[at : at + length])
        at += length
    return b"".join(found)
