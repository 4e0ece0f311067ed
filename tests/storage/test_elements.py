import io
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset

from storage.elements import EXPLICIT_LITTLE, ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Walk, encoding_of
from storage.errors import Unreadable
from storage.source import RATIO_FREE_BYTES, Inflated, Ranged, TooDense, Whole
from tests.storage.strategies import Written, damaged, deflate, explicit, implicit, written

EXPLICIT = encoding_of(EXPLICIT_LITTLE)


def found(walk: Walk) -> list[tuple[int, int, int]]:
    elements = []
    while (element := walk.next()) is not None:
        elements.append((element.tag, element.offset, element.length))
        walk.skip(element)
    return elements


def as_pydicom_finds(one: Written) -> list[tuple[int, int, int]]:
    encoding = one.encoding
    read = read_dataset(io.BytesIO(one.plain()), not encoding.explicit, encoding.little, defer_size=None)
    elements = []
    for tag in read._dict:
        raw = read.get_item(tag)
        if isinstance(raw, RawDataElement):
            elements.append((int(tag), raw.value_tell or 0, raw.length))
        else:
            elements.append((int(tag), 0, -1))  # a sequence, read already
    return elements


@given(written())
def test_the_walk_finds_what_pydicom_finds(one: Written) -> None:
    ours = found(Walk(one.source(), one.encoding))
    theirs = as_pydicom_finds(one)

    assert [tag for tag, _, _ in ours] == [tag for tag, _, _ in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert other[2] == -1 or mine == other


@given(written())
def test_a_window_finds_what_the_whole_does(one: Written) -> None:
    data = one.plain()

    assert found(Walk(Sparing(data), one.encoding)) == found(Walk(Whole(data), one.encoding))


class Sparing:
    """Gives exactly what is asked for, never more."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def view(self, offset: int, length: int) -> tuple[bytes, int]:
        return self._data[offset : offset + length], 0


@given(damaged())
@settings(max_examples=300)
def test_any_bytes_end_in_elements_or_unreadable(one: Written) -> None:
    try:
        elements = found(Walk(one.source(), one.encoding))
    except Unreadable:
        return
    assert len(elements) <= len(one.data) // 8 + 1


@pytest.mark.parametrize("vr", ["DA", "DS", "DT", "FL", "FD", "LO", "LT", "PN", "TM"])
def test_an_item_whose_length_spells_a_vr_is_an_item(vr: str) -> None:
    length = int.from_bytes(vr.encode(), "little")
    fragment = implicit(ITEM, bytes(length))
    data = explicit(0x7FE00010, "OB", implicit(ITEM, b"") + fragment + implicit(SEQUENCE_END, b""), UNDEFINED)
    walk = Walk(Whole(data), EXPLICIT)
    element = walk.next()
    assert element is not None

    assert [item.length for item in walk.fragments_or_items(element)] == [0, length]


def test_nesting_ten_thousand_deep_is_skipped_without_recursion() -> None:
    depth = 10_000
    down = (explicit(0x00081140, "SQ", b"", UNDEFINED) + implicit(ITEM, b"", UNDEFINED)) * depth
    up = (implicit(ITEM_END, b"") + implicit(SEQUENCE_END, b"")) * depth
    data = down + up + explicit(0x0020000D, "UI", b"1.2")

    assert [tag for tag, _, _ in found(Walk(Whole(data), EXPLICIT))] == [0x00081140, 0x0020000D]


def test_a_private_sequence_sent_as_un_is_implicit_inside() -> None:
    inside = implicit(ITEM, implicit(0x00080060, b"CT") + implicit(ITEM_END, b""), UNDEFINED)
    data = explicit(0x00091001, "UN", inside + implicit(SEQUENCE_END, b""), UNDEFINED)
    after = explicit(0x00100020, "LO", b"12")

    assert [tag for tag, _, _ in found(Walk(Whole(data + after), EXPLICIT))] == [0x00091001, 0x00100020]


def test_zeros_at_the_end_are_padding() -> None:
    for count in range(40):
        elements = found(Walk(Whole(explicit(0x00100020, "LO", b"12") + bytes(count)), EXPLICIT))
        assert {tag for tag, _, _ in elements} <= {0x00100020, 0}


def test_bytes_after_the_last_element_are_unreadable() -> None:
    with pytest.raises(Unreadable):
        found(Walk(Whole(explicit(0x00100020, "LO", b"12") + b"\x01\x02\x03"), EXPLICIT))


def test_a_value_beyond_the_end_is_cut_short() -> None:
    walk = Walk(Whole(explicit(0x00100020, "LO", b"12", length=400)), EXPLICIT)
    element = walk.next()
    assert element is not None

    with pytest.raises(Unreadable, match="00100020"):
        walk.value(element)


def test_gigabytes_are_skipped_and_never_held() -> None:
    big = 3 * 1024**3
    head = explicit(0x00091001, "OB", b"", big)
    tail = explicit(0x00100020, "LO", b"12")

    def fetch(start: int, stop: int) -> bytes:
        stop = min(stop, len(head) + big + len(tail))
        first = head[start:stop]
        middle = bytes(max(0, min(stop, len(head) + big) - max(start, len(head))))
        last = tail[max(0, start - len(head) - big) : max(0, stop - len(head) - big)]
        return first + middle + last

    tracemalloc.start()
    elements = found(Walk(Ranged(fetch), EXPLICIT))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [tag for tag, _, _ in elements] == [0x00091001, 0x00100020]
    assert peak < 4 * 1024 * 1024


def test_a_deflate_bomb_is_too_dense() -> None:
    data = explicit(0x00091001, "OB", bytes(2 * RATIO_FREE_BYTES)) + explicit(0x00100020, "LO", b"12")
    with pytest.raises(TooDense):
        found(Walk(Inflated(iter((deflate(data),))), EXPLICIT))


def test_an_empty_phantom_may_be_dense() -> None:
    data = explicit(0x00091001, "OB", bytes(RATIO_FREE_BYTES // 4)) + explicit(0x00100020, "LO", b"12")
    assert len(found(Walk(Inflated(iter((deflate(data),))), EXPLICIT))) == 2


@pytest.mark.parametrize("junk", [b"", b"\x00", b"\xff" * 50, b"not deflated at all"])
def test_what_is_not_deflated_is_unreadable_or_empty(junk: bytes) -> None:
    try:
        assert found(Walk(Inflated(iter((junk,))), EXPLICIT)) == []
    except Unreadable:
        return


def test_a_walk_over_inflated_data_never_goes_back() -> None:
    source = Inflated(iter((deflate(bytes(2 * 1024 * 1024)),)))
    source.view(1024 * 1024, 8)
    with pytest.raises(Unreadable, match="backwards"):
        source.view(0, 8)


def test_an_unknown_vr_has_a_long_length() -> None:
    """PS3.5 §7.1.2; pydicom reads 16 bits."""
    data = struct.pack("<HH2sHI", 0x0009, 0x1001, b"ZZ", 0, 4) + b"abcd" + explicit(0x00100020, "LO", b"12")

    assert [tag for tag, _, _ in found(Walk(Whole(data), EXPLICIT))] == [0x00091001, 0x00100020]


def test_an_empty_dataset_has_no_elements() -> None:
    assert found(Walk(Whole(b""), EXPLICIT)) == []
