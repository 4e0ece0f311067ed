"""Clips of other kinds: moved to a container that DICOM takes where their stream fits, else encoded anew."""

import builtins
import struct
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.uid import HEVCMP51, MPEG2MPHL, MPEG2MPML, MPEG4HP422D, JPEGBaseline8Bit

from ologies.errors import Damaged, NotInstalled
from tests.ologies.clips.material import UPRIGHT, a_clip, frames_of, packets_of, times_of, x264
from tests.ologies.clips.test_copying import CASE, assert_valid, stream_of
from tests.ologies.material import wrap_here

FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
FILM = {"codec": "mpeg2video", "size": (352, 288), "rate": 24}


def assert_anew(path: Path, folder: Path, why: str, frames: Sequence[Any] | None = None) -> pydicom.Dataset:
    """Encoded anew, said so, and as many frames at the same times."""
    wrapping = wrap_here(path, CASE)
    dataset, stream = stream_of(wrapping, folder)
    assert any("encoded anew, once" in note and why in note for note in wrapping.notes)
    assert dataset.ImageType == ["DERIVED", "PRIMARY"]
    assert why in dataset.DerivationDescription
    assert len(frames_of(stream)) == len(frames_of(path)) == dataset.NumberOfFrames
    assert times_of(stream) == pytest.approx(times_of(path), abs=2e-3)
    assert_valid(wrapping, "VideoPhotographicImage")
    again = wrap_here(path, CASE)
    assert again.objects[0].file.read_bytes() == wrapping.objects[0].file.read_bytes()
    return dataset


def pictures_of(path: Path) -> Any:
    """In RGB."""
    import av

    with av.open(str(path)) as opened:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clip.mp4", {"container_options": FRAGMENTS, "g": "4", "bf": "2"}),
        ("clip.mp4", {"container_options": FRAGMENTS, "sound": "aac", "count": 50}),
        ("clip.avi", {}),
        ("clip.avi", {"bf": "0", "sound": "mp3", "count": 50}),
        ("clip.ts", {"bf": "2", "sound": "aac", "count": 50}),
        ("clip.m2ts", {"bf": "2"}),
        ("clip.ts", {"codec": "libx265", "x265-params": "log-level=0:bframes=2"}),
    ],
)  # fmt: skip
def test_a_stream_in_another_container_is_moved(name: str, said: dict[str, Any], tmp_path: Path) -> None:
    path = a_clip(tmp_path / name, **said)
    wrapping = wrap_here(path, CASE)
    dataset, stream = stream_of(wrapping, tmp_path)
    assert "its stream was copied as it is" in wrapping.notes
    frames, expected = frames_of(stream), frames_of(path)
    assert len(frames) == len(expected) == dataset.NumberOfFrames
    assert all((one == other).all() for one, other in zip(frames, expected, strict=True))
    assert dataset.FrameTime == 40
    assert stream.read_bytes()[4:8] == b"ftyp"
    assert ("MultiplexedAudioChannelsDescriptionCodeSequence" in dataset) is (said.get("sound") == "aac")
    assert b"Lav" not in stream.read_bytes().replace(b"Lavc", b"", 1)
    assert_valid(wrapping, "VideoPhotographicImage")


def _without_tables(path: Path, folder: Path) -> Path:
    """As cameras write it: without the Huffman tables, which are always the same."""
    import av

    made = folder / "bare.avi"
    with av.open(str(path)) as source, av.open(str(made), "w") as into:
        stream = into.add_stream_from_template(source.streams.video[0])
        for number, each in enumerate(packets_of(path)):
            start, stop = each.index(b"\xff\xc4"), each.index(b"\xff\xc0")
            packet = av.Packet(each[:start] + each[stop:])
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            packet.time_base = Fraction(1, 25)
            into.mux(packet)
    return made


@pytest.mark.parametrize("name", ["clip.avi", "clip.mov", "bare.avi"])
@pytest.mark.parametrize("pixels", ["yuvj420p", "yuvj422p", "yuvj444p"])
def test_motion_jpeg_keeps_its_frames(name: str, pixels: str, tmp_path: Path) -> None:
    path = a_clip(tmp_path / name.replace("bare", "clip"), codec="mjpeg", pixels=pixels, huffman="default")
    expected = [np.asarray(Image.open(BytesIO(each))) for each in packets_of(path)]
    path = _without_tables(path, tmp_path) if name == "bare.avi" else path
    wrapping = wrap_here(path, CASE)
    (wrapped,) = wrapping.objects
    assert wrapped.transfer_syntax_uid == JPEGBaseline8Bit
    assert "its frames were copied as they are" in wrapping.notes
    dataset = pydicom.dcmread(wrapped.file)
    frames = [*generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames)]
    assert len(frames) == len(expected) == 12
    for frame, picture in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(frame))), picture)
    assert dataset.FrameTime == 40
    assert b"Lavc" not in wrapped.file.read_bytes()
    assert_valid(wrapping, "VideoPhotographicImage")


