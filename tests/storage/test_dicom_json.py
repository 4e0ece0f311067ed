import io
import math
import struct
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from pydicom import dcmread
from pydicom.filereader import read_dataset

from storage.dicom_json import (
    DEPTH_LIMIT,
    INLINE_LIMIT_BYTES,
    PROBLEMS_LIMIT,
    READY_LIMIT_BYTES,
    JsonWriter,
    Member,
)
from storage.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Walk,
    encoding_of,
)
from storage.errors import Unreadable
from storage.source import Source, Whole
from tests.storage.material import Sample, samples
from tests.storage.strategies import Written, damaged, explicit, implicit, written

EXPLICIT = encoding_of(EXPLICIT_LITTLE)
IMPLICIT = encoding_of(IMPLICIT_LITTLE)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def turned(source: Source, syntax: str, limit: float = math.inf) -> tuple[dict[str, Member], JsonWriter]:
    walk = Walk(source, encoding_of(syntax))
    writer = JsonWriter(walk, encoding_of(syntax), limit)
    members = {}
    while (element := walk.next()) is not None:
        member = writer.member(element)
        if member is not None:
            members[f"{element.tag:08X}"] = member
    return members, writer


def members_of(data: bytes, syntax: str = EXPLICIT_LITTLE) -> dict[str, Member]:
    return turned(Whole(data), syntax)[0]


def one(data: bytes, syntax: str = EXPLICIT_LITTLE) -> Member:
    (member,) = members_of(data, syntax).values()
    return member


def problems_of(data: bytes) -> list[str]:
    return turned(Whole(data), EXPLICIT_LITTLE)[1].problems


# Beside pydicom ---------------------------------------------------------------------------------


@given(written())
def test_members_are_those_of_pydicom(made: Written) -> None:
    ours, writer = turned(made.source(), made.syntax)
    read = read_dataset(io.BytesIO(made.plain()), not made.encoding.explicit, made.encoding.little)

    assert_same(ours, read.to_json_dict())
    assert writer.is_whole


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_every_file_is_turned_as_pydicom_turns_it(sample: Sample) -> None:
    try:
        ours, _ = turned(sample.source(), sample.syntax)
        read = dcmread(sample.path)
        theirs = read.to_json_dict(suppress_invalid_tags=True)
    except (Unreadable, EOFError) as error:
        pytest.skip(f"broken off: {type(error).__name__}")
    assert_same(ours, theirs)


def assert_same(ours: dict[str, Member], theirs: dict[str, Any]) -> None:
    """But for what is documented: group lengths, Specific Character Set (JSON is UTF-8), private VRs that an
    implicit data set does not say, values that pydicom refuses, and leading spaces."""
    theirs = {tag: member for tag, member in theirs.items() if tag[4:] != "0000"}
    for tag in (ours.keys() | theirs.keys()) - {"00080005"}:
        if tag[4:] == "0000" or tag[:4] == "0002":
            continue
        assert tag in ours, tag
        if tag in theirs:
            assert_same_member(tag, ours[tag], theirs[tag])


def assert_same_member(tag: str, ours: Member, theirs: Member) -> None:
    is_private = int(tag[:4], 16) % 2 == 1
    if ours["vr"] == "UN" and (is_private or theirs["vr"] != "UN"):
        return  # an implicit private one, or one of another kind of sequence
    if {ours["vr"], theirs["vr"]} == {"OB", "OW"} and tag == "7FE00010":
        return  # pydicom decides by Bits Allocated
    assert ours["vr"] == theirs["vr"], tag
    if "BulkDataURI" in ours:
        return
    if ours["vr"] == "SQ":
        items = ours.get("Value", [])
        assert len(items) == len(theirs.get("Value", [])), tag
        for mine, other in zip(items, theirs.get("Value", []), strict=True):
            assert_same(mine, other)
    elif "InlineBinary" in theirs:
        assert ours.get("InlineBinary", "") == theirs["InlineBinary"], tag
    else:
        assert plain(ours.get("Value", [])) == plain(theirs.get("Value", [])), tag


def plain(values: list[Any]) -> list[Any]:
    """Empty values are one; text without its insignificant spaces; numbers as numbers."""
    said = [_plain(value) for value in values]
    return said if any(value is not None for value in said) else []


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {group: text for group, text in value.items() if text} or None
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value.replace("\0", "").strip() or None
        return value if math.isnan(number) else number  # no NaN equals another
    return value


# Values that are wrong --------------------------------------------------------------------------


@given(damaged())
@settings(max_examples=200)
def test_any_bytes_become_json_or_are_unreadable(made: Written) -> None:
    try:
        members, writer = turned(made.source(), made.syntax)
    except Unreadable:
        return
    orjson.dumps(members)
    assert len(writer.problems) <= PROBLEMS_LIMIT


