"""Whole instances in another syntax: the same pixels, the same everything else, whatever the size."""

import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.pixels.decoders.base import get_decoder

from storage.codecs.frame import Frame, ImagePixel
from storage.codecs.workers import Workers
from storage.elements import DEFLATED, ENCAPSULATED_UNCOMPRESSED, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.errors import ArchiveError, Unencodable, Unreadable
from storage.part10 import write_meta
from storage.syntaxes import (
    DEFLATED_FRAMES,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    J2K_LOSSLESS,
    NATIVE,
    RLE,
)
from storage.transcoding import INSTANCE_TARGETS, Transcoder, can_transcode_instance, frames_as_stored
from tests.storage.material import Sample, instance, sample, samples

#: Attributes that a transcoding may change, and no other.
MAY_CHANGE = {"PhotometricInterpretation", "PlanarConfiguration", "LossyImageCompression", "PixelData"}
#: Written in Implicit VR where its syntax says Explicit.
REFUSED = {"SC_rgb_jpeg.dcm"}


@pytest.fixture(scope="module")
def transcoder() -> Iterator[Transcoder]:
    workers = Workers(2)
    yield Transcoder(workers)
    workers.close()


def with_pixels() -> list[Sample]:
    """One of each name."""
    found = {each.name: each for each in samples() if has_pixels(each)}
    return [found[name] for name in sorted(found)]


def has_pixels(each: Sample) -> bool:
    data = each.data
    return any(
        tag in data for tag in (b"\xe0\x7f\x10\0", b"\x7f\xe0\0\x10", b"\xe0\x7f\x08\0", b"\xe0\x7f\x09\0")
    )


def read(data_set: bytes, syntax: str) -> Dataset:
    return dcmread(BytesIO(write_meta("1.2", "1.2", syntax) + data_set))


def pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def pixels(found: Dataset) -> NDArray[Any]:
    """Every frame, as pydicom decodes it; colours as they are."""
    decoded: NDArray[Any] = get_decoder(found.file_meta.TransferSyntaxUID).as_array(found, raw=True)[0]
    return decoded


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("each", with_pixels(), ids=lambda each: each.name)
def test_every_file_decodes_to_the_pixels_that_pydicom_finds(each: Sample, transcoder: Transcoder) -> None:
    try:
        theirs = pixels(read(each.data, each.syntax))
    except Exception:
        theirs = None  # nor do we, or there is no more to say than that we do
    try:
        made = b"".join(transcoder.data_set(pieces(each.data), each.syntax, EXPLICIT_LITTLE))
    except ArchiveError:
        if theirs is not None and each.name not in REFUSED:
            raise
        return

    found = read(made, EXPLICIT_LITTLE)

    if theirs is not None:
        assert np.array_equal(pixels(found), theirs, equal_nan=theirs.dtype.kind == "f")
    unchanged(read(each.data, each.syntax), found)


def unchanged(before: Dataset, after: Dataset) -> None:
    """But for what describes the pixels, and for group lengths and tables of what was."""
    for element in before:
        if (
            element.keyword in MAY_CHANGE
            or element.tag.element == 0
            or element.tag in (0x7FE00001, 0x7FE00002)
        ):
            continue
        if element.VR in ("SQ", "OW") or element.tag not in after or after[element.tag].VR != element.VR:
            assert element.tag in after
            continue
        assert str(after[element.tag].value) == str(element.value), element.tag