@pytest.mark.parametrize("name", ["clip.mpg", "clip.m2v", "clip.ts", "clip.avi"])
@pytest.mark.parametrize(
    ("said", "syntax"),
    [
        ({"size": (352, 288), "bf": "2"}, MPEG2MPML),
        ({"size": (704, 576), "flags": "+ildct+ilme"}, MPEG2MPML),
    ],
)
def test_mpeg_2_is_kept_as_a_bare_stream(
    name: str, said: dict[str, Any], syntax: str, tmp_path: Path
) -> None:
    path = a_clip(tmp_path / name, codec="mpeg2video", **said)
    wrapping = wrap_here(path, CASE)
    dataset, stream = stream_of(wrapping, tmp_path)
    assert wrapping.objects[0].transfer_syntax_uid == syntax
    assert b"".join(packets_of(path)) == stream.read_bytes().removesuffix(b"\0")
    frames, expected = frames_of(stream), frames_of(path)
    assert len(frames) == len(expected) == dataset.NumberOfFrames
    assert all((one == other).all() for one, other in zip(frames, expected, strict=True))
    assert (dataset.FrameTime, dataset.LossyImageCompressionMethod) == (40, "ISO_13818_2")
    assert_valid(wrapping, "VideoPhotographicImage")


def _shaped(content: bytes, code: int) -> bytes:
    """With that aspect_ratio_information in every sequence header."""
    said, at = bytearray(content), content.find(b"\0\0\1\xb3")
    while at >= 0:
        said[at + 7] = code << 4 | said[at + 7] & 15
        at = content.find(b"\0\0\1\xb3", at + 4)
    return bytes(said)


def test_mpeg_2_in_high_definition_says_its_shape(tmp_path: Path) -> None:
    """DICOM wants it as "16 by 9", not as "square pixels", though both are the same here (PS3.5 §8.2.6)."""
    path = a_clip(
        tmp_path / "clip.m2v", codec="mpeg2video", size=(1280, 720), count=5, profile="4", level="4"
    )
    content = path.read_bytes()
    path.write_bytes(_shaped(content, 1))
    assert_anew(path, tmp_path, "MPEG-2")
    path.write_bytes(_shaped(content, 3))
    wrapping = wrap_here(path, CASE)
    assert wrapping.objects[0].transfer_syntax_uid == MPEG2MPHL
    assert "PixelAspectRatio" not in stream_of(wrapping, tmp_path)[0]


@pytest.mark.parametrize(
    ("name", "said", "why", "method"),
    [
        ("clip.avi", {"codec": "mpeg4"}, "mpeg4", ["ISO_14496_2", "ISO_14496_10"]),
        ("clip.avi", {"codec": "rawvideo", "pixels": "bgr24"}, "rawvideo", "ISO_14496_10"),
        ("clip.mov", {"codec": "prores_ks", "pixels": "yuv422p10le"}, "prores", ["PRORES", "ISO_23008_2"]),
        ("clip.mp4", {"codec": "libsvtav1", "size": (96, 64)}, "av1", ["AV1", "ISO_14496_10"]),
        ("clip.mpg", {"codec": "mpeg1video"}, "mpeg1video", ["ISO_11172_2", "ISO_14496_10"]),
        ("clip.mp4", {"pixels": "yuv444p"}, "4:2:0", ["ISO_14496_10", "ISO_14496_10"]),
        ("clip.mp4", {"pixels": "yuv422p", "times": [0, 33, 67, 100, 250, 283, 300, 433, 467, 500, 533, 900]},
         "4:2:0", ["ISO_14496_10", "ISO_14496_10"]),
        ("clip.mpg", FILM, "MPEG-2", ["ISO_13818_2", "ISO_14496_10"]),
    ],
)  # fmt: skip
def test_what_no_transfer_syntax_takes_is_encoded_once(
    name: str, said: dict[str, Any], why: str, method: Any, tmp_path: Path
) -> None:
    dataset = assert_anew(a_clip(tmp_path / name, **said), tmp_path, why)
    assert dataset.LossyImageCompressionMethod == method
    _, stream = stream_of(wrap_here(tmp_path / name, CASE), tmp_path)
    difference = pictures_of(stream).astype(int) - pictures_of(tmp_path / name).astype(int)
    assert np.abs(difference).mean() < 6