@pytest.mark.parametrize(
    ("vr", "raw", "value"),
    [
        ("DS", b"0.10", 0.1),
        ("DS", b" -1e3 ", -1000.0),
        ("DS", b"1_000", "1_000"),
        ("DS", b"NaN ", "NaN"),
        ("DS", b"1e999", "1e999"),
        ("DS", b"1,5 ", "1,5"),
        ("IS", b"+07 ", 7),
        ("IS", b"1_0 ", "1_0"),
        ("IS", b"1.0 ", "1.0"),
        ("IS", b"99999999999999999999", "99999999999999999999"),
        ("DA", b"20261399", "20261399"),
        ("TM", b"99:99", "99:99"),
        ("UI", b"1.2\0", "1.2"),
        ("UI", b"1.2 ", "1.2"),
        ("LO", b"a\0b ", "a\0b"),
        ("LT", b" kept\\so ", " kept\\so"),
        ("AT", b"\x10\x00\x20\x00", "00100020"),
        ("FD", struct.pack("<d", math.nan), "nan"),
        ("FL", struct.pack("<f", -math.inf), "-inf"),
        ("UV", b"\xff" * 8, 2**64 - 1),
        ("PN", b"A^B=\xff", {"Alphabetic": "A^B", "Ideographic": "\ufffd"}),
    ],
)
def test_a_value_is_turned(vr: str, raw: bytes, value: Any) -> None:
    assert one(explicit(0x00091010, vr, raw)) == {"vr": vr, "Value": [value]}


def test_several_values_keep_their_places() -> None:
    assert one(explicit(0x00091010, "IS", b"1\\\\3 "))["Value"] == [1, None, 3]
    assert "Value" not in one(explicit(0x00091010, "CS", b"\\\\ "))
    assert one(explicit(0x00091010, "PN", b"=\\A\\== "))["Value"] == [None, {"Alphabetic": "A"}, None]
    assert one(explicit(0x00091010, "PN", b"==")) == {"vr": "PN"}


@pytest.mark.parametrize(("vr", "raw"), [("US", b"123"), ("AT", b"12"), ("FD", b"1234567")])
def test_a_length_that_fits_no_value_is_reported(vr: str, raw: bytes) -> None:
    data = explicit(0x00091010, vr, raw)

    assert one(data) == {"vr": vr}
    assert problems_of(data) == ["00091010: error"] or problems_of(data) == ["00091010: ValueError"]


def test_text_outside_its_character_set_is_reported_without_its_value() -> None:
    data = explicit(0x00100010, "PN", b"M\xfcller")

    assert one(data)["Value"] == [{"Alphabetic": "M\ufffdller"}]
    assert problems_of(data) == ["00100010: not in the character set that is declared"]


@pytest.mark.parametrize(
    ("declared", "raw", "name"),
    [
        (b"ISO_IR 100", b"M\xfcller", "Müller"),
        (b"ISO-IR 100", b"M\xfcller", "Müller"),
        (b"iso_ir_100 ", b"M\xfcller", "Müller"),
        (b"ISO_IR 192", "Müller".encode(), "Müller"),
        (b"UTF-8 ", "Müller".encode(), "Müller"),
        (b"GB18030 ", "王".encode("gb18030"), "王"),
        (b"ISO_IR 192\\ISO 2022 IR 87", "Müller".encode(), "Müller"),
        (b"\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B^X", "山田^X"),
        (b"nonsense", "Müller".encode(), "Müller"),
        (b"rot13 ", "Müller".encode(), "Müller"),
        (b"unicode_escape", b"\xfc\\ud800", "\ufffd"),
    ],
)
def test_a_character_set_is_understood(declared: bytes, raw: bytes, name: str) -> None:
    data = explicit(0x00080005, "CS", declared) + explicit(0x00100010, "PN", raw)
    members = members_of(data)

    assert members["00080005"]["Value"] == ["ISO_IR 192"]
    assert members["00100010"]["Value"][0] == {"Alphabetic": name}
    orjson.dumps(members)


def test_the_same_bytes_are_read_anew_under_another_character_set() -> None:
    raw = explicit(0x00100010, "PN", b"\x1b$B;3ED\x1b(B")
    undeclared = members_of(raw)
    declared = members_of(explicit(0x00080005, "CS", b"\\ISO 2022 IR 87") + raw)

    assert undeclared["00100010"] != declared["00100010"]


def test_a_character_set_of_an_item_ends_with_it() -> None:
    inner = explicit(0x00080005, "CS", b"ISO_IR 192") + explicit(0x00081030, "LO", "ü".encode())
    data = explicit(0x00080005, "CS", b"ISO_IR 100") + explicit(0x00081140, "SQ", implicit(ITEM, inner))
    members = members_of(data + explicit(0x00100010, "PN", b"\xfc"))

    assert members["00081140"]["Value"][0]["00081030"]["Value"] == ["ü"]
    assert members["00100010"]["Value"] == [{"Alphabetic": "ü"}]


