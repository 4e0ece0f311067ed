"""Native data sets in Explicit VR Little Endian mean what they meant."""

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from storage.errors import Unreadable
from storage.part10 import read_meta
from storage.recode import to_explicit_little
from storage.syntaxes import NATIVE


def data_set_of(path: Path) -> tuple[bytes, str]:
    raw = path.read_bytes()
    meta = read_meta(raw[: 1 << 20])
    return raw[meta.data_offset :], meta.transfer_syntax_uid


def native_files() -> list[Path]:
    """The native ones of the files that pydicom's wheel holds."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    unreadable = {"badVR.dcm", "rtplan_truncated.dcm"}  # to pydicom; the end of one is missing
    return sorted(
        path for path in folder.glob("*.dcm") if path.name not in unreadable and _is_native(path.read_bytes())
    )


def _is_native(raw: bytes) -> bool:
    try:
        return read_meta(raw).transfer_syntax_uid in NATIVE
    except Unreadable:
        return False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", native_files(), ids=lambda path: path.name)
@pytest.mark.parametrize("size", [1021, 1 << 20])
def test_every_native_file_of_pydicom_means_the_same(path: Path, size: int) -> None:
    raw, syntax = data_set_of(path)
    before = pydicom.dcmread(path)
    expected = before.to_json_dict(bulk_data_threshold=1 << 30, bulk_data_element_handler=str)

    pieces = (raw[start : start + size] for start in range(0, len(raw), size))
    explicit = b"".join(to_explicit_little(pieces, syntax))

    after = read_dataset(BytesIO(explicit), is_implicit_VR=False, is_little_endian=True)
    found = after.to_json_dict(bulk_data_threshold=1 << 30, bulk_data_element_handler=str)
    expected = {tag: member for tag, member in expected.items() if not tag.endswith("0000")}  # group lengths
    for tag, member in expected.items():
        if syntax == ExplicitVRBigEndian and member["vr"] == "OW":
            continue
        if member["vr"] == found[tag]["vr"]:
            assert found[tag] == member, tag
    assert found.keys() == expected.keys()


def test_words_change_their_order_and_bytes_do_not() -> None:
    sent = Dataset()
    sent.BitsAllocated = 16
    sent.RedPaletteColorLookupTableData = b"\x00\x01\x02\x03"
    sent["RedPaletteColorLookupTableData"].VR = "OW"
    sent.PixelData = b"\x01\x02\x03\x04"
    sent["PixelData"].VR = "OB"
    buffer = BytesIO()
    sent.save_as(buffer, implicit_vr=False, little_endian=False)

    explicit = b"".join(to_explicit_little([buffer.getvalue()], ExplicitVRBigEndian))

    after = read_dataset(BytesIO(explicit), is_implicit_VR=False, is_little_endian=True)
    assert after.BitsAllocated == 16
    assert after.RedPaletteColorLookupTableData == b"\x01\x00\x03\x02"
    assert after.PixelData == b"\x01\x02\x03\x04"


def test_what_is_explicit_already_passes() -> None:
    assert list(to_explicit_little([b"anything"], ExplicitVRLittleEndian)) == [b"anything"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x08\x00\x40\x11\xff\xff\xff\xff",  # a sequence without an end
        b"\x10\x00\x10\x00\x08\x00\x00\x00abc",  # a value cut short
        b"\xe0\x7f\x10\x00\xff\xff\xff\xff",  # encapsulated
    ],
)
def test_what_is_broken_says_so(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        list(to_explicit_little([raw], ImplicitVRLittleEndian))
