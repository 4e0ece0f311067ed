import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, RLELossless

from storage.compare import INCOMPARABLE, Encoded, differences
from storage.dicom_json import DEPTH_LIMIT
from storage.elements import (
    DEFLATED,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
)
from storage.pixels import _DECODING, show_the_same
from tests.storage.material import instance, sample
from tests.storage.strategies import SYNTAXES, Written, datasets, explicit, implicit, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def encoded(data: bytes, syntax: str = EXPLICIT_LITTLE) -> Encoded:
    return Encoded(syntax, len(data), lambda start, stop: data[start:stop])


def of(made: Written) -> Encoded:
    return encoded(made.data, made.syntax)


def tags(first: Encoded, second: Encoded) -> list[str]:
    there = [each.tag for each in differences(first, second)]
    back = [each.tag for each in differences(second, first)]
    assert there == back
    return there


# The same, encoded otherwise --------------------------------------------------------------------


@given(datasets(), st.sampled_from(SYNTAXES), st.sampled_from(SYNTAXES))
def test_another_transfer_syntax_says_the_same(dataset: Dataset, one: str, other: str) -> None:
    assert tags(of(write(dataset, one)), of(write(dataset, other))) == []


@given(datasets(), st.sampled_from(SYNTAXES))
def test_other_kinds_of_length_say_the_same(dataset: Dataset, syntax: str) -> None:
    turned = copy.deepcopy(dataset)
    _turn_lengths(turned)

    assert tags(of(write(dataset, syntax)), of(write(turned, syntax))) == []


def _turn_lengths(dataset: Dataset) -> None:
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = not element.is_undefined_length
            for item in element.value:
                item.is_undefined_length_sequence_item = not item.is_undefined_length_sequence_item
                _turn_lengths(item)


def test_group_lengths_and_trailing_padding_do_not_count() -> None:
    data = write(instance(), EXPLICIT_LITTLE).data
    more = explicit(0x00080000, "UL", b"\x40\0\0\0") + data + explicit(0xFFFCFFFC, "OB", bytes(20)) + bytes(6)

    assert tags(encoded(data), encoded(more)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (explicit(0x00100020, "LO", b"12"), explicit(0x00100020, "LO", b" 12 ")),
        (explicit(0x0020000D, "UI", b"1.2\0"), explicit(0x0020000D, "UI", b"1.2 ")),
        (explicit(0x00080008, "CS", b"A\\B "), explicit(0x00080008, "CS", b"A \\ B")),
        (explicit(0x00104000, "LT", b"text"), explicit(0x00104000, "LT", b"text  ")),
        (explicit(0x00080050, "SH", b""), explicit(0x00080050, "SH", b"  ")),
        (explicit(0x00091001, "OB", b"abc"), explicit(0x00091001, "OB", b"abc\0")),
        (explicit(0x00081140, "SQ", b""), explicit(0x00081140, "SQ", implicit(SEQUENCE_END, b""), UNDEFINED)),
        (explicit(0x00100020, "UN", b"12"), explicit(0x00100020, "LO", b"12")),
    ],
)
def test_padding_and_emptiness_do_not_count(one: bytes, other: bytes) -> None:
    assert tags(encoded(one), encoded(other)) == []


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [("ISO_IR 100", "ISO_IR 192", "Müller^Zoë"), ("ISO_IR 144", "ISO_IR 192", "Люк"),
     ("\\ISO 2022 IR 87", "ISO_IR 192", "Yamada^Tarou=山田^太郎"), ("GB18030", "ISO_IR 192", "王^小东")],
)  # fmt: skip
def test_another_character_set_says_the_same(first: str, second: str, text: str) -> None:
    one = instance(SpecificCharacterSet=first.split("\\") if "\\" in first else first, PatientName=text)
    other = copy.deepcopy(one)
    other.SpecificCharacterSet = second

    assert tags(of(write(one, EXPLICIT_LITTLE)), of(write(other, EXPLICIT_LITTLE))) == []
    other.PatientName = text + "X"
    assert tags(of(write(one, EXPLICIT_LITTLE)), of(write(other, EXPLICIT_LITTLE))) == ["00100010"]