def test_a_known_tag_sent_as_un_is_read_as_what_it_is() -> None:
    assert one(explicit(0x0020000D, "UN", b"1.2\0")) == {"vr": "UI", "Value": ["1.2"]}


# Sequences, icons, sizes ------------------------------------------------------------------------


def test_an_icon_with_encapsulated_pixels_is_no_sequence() -> None:
    fragments = implicit(ITEM, b"") + implicit(ITEM, b"\xff\xd8\xff\xe0") + implicit(SEQUENCE_END, b"")
    icon = explicit(0x00280010, "US", b"\x01\x00") + explicit(0x7FE00010, "OB", fragments, UNDEFINED)
    data = explicit(0x00880200, "SQ", implicit(ITEM, icon)) + explicit(0x20100010, "ST", b"x ")
    members = members_of(data)

    assert members["00880200"]["Value"][0]["7FE00010"] == {"vr": "OB", "BulkDataURI": "@00880200/0/7FE00010"}
    assert members["20100010"]["Value"] == ["x"]


def test_a_large_value_becomes_a_uri_with_its_path() -> None:
    data = explicit(0x00091010, "OB", bytes(INLINE_LIMIT_BYTES + 2))
    nested = explicit(0x00081140, "SQ", implicit(ITEM, b"") + implicit(ITEM, data))

    assert one(data) == {"vr": "OB", "BulkDataURI": "@00091010"}
    assert one(nested)["Value"][1]["00091010"]["BulkDataURI"] == "@00081140/1/00091010"


def test_a_large_value_must_lie_within_the_data() -> None:
    with pytest.raises(Unreadable):
        members_of(explicit(0x00091010, "OB", bytes(10), length=10_000))


def test_ten_thousand_deep_is_reported_and_what_follows_is_read() -> None:
    depth = 10_000
    down = (explicit(0x00081140, "SQ", b"", UNDEFINED) + implicit(ITEM, b"", UNDEFINED)) * depth
    up = (implicit(ITEM_END, b"") + implicit(SEQUENCE_END, b"")) * depth
    members, writer = turned(Whole(down + up + explicit(0x0020000D, "UI", b"1.2")), EXPLICIT_LITTLE)

    assert members["0020000D"]["Value"] == ["1.2"]
    assert writer.problems == [f"00081140: nested deeper than {DEPTH_LIMIT}"]
    orjson.dumps(members)


@pytest.mark.parametrize("is_bounded", [True, False])
def test_a_hundred_thousand_frames_items_stay_small(is_bounded: bool) -> None:
    content = explicit(0x00209153, "FD", bytes(8)) + explicit(0x00080060, "CS", b"MR")
    items = implicit(ITEM, content) * 100_000
    sequence = (
        explicit(0x52009230, "SQ", items)
        if is_bounded
        else explicit(0x52009230, "SQ", items + implicit(SEQUENCE_END, b""), UNDEFINED)
    )
    tracemalloc.start()
    members, writer = turned(
        Whole(explicit(0x0020000D, "UI", b"1.2") + sequence), EXPLICIT_LITTLE, READY_LIMIT_BYTES
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert not writer.is_whole
    assert members.keys() == {"0020000D"}
    assert peak < 32 * 1024 * 1024


@pytest.mark.parametrize(
    "small",
    [
        pytest.param(implicit(ITEM, b""), id="empty items"),
        pytest.param(implicit(ITEM, explicit(0x00080060, "CS", b"")), id="empty values"),
    ],
)
def test_emptiness_without_end_is_bounded_too(small: bytes) -> None:
    data = explicit(0x00081140, "SQ", small * 100_000 + implicit(SEQUENCE_END, b""), UNDEFINED)
    tracemalloc.start()
    _, writer = turned(Whole(data), EXPLICIT_LITTLE, READY_LIMIT_BYTES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert not writer.is_whole
    assert peak < 32 * 1024 * 1024


def test_what_is_wanted_is_read_whatever_came_before_it() -> None:
    crowd = explicit(0x00081115, "SQ", implicit(ITEM, explicit(0x00080060, "CS", b"CT")) * 50_000)
    walk = Walk(Whole(crowd + explicit(0x0020000D, "UI", b"1.2")), EXPLICIT)
    writer = JsonWriter(walk, EXPLICIT)
    first = walk.next()
    assert first is not None
    assert writer.member(first) is None
    second = walk.next()
    assert second is not None

    assert writer.wanted(second) == {"vr": "UI", "Value": ["1.2"]}
    assert not writer.is_whole


def test_signed_values_follow_pixel_representation_in_implicit_data() -> None:
    data = implicit(0x00280103, b"\x01\x00") + implicit(0x00280106, b"\xff\xff")

    assert members_of(data, IMPLICIT_LITTLE)["00280106"] == {"vr": "SS", "Value": [-1]}