ORDINARY = [
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "US1_J2KR.dcm",
    "emri_small_big_endian.dcm",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wanted", sorted(INSTANCE_TARGETS))
@pytest.mark.parametrize("name", ORDINARY)
def test_every_target_has_the_same_pixels(name: str, wanted: str, transcoder: Transcoder) -> None:
    each = sample(name)
    assert can_transcode_instance(each.syntax, wanted)
    native = b"".join(transcoder.data_set(pieces(each.data), each.syntax, EXPLICIT_LITTLE))

    made = b"".join(transcoder.data_set(pieces(each.data), each.syntax, wanted))

    back = b"".join(transcoder.data_set(pieces(made), wanted, EXPLICIT_LITTLE))
    assert np.array_equal(pixels(read(back, EXPLICIT_LITTLE)), pixels(read(native, EXPLICIT_LITTLE)))
    if wanted not in (DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED):
        found = read(made, wanted)
        assert np.array_equal(pixels(found), pixels(read(native, EXPLICIT_LITTLE)))
        unchanged(read(each.data, each.syntax), found)
    assert len(made) % 2 == 0


def made_data_set(syntax: str, frame_list: list[bytes], pixel: ImagePixel, **attributes: object) -> bytes:
    shape = {
        "Rows": pixel.rows,
        "Columns": pixel.columns,
        "BitsAllocated": pixel.bits_allocated,
        "BitsStored": pixel.bits_stored,
        "HighBit": pixel.high_bit,
        "NumberOfFrames": str(len(frame_list)),
    }
    made = instance(**{**shape, **attributes})
    if "PixelData" not in attributes:
        made.PixelData = encapsulate(frame_list)
    made["PixelData"].VR = "OB" if syntax not in NATIVE else "OW"
    made["PixelData"].is_undefined_length = syntax not in NATIVE
    return written(made)


def written(found: Dataset) -> bytes:
    """Alone, in Explicit VR Little Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, found)
    data: bytes = buffer.getvalue()
    return data


def test_colours_and_loss_are_described_as_they_are_afterwards(transcoder: Transcoder) -> None:
    lossy = sample("SC_rgb_dcmtk_+eb+cy+np.dcm")

    native = read(b"".join(transcoder.data_set([lossy.data], lossy.syntax, EXPLICIT_LITTLE)), EXPLICIT_LITTLE)
    again = read(b"".join(transcoder.data_set([lossy.data], lossy.syntax, J2K_LOSSLESS)), J2K_LOSSLESS)

    assert (native.PhotometricInterpretation, native.PlanarConfiguration) == ("YBR_FULL", 0)
    assert native.LossyImageCompression == again.LossyImageCompression == "01"
    was = read(lossy.data, lossy.syntax)
    assert native.LossyImageCompressionRatio == was.LossyImageCompressionRatio


def test_rgb_becomes_rct_and_rgb_again(transcoder: Transcoder) -> None:
    each = sample("US1_J2KR.dcm")
    assert read(each.data, each.syntax).PhotometricInterpretation == "YBR_RCT"

    native = b"".join(transcoder.data_set([each.data], each.syntax, EXPLICIT_LITTLE))
    again = b"".join(transcoder.data_set([native], EXPLICIT_LITTLE, HTJ2K_LOSSLESS))
    planes = b"".join(transcoder.data_set([native], EXPLICIT_LITTLE, RLE))

    assert read(native, EXPLICIT_LITTLE).PhotometricInterpretation == "RGB"
    assert read(again, HTJ2K_LOSSLESS).PhotometricInterpretation == "YBR_RCT"
    assert read(planes, RLE).PlanarConfiguration == 1


SMALL = ImagePixel(3, 3, 1, 8, 8, 7)


@settings(max_examples=60, deadline=None)
@given(
    frame_list=st.lists(st.binary(min_size=9, max_size=9), min_size=1, max_size=5),
    numbers=st.lists(st.integers(0, 100), min_size=1, max_size=6),
    size=st.integers(1, 300),
)
def test_frames_are_found_in_any_order(frame_list: list[bytes], numbers: list[int], size: int) -> None:
    asked = [number % len(frame_list) + 1 for number in numbers]
    data = made_data_set(ENCAPSULATED_UNCOMPRESSED, frame_list, SMALL)

    found = list(frames_as_stored(pieces(data, size), ENCAPSULATED_UNCOMPRESSED, asked))

    assert [each[:9] for each in found] == [frame_list[number - 1] for number in asked]


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
def test_frames_cut_into_fragments_are_put_together(table: str, transcoder: Transcoder) -> None:
    each = sample("MR_small_jp2klossless.dcm")
    frame = next(generate_frames(read(each.data, each.syntax).PixelData, number_of_frames=1))
    found = read(each.data, each.syntax)
    found.NumberOfFrames = 2
    if table == "extended":
        found.PixelData, found.ExtendedOffsetTable, found.ExtendedOffsetTableLengths = encapsulate_extended(
            [frame] * 2
        )
    else:
        found.PixelData = encapsulate([frame] * 2, fragments_per_frame=3, has_bot=table == "basic")
    found["PixelData"].is_undefined_length = True
    data = written(found)

    made = read(b"".join(transcoder.data_set(pieces(data), each.syntax, EXPLICIT_LITTLE)), EXPLICIT_LITTLE)

    one = pixels(read(each.data, each.syntax))
    assert np.array_equal(pixels(made), np.stack([one, one]))
    assert "ExtendedOffsetTable" not in made


def test_single_bits_that_begin_within_a_byte(transcoder: Transcoder) -> None:
    bits = np.random.default_rng(3).integers(0, 2, (5, 3 * 3), "u1")
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    pixel = ImagePixel(3, 3, 1, 1, 1, 0)
    data = made_data_set(EXPLICIT_LITTLE, [b""] * 5, pixel, PixelData=packed + bytes(len(packed) % 2))

    for syntax in (ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES):
        made = b"".join(transcoder.data_set(pieces(data), EXPLICIT_LITTLE, syntax))
        back = b"".join(transcoder.data_set(pieces(made), syntax, EXPLICIT_LITTLE))

        frames = list(frames_as_stored([data], EXPLICIT_LITTLE, [4, 1]))
        assert read(back, EXPLICIT_LITTLE).PixelData == read(data, EXPLICIT_LITTLE).PixelData
        assert [
            np.unpackbits(np.frombuffer(each, "u1"), count=9, bitorder="little").tolist() for each in frames
        ] == [
            bits[3].tolist(),
            bits[0].tolist(),
        ]


def test_another_number_of_frames_than_the_header_says_is_refused(transcoder: Transcoder) -> None:
    data = made_data_set(ENCAPSULATED_UNCOMPRESSED, [bytes(9)] * 3, SMALL, NumberOfFrames="4")

    with pytest.raises(Unreadable, match="3 frames where the header says 4"):
        list(transcoder.data_set([data], ENCAPSULATED_UNCOMPRESSED, EXPLICIT_LITTLE))


def test_what_stands_behind_the_last_frame_is_not_dropped(transcoder: Transcoder) -> None:
    data = made_data_set(EXPLICIT_LITTLE, [b""], SMALL, PixelData=bytes(20))

    with pytest.raises(Unencodable, match="more in the pixel data"):
        list(transcoder.data_set([data], EXPLICIT_LITTLE, RLE))


def test_giants_are_refused_before_a_codec_sees_them(transcoder: Transcoder) -> None:
    data = made_data_set(J2K_LOSSLESS, [b"x" * 10], ImagePixel(65535, 65535))

    with pytest.raises(Unreadable, match="more than"):
        list(transcoder.data_set([data], J2K_LOSSLESS, EXPLICIT_LITTLE))


def test_an_object_without_pixels_keeps_everything(transcoder: Transcoder) -> None:
    report = instance(PixelData=None, Rows=None, Columns=None, BitsAllocated=None)
    data = written(report)

    assert b"".join(transcoder.data_set([data], EXPLICIT_LITTLE, RLE)) == data


def test_lossy_syntaxes_are_no_target(transcoder: Transcoder) -> None:
    assert not can_transcode_instance(EXPLICIT_LITTLE, "1.2.840.10008.1.2.4.50")
    with pytest.raises(Unencodable):
        transcoder.data_set([], EXPLICIT_LITTLE, "1.2.840.10008.1.2.4.50")


def test_memory_does_not_grow_with_the_object(transcoder: Transcoder) -> None:
    """120 MB of frames pass with less than 24 MB held."""
    pixel = ImagePixel(512, 1024)
    head = made_data_set(EXPLICIT_LITTLE, [b""] * 120, pixel, PixelData=b"")
    start = head.rindex(b"\xe0\x7f\x10\0")
    header = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 120 * pixel.frame_bytes)

    def data_set() -> Iterator[bytes]:
        yield head[:start] + header
        for number in range(120):
            yield bytes([number]) * pixel.frame_bytes

    tracemalloc.start()
    try:
        length = sum(len(each) for each in transcoder.data_set(data_set(), EXPLICIT_LITTLE, DEFLATED_FRAMES))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert length > 120 * 500
    assert peak < 24 * 1024 * 1024


def test_what_is_big_endian_leaves_little(transcoder: Transcoder) -> None:
    each = sample("MR_small_bigendian.dcm")

    made = read(
        b"".join(transcoder.data_set([each.data], each.syntax, HTJ2K_LOSSLESS_RPCL)), HTJ2K_LOSSLESS_RPCL
    )

    assert np.array_equal(
        pixels(made), pixels(read(sample("MR_small.dcm").data, sample("MR_small.dcm").syntax))
    )


def test_implicit_and_deflated_are_targets_of_compressed_ones(transcoder: Transcoder) -> None:
    each = sample("MR_small_RLE.dcm")
    plain = pixels(read(each.data, each.syntax))

    for syntax in (IMPLICIT_LITTLE, DEFLATED):
        made = b"".join(transcoder.data_set([each.data], each.syntax, syntax))
        assert np.array_equal(pixels(read(made, syntax)), plain)


def test_a_frame_alone(transcoder: Transcoder) -> None:
    pixel = replace(SMALL, rows=1, columns=2)

    made = transcoder.frame(b"\x01\x02", pixel, EXPLICIT_LITTLE, RLE)

    assert transcoder.frame(made.data, made.pixel, RLE, EXPLICIT_LITTLE) == Frame(b"\x01\x02", pixel)
