"""What compressed pictures say of themselves is what pydicom's data sets say of them."""

from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from ologies.codestreams import Fetch, Picture, read_picture
from ologies.errors import Damaged
from ologies.videos import read_mpeg_2
from tests.ologies.videos import mpeg_2
from viewer_api.picturing import pictured, syntax_of


def fetch(raw: bytes) -> Fetch:
    return lambda start, stop: raw[start:stop]


def read(raw: bytes) -> Picture:
    return read_picture(fetch(raw), len(raw))


FILES = [
    "JPEG2000.dcm", "J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm", "693_J2KR.dcm", "MR_small_jp2klossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm", "color3d_jpeg_baseline.dcm", "JPEG-lossy.dcm",
    "JPGExtended.dcm", "JPEG-LL.dcm", "MR_small_jpeg_ls_lossless.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_codestream_says_what_its_data_set_says(name: str) -> None:
    data_set = pydicom.dcmread(str(get_testdata_file(name)))
    frame = next(generate_frames(data_set.PixelData, number_of_frames=int(data_set.get("NumberOfFrames", 1))))

    found = read(frame)

    assert syntax_of(found, data_set.file_meta.TransferSyntaxUID)
    assert (found.rows, found.columns) == (data_set.Rows, data_set.Columns)
    assert found.samples == data_set.SamplesPerPixel
    assert data_set.BitsAllocated >= found.bits
    assert pictured({}, found, 1, len(frame)).members["00280100"]["Value"] == [data_set.BitsAllocated]


@pytest.mark.parametrize(("is_lossless", "last"), [(True, "201"), (False, "203")])
def test_high_throughput_jpeg_2000_says_so(is_lossless: bool, last: str) -> None:
    pixels = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)

    found = read(bytes(imagecodecs.htj2k_encode(pixels, reversible=is_lossless)))

    assert (found.rows, found.columns, found.samples, found.bits) == (20, 30, 1, 16)
    assert found.transfer_syntax == f"1.2.840.10008.1.2.4.{last}"


def test_a_telephones_photograph_is_baseline_in_half_colours() -> None:
    made = BytesIO()
    Image.new("RGB", (30, 20), "red").save(
        made, "JPEG", exif=b"Exif\0\0" + b"x" * 60_000, icc_profile=b"p" * 99_000
    )

    found = read(made.getvalue())

    assert (found.rows, found.columns, found.samples, found.photometric) == (20, 30, 3, "YBR_FULL_422")
    assert found.transfer_syntax.endswith(".50")


def test_a_progressive_picture_is_refused_with_what_to_do() -> None:
    made = BytesIO()
    Image.new("RGB", (30, 20)).save(made, "JPEG", progressive=True)

    with pytest.raises(Damaged, match="send baseline"):
        read(made.getvalue())


def test_a_jp2_file_is_its_codestream_alone() -> None:
    made = BytesIO()
    Image.new("L", (30, 20)).save(made, "JPEG2000")
    raw = made.getvalue()

    found = read(raw)

    assert raw[found.start : found.start + 2] == b"\xff\x4f"
    assert (found.rows, found.columns, found.transfer_syntax[-3:]) == (20, 30, ".90")
    assert found.stop == len(raw)


@given(st.data())
def test_damage_is_told_by_one_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "JPEG2000"]))
    made = BytesIO()
    Image.new("L", (8, 8)).save(made, kind)
    raw = bytearray(made.getvalue())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)))):
        raw[place] = value
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for reader in (read_picture, read_mpeg_2):
        try:
            reader(fetch(cut), len(cut))
        except Damaged:
            continue


# Videos -----------------------------------------------------------------------------------------


def test_an_mpeg_2_stream_says_its_size() -> None:
    raw = mpeg_2(720, 576)
    found = read_mpeg_2(fetch(raw), len(raw))

    assert (found.columns, found.rows, found.frames) == (720, 576, 0)
    assert found.transfer_syntax.endswith(".100")
