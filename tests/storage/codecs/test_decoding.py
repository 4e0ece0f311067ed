"""Every compressed file of pydicom's decodes to the pixels that pydicom finds in it."""

import struct
from functools import cache
from pathlib import Path
from typing import Any

import data_store
import numpy as np
import pydicom.data
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder

from storage.codecs.decoding import decoded
from storage.codecs.frame import ImagePixel, of_data_set
from storage.errors import Unreadable
from storage.syntaxes import J2K_LOSSLESS, JPEG, RLE

ROOTS = [Path(pydicom.data.__file__).parent, Path(data_store.__file__).parent]

#: Of which pydicom reads nothing without a decoder under the GPL: 12 bits of JPEG.
OURS_ALONE = {"JPEG-lossy.dcm", "JPGExtended.dcm"}
DAMAGED = {"JPEG2000-embedded-sequence-delimiter.dcm"}


@cache
def compressed() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in ROOTS:
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.read_bytes()[128:132] == b"DICM" and path.name not in found:
                syntax = pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID")
                if syntax is not None and syntax.is_encapsulated:
                    found[path.name] = path
    return found


def frame_numbers(count: int) -> list[int]:
    """From zero: all of a few, else the first, one in the middle and the last."""
    return list(range(count)) if count <= 4 else [0, count // 2, count - 1]


def reference(found: FileDataset, index: int) -> tuple[NDArray[Any], dict[str, Any]]:
    decoder = get_decoder(found.file_meta.TransferSyntaxUID)
    return decoder.as_array(found, index=index, raw=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(compressed()))
def test_pixels_are_those_that_pydicom_finds(name: str) -> None:
    found = dcmread(compressed()[name])
    if "PixelData" not in found:
        pytest.skip("no pixel data")
    count = int(found.get("NumberOfFrames") or 1)
    frames = list(generate_frames(found.PixelData, number_of_frames=count))
    syntax = str(found.file_meta.TransferSyntaxUID)
    pixel = of_data_set(found)
    for index in frame_numbers(count):
        if name in DAMAGED:
            with pytest.raises(Unreadable, match="tiles"):
                decoded(frames[index], pixel, syntax)
            continue
        ours = decoded(frames[index], pixel, syntax)
        assert len(ours.data) == ours.pixel.frame_bytes
        samples = np.frombuffer(ours.data, pixel.dtype)
        if name in OURS_ALONE:
            assert samples.max() < 1 << pixel.bits_stored
            continue
        theirs, said = reference(found, index)
        spare = pixel.bits_allocated - pixel.bits_stored
        assert np.array_equal((samples << spare) >> spare, theirs.ravel())
        assert ours.pixel.photometric == said["photometric_interpretation"].replace("_422", "")


def frame_of(name: str) -> tuple[bytes, ImagePixel, str]:
    found = dcmread(compressed()[name])
    frame = next(generate_frames(found.PixelData, number_of_frames=1))
    return frame, of_data_set(found), str(found.file_meta.TransferSyntaxUID)


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "JPEG-LL.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "JPGExtended.dcm",
    ],
)
def test_what_breaks_off_is_unreadable(name: str) -> None:
    frame, pixel, syntax = frame_of(name)

    for length in (0, 1, 20, 60, 100, len(frame) // 2, len(frame) * 9 // 10):
        with pytest.raises(Unreadable):
            decoded(frame[:length], pixel, syntax)


def test_a_codestream_of_another_size_than_the_header_says_is_refused_before_it_is_decoded() -> None:
    frame, pixel, syntax = frame_of("MR_small_jp2klossless.dcm")
    giant = frame[:8] + struct.pack(">IIIIII", 65535, 65535, 0, 0, 65535, 65535) + frame[32:]

    with pytest.raises(Unreadable, match="65535 x 65535, and 64 x 64 by the header"):
        decoded(giant, pixel, syntax)


def test_a_header_that_says_of_a_giant_is_refused_before_it_is_decoded() -> None:
    frame, _, syntax = frame_of("MR_small_jp2klossless.dcm")

    with pytest.raises(Unreadable, match="more than"):
        decoded(frame, ImagePixel(65535, 65535), syntax)


def test_other_samples_than_the_header_says_are_refused() -> None:
    frame, pixel, syntax = frame_of("examples_jpeg2k.dcm")

    with pytest.raises(Unreadable, match="3 samples, and 1"):
        decoded(frame, ImagePixel(pixel.rows, pixel.columns, 1, 8, 8, 7), syntax)


@pytest.mark.parametrize("syntax", [*JPEG, J2K_LOSSLESS, RLE])
def test_what_is_no_picture_is_unreadable(syntax: str) -> None:
    with pytest.raises(Unreadable):
        decoded(b"\xff\xd8\xff\xd9" * 40, ImagePixel(8, 8), syntax)


def test_an_unknown_syntax_is_refused() -> None:
    with pytest.raises(Unreadable, match="no decoder"):
        decoded(b"", ImagePixel(8, 8), "1.2.840.10008.1.2.4.100")