@pytest.mark.parametrize(
    ("columns", "aspect", "size"), [(64, "16/11", (94, 48)), (50, "4/3", (68, 48)), (64, "10/11", (64, 54))]
)
def test_pixels_are_made_square(columns: int, aspect: str, size: tuple[int, int], tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mp4", size=(columns, 48), **x264(f"sar={aspect}"))
    dataset = assert_anew(path, tmp_path, "not square")
    assert (dataset.Columns, dataset.Rows) == size
    assert "PixelAspectRatio" not in dataset


@pytest.mark.parametrize(("size", "syntax"), [((4096, 2176), HEVCMP51), ((2000, 1100), MPEG4HP422D)])
def test_one_beyond_h264_in_dicom_keeps_its_size(size: tuple[int, int], syntax: str, tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mp4", size=size, count=2, preset="ultrafast", **x264("level=5.1"))
    dataset = assert_anew(path, tmp_path, "beyond")
    assert (dataset.Columns, dataset.Rows) == size
    assert dataset.file_meta.TransferSyntaxUID == syntax


MATRICES = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@pytest.mark.parametrize("degrees", MATRICES)
def test_a_phones_clip_stands_upright(degrees: int, tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mov", size=(96, 48), crf="10")
    content = path.read_bytes()
    a, b, c, d = (0x10000 * each for each in MATRICES[degrees])
    at = content.index(UPRIGHT, content.index(b"tkhd"))
    path.write_bytes(
        content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000) + content[at + 36 :]
    )
    dataset = assert_anew(path, tmp_path, f"turned by {degrees} degrees")
    assert (dataset.Columns, dataset.Rows) == ((96, 48) if degrees == 180 else (48, 96))
    shown, seen = pictures_of(tmp_path / "stream"), pictures_of(path)
    turned = np.rot90(seen, -degrees // 90, axes=(1, 2))
    assert np.abs(shown.astype(int) - turned).mean() < 6


def test_an_interlaced_one_stays_interlaced(tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mp4", pixels="yuv422p", flags="+ildct+ilme", **x264("tff=1"))
    assert_anew(path, tmp_path, "4:2:0")
    import av

    with av.open(str(tmp_path / "stream")) as opened:
        assert all(frame.interlaced_frame for frame in opened.decode(video=0))


def test_what_was_cut_away_does_not_come_back(tmp_path: Path) -> None:
    """The first second is hidden by an edit list, as phones do it."""
    path = a_clip(tmp_path / "clip.mp4", count=50, rate=25, bf="0", pixels="yuv420p")
    content = path.read_bytes()
    at = content.index(b"elst") + 4
    (version, count, length, start, rate) = struct.unpack_from(">IIIII", content, at)
    assert (version, count) == (0, 1)
    edited = struct.pack(">IIIII", 0, 1, length - 1000, start + 25 * (12800 // 25), rate)
    path.write_bytes(content[:at] + edited + content[at + 20 :])
    dataset = assert_anew(path, tmp_path, "cut away")
    assert dataset.NumberOfFrames == 25


def test_without_ffmpeg_it_is_said_what_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, mp4 = a_clip(tmp_path / "clip.avi"), a_clip(tmp_path / "clip.mp4")
    really = builtins.__import__

    def without_av(name: str, *more: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return really(name, *more)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(NotInstalled, match=r"imaging-exchange\[video\]"):
        wrap_here(path, CASE)
    assert wrap_here(mp4, CASE).objects


@pytest.mark.parametrize(
    ("name", "last", "kept"),
    [("clip.avi", b"movi", 50), ("clip.avi", b"00dc", 2), ("clip.ts", b"G", 100), ("clip.mp4", b"mdat", 20)],
)
def test_one_that_is_cut_off_is_damaged(name: str, last: bytes, kept: int, tmp_path: Path) -> None:
    """So many bytes after the last such word are the last."""
    fragments = FRAGMENTS if name == "clip.mp4" else {}
    path = a_clip(tmp_path / name, count=30, container_options=fragments, g="5")
    content = path.read_bytes()
    at = len(content) - 188 if name == "clip.ts" else content.rindex(last)
    path.write_bytes(content[: at + kept])
    with pytest.raises(Damaged, match=r"cut off|longer than"):
        wrap_here(path, CASE)