def test_private_attributes_lend_their_vrs() -> None:
    item = Dataset()
    item.private_block(0x0009, "IMX TEST", create=True).add_new(2, "US", 258)
    made = instance()
    block = made.private_block(0x0009, "IMX TEST", create=True)
    block.add_new(1, "LO", "odd")
    block.add_new(3, "SQ", Sequence([item]))
    made[0x00091003].is_undefined_length = True
    pair = [write(made, syntax) for syntax in SYNTAXES]

    for one in pair:
        for other in pair:
            assert tags(of(one), of(other)) == []


def test_a_relay_that_knows_no_private_vr_writes_un() -> None:
    creator = explicit(0x00090010, "LO", b"IMX TEST")
    said = creator + explicit(0x00091001, "LO", b"odd ") + explicit(0x00091002, "US", b"\1\2")
    unsaid = creator + explicit(0x00091001, "UN", b"odd ") + explicit(0x00091002, "UN", b"\1\2")

    assert tags(encoded(said), encoded(unsaid)) == []


PAIRS = [
    ("SC_rgb_rle.dcm", "SC_rgb.dcm"),
    ("SC_rgb_rle_16bit.dcm", "SC_rgb_16bit.dcm"),
    ("SC_rgb_rle_2frame.dcm", "SC_rgb_2frame.dcm"),
    ("MR_small_RLE.dcm", "MR_small.dcm"),
    ("MR_small_bigendian.dcm", "MR_small.dcm"),
    ("MR_small_expb.dcm", "MR_small.dcm"),
    ("MR_small_implicit.dcm", "MR_small.dcm"),
    ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
    ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
    ("emri_small_RLE.dcm", "emri_small.dcm"),
    ("emri_small_jpeg_2k_lossless.dcm", "emri_small.dcm"),
    ("emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm"),
    ("emri_small_big_endian.dcm", "emri_small.dcm"),
    ("OBXXXX1A_rle.dcm", "OBXXXX1A.dcm"),
    ("OBXXXX1A_expb.dcm", "OBXXXX1A.dcm"),
    ("SC_rgb_expb_32bit.dcm", "SC_rgb_32bit.dcm"),
    ("SC_rgb_expb_16bit.dcm", "SC_rgb_16bit.dcm"),
    ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_pixels_in_another_lossless_syntax_are_the_same(one: str, other: str) -> None:
    """The pairs of pydicom; what else their makers changed is not looked at."""
    found = differences(*(encoded(each.data, each.syntax) for each in (sample(one), sample(other))))

    assert "7FE00010" not in [each.tag for each in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", "SC_rgb.dcm"),
        ("693_J2KI.dcm", "693_UNCI.dcm"),
        ("MR2_J2KI.dcm", "MR2_UNCI.dcm"),
        ("JPEGLSNearLossless_16.dcm", "MR_small.dcm"),
    ],
)
def test_lossy_pixels_are_never_the_same(one: str, other: str) -> None:
    pair = [encoded(each.data, each.syntax) for each in (sample(one), sample(other))]

    assert "7FE00010" in [each.tag for each in differences(*pair)]


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("name", ["MR_small.dcm", "CT_small.dcm", "SC_rgb.dcm"])
def test_compressed_without_loss_is_the_same_and_a_changed_pixel_is_not(syntax: str, name: str) -> None:
    plain = dcmread(sample(name).path)
    other = compressed(plain, syntax)
    assert not [
        each
        for each in differences(of(written(plain)), of(written(other)))
        if each.tag in ("7FE00010", "00280004", "00280006")
    ]

    pixels = bytearray(plain.PixelData)
    pixels[len(pixels) // 2] ^= 1
    plain.PixelData = bytes(pixels)
    assert "7FE00010" in tags(of(written(plain)), of(written(other)))


def compressed(dataset: FileDataset, syntax: str) -> FileDataset:
    other = copy.deepcopy(dataset)
    other.compress(syntax, generate_instance_uid=False)
    return other


def written(dataset: FileDataset) -> Written:
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    made = write(dataset, syntax)
    return Written(syntax, made.data)


def test_deflated_and_compressed_are_compared() -> None:
    plain = dcmread(sample("MR_small.dcm").path)
    deflated = of(write(plain, DEFLATED))

    assert tags(deflated, of(written(compressed(plain, RLELossless)))) == []


def test_encapsulated_uncompressed_is_native_in_fragments() -> None:
    data = write(instance(), EXPLICIT_LITTLE).data
    head, pixels = data[: -32 - 12], data[-32:]
    items = implicit(ITEM, b"") + implicit(ITEM, pixels[:16]) + implicit(ITEM, pixels[16:])
    one = encoded(head + explicit(0x7FE00010, "OB", items + implicit(SEQUENCE_END, b""), UNDEFINED),
                  ENCAPSULATED_UNCOMPRESSED)  # fmt: skip
    items = implicit(ITEM, b"") + implicit(ITEM, pixels)
    other = encoded(head + explicit(0x7FE00010, "OB", items + implicit(SEQUENCE_END, b""), UNDEFINED),
                    ENCAPSULATED_UNCOMPRESSED)  # fmt: skip

    assert tags(one, other) == []


# Other content ----------------------------------------------------------------------------------


@given(datasets(), st.data())
def test_a_changed_value_is_told_by_its_tag_and_nothing_else(dataset: Dataset, data: st.DataObject) -> None:
    other = copy.deepcopy(dataset)
    other.PatientComments = data.draw(st.sampled_from(["left", "right"]))
    dataset.PatientComments = "neither"
    syntaxes = data.draw(st.tuples(st.sampled_from(SYNTAXES), st.sampled_from(SYNTAXES)))
    found = differences(of(write(dataset, syntaxes[0])), of(write(other, syntaxes[1])))

    assert [(each.tag, each.how) for each in found] == [("00104000", "changed")]
    assert "neither" not in repr(found)


def _deep(value: bytes, depth: int) -> bytes:
    data = explicit(0x00100020, "LO", value)
    for _ in range(depth):
        data = explicit(0x00081140, "SQ", implicit(ITEM, data + implicit(ITEM_END, b""), UNDEFINED)
                        + implicit(SEQUENCE_END, b""), UNDEFINED)  # fmt: skip
    return data


CHANGES: dict[str, tuple[Callable[[], bytes], Callable[[], bytes], str]] = {
    "a number's text": (
        lambda: explicit(0x00280030, "DS", b"1.0 "), lambda: explicit(0x00280030, "DS", b"1.00"), "00280030",
    ),
    "a malformed number": (
        lambda: explicit(0x00280009, "AT", b"ab"), lambda: explicit(0x00280009, "AT", b"cd"), "00280009",
    ),
    "a wrong length": (
        lambda: explicit(0x00280010, "US", b"abc"), lambda: explicit(0x00280010, "US", b"abd"), "00280010",
    ),
    "NaN's payload": (
        lambda: explicit(0x00091001, "FL", b"\1\0\xc0\x7f"),
        lambda: explicit(0x00091001, "FL", b"\2\0\xc0\x7f"), "00091001",
    ),
    "text that is not in its character set": (
        lambda: explicit(0x00100010, "PN", b"M\xfc"), lambda: explicit(0x00100010, "PN", b"M\xfd"),
        "00100010",
    ),
    "the order of values": (
        lambda: explicit(0x00080008, "CS", b"A\\B "),
        lambda: explicit(0x00080008, "CS", b"B\\A "), "00080008",
    ),
    "a value's place": (
        lambda: explicit(0x00080008, "CS", b"A\\  "),
        lambda: explicit(0x00080008, "CS", b"\\A  "), "00080008",
    ),
    "one byte of a large value": (
        lambda: explicit(0x00091001, "OB", bytes(3_000_000) + b"\1\1"),
        lambda: explicit(0x00091001, "OB", bytes(3_000_000) + b"\2\1"), "00091001",
    ),
    "trailing zeros beyond the padding": (
        lambda: explicit(0x00091001, "OB", b"ab"), lambda: explicit(0x00091001, "OB", b"ab\0\0"), "00091001",
    ),
    "an empty item": (
        lambda: explicit(0x00081140, "SQ", implicit(ITEM, b"")), lambda: explicit(0x00081140, "SQ", b""),
        "00081140",
    ),
    "where an item ends": (
        lambda: explicit(0x00081140, "SQ", implicit(ITEM, explicit(0x00080060, "CS", b"CT")
                                                    + explicit(0x00080070, "LO", b"ab"))),
        lambda: explicit(0x00081140, "SQ", implicit(ITEM, explicit(0x00080060, "CS", b"CT"))
                         + implicit(ITEM, explicit(0x00080070, "LO", b"ab"))), "00081140",
    ),
    "a value nested beyond all sense": (
        lambda: _deep(b"12", DEPTH_LIMIT + 5), lambda: _deep(b"34", DEPTH_LIMIT + 5), "00081140",
    ),
    "a value far down": (lambda: _deep(b"12", 5), lambda: _deep(b"34", 5), "00081140"),
    "a private value": (
        lambda: explicit(0x00091001, "UN", b"12"), lambda: explicit(0x00091001, "UN", b"13"), "00091001",
    ),
    "the length of a private value": (
        lambda: explicit(0x00091001, "US", b"\1\0"), lambda: explicit(0x00091001, "US", b"\1\0\0\0"),
        "00091001",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_other_content_is_told(change: str) -> None:
    one, other, tag = CHANGES[change]

    assert tags(encoded(one()), encoded(other())) == [tag]
    assert tags(encoded(one()), encoded(one())) == []


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("keyword", "value", "tag"),
    [
        ("PhotometricInterpretation", "MONOCHROME1", "00280004"),
        ("Rows", 2, "00280010"),
        ("PixelData", bytes(32), "7FE00010"),
        ("PatientName", "Other^Name", "00100010"),
        ("SeriesInstanceUID", "1.2.3", "0020000E"),
        ("RescaleIntercept", "-1024", "00281052"),
    ],
)
def test_what_a_reader_would_see_otherwise_is_told(
    keyword: str, value: object, tag: str, syntax: str
) -> None:
    one = instance()
    other = copy.deepcopy(one)
    setattr(other, keyword, value)
    if keyword == "PixelData":
        other["PixelData"].VR = "OW"

    assert tag in tags(of(write(one, EXPLICIT_LITTLE)), of(write(other, syntax)))


def test_an_inverted_picture_in_another_codec_is_told() -> None:
    plain = dcmread(sample("MR_small.dcm").path)
    other = compressed(plain, RLELossless)
    other.PhotometricInterpretation = "MONOCHROME1"

    assert tags(of(written(plain)), of(written(other))) == ["00280004"]


def test_pixels_behind_the_last_frame_are_not_overlooked() -> None:
    plain = dcmread(sample("MR_small.dcm").path)
    other = compressed(plain, RLELossless)
    plain.PixelData += b"\1\2" * 20

    assert tags(of(written(plain)), of(written(other))) == ["7FE00010"]


def test_added_and_missing_attributes_are_told() -> None:
    one = encoded(explicit(0x00100020, "LO", b"12"))
    other = encoded(explicit(0x00100020, "LO", b"12") + explicit(0x00104000, "LT", b"ab"))

    assert [(each.tag, each.how) for each in differences(one, other)] == [("00104000", "only in the second")]
    assert [(each.tag, each.how) for each in differences(other, one)] == [("00104000", "only in the first")]


@pytest.mark.parametrize("cut", [1, 5, 33, 60])
def test_what_breaks_off_says_nothing_for_certain(cut: int) -> None:
    data = write(instance(), EXPLICIT_LITTLE).data

    assert differences(encoded(data), encoded(data[:-cut])) == (INCOMPARABLE,)
    assert differences(encoded(data[:-cut]), encoded(data)) == (INCOMPARABLE,)


@pytest.mark.parametrize("syntax", [EXPLICIT_BIG, IMPLICIT_LITTLE])
def test_a_frame_beyond_all_measure_is_not_decoded(syntax: str) -> None:
    plain = dcmread(sample("MR_small.dcm").path)
    other = compressed(plain, RLELossless)
    for each in (plain, other):
        each.Rows = each.Columns = 65535

    assert "7FE00010" in tags(of(write(plain, syntax)), of(written(other)))


def test_few_are_decoded_at_once() -> None:
    """However many associations send what is held already."""
    one = of(write(instance(), EXPLICIT_LITTLE))
    other = of(write(instance(), EXPLICIT_LITTLE))

    with ThreadPoolExecutor(1) as executor:
        with _DECODING, _DECODING:
            third = executor.submit(show_the_same, one, other)
            with pytest.raises(TimeoutError):
                third.result(timeout=0.2)
        assert third.result(timeout=30)
