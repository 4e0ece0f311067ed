import io
import struct
from collections.abc import Sequence

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.pixels.utils import get_expected_length

from storage.elements import EXPLICIT_LITTLE, ITEM, SEQUENCE_END, UNDEFINED, Walk, encoding_of
from storage.errors import Unreadable
from storage.facts import MissingUid
from storage.frames import (
    ENTRY,
    NATIVE_ENTRY,
    NOTED_LIMIT,
    Form,
    Frames,
    PixelShape,
    encapsulated_frames,
    native_frames,
)
from storage.header import read_header
from storage.passing import joined_fragments
from storage.source import Ranged, Whole
from tests.storage.material import Sample, instance, samples
from tests.storage.strategies import explicit, implicit, write

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
EXPLICIT = encoding_of(EXPLICIT_LITTLE)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def cut(frames: Frames, whole: bytes) -> list[bytes]:
    """What a reader gets by the ranges that were noted."""
    packed = frames.packed or b""
    if frames.form is Form.NATIVE:
        first, each = NATIVE_ENTRY.unpack(packed)
        return [whole[first + each * n : first + each * (n + 1)] for n in range(frames.count)]
    ranges = [(start, start + length) for start, length in ENTRY.iter_unpack(packed)]
    if frames.form is Form.FRAGMENTS:
        return [b"".join(joined_fragments([whole[start - 8 : stop]])) for start, stop in ranges]
    return [whole[start:stop] for start, stop in ranges]


def encapsulated(value: bytes, count: int, extended: tuple[int, ...] = ()) -> tuple[Frames, bytes]:
    """Frames of pixel data made of these items, and the bytes they lie in."""
    data = explicit(0x7FE00010, "OB", value + implicit(SEQUENCE_END, b""), UNDEFINED)
    walk = Walk(Whole(data), EXPLICIT)
    element = walk.next()
    assert element is not None
    return encapsulated_frames(walk, element, count, 0, extended), data


def items(*values: bytes, table: Sequence[int] = ()) -> bytes:
    basic = implicit(ITEM, struct.pack(f"<{len(table)}I", *table))
    return basic + b"".join(implicit(ITEM, value) for value in values)


def by_pydicom(dataset: Dataset, count: int) -> list[bytes]:
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        each = get_expected_length(dataset) // count
        return [dataset.PixelData[each * n : each * (n + 1)] for n in range(count)]
    extended = None
    if "ExtendedOffsetTable" in dataset:
        extended = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    return list(generate_frames(dataset.PixelData, number_of_frames=count, extended_offsets=extended))


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_ranges_give_the_frames_of_pydicom(sample: Sample) -> None:
    whole = sample.path.read_bytes()
    try:
        found = read_header(sample.source(), sample.syntax, sample.meta.data_offset).instance.frames
        dataset = dcmread(io.BytesIO(whole))
    except (MissingUid, Unreadable):
        pytest.skip("no instance")
    if found.form in (Form.NONE, Form.UNKNOWN):
        return
    if isinstance(dataset.get("NumberOfFrames"), str):
        del dataset.NumberOfFrames  # no number: as if it were not there
    theirs = by_pydicom(dataset, found.count) if "PixelData" in dataset else []
    ours = cut(found, whole)

    assert len(ours) == int(dataset.get("NumberOfFrames", 1) or 1)
    for mine, other in zip(ours, theirs, strict=bool(theirs)):
        # generate_frames leaves out what follows the last end-of-image marker; we give all that was sent
        assert mine[: len(other)] == other
        assert not mine[len(other) :].strip(b"\0")


def test_most_files_have_ranges() -> None:
    forms = []
    for sample in samples():
        try:
            header = read_header(sample.source(), sample.syntax, sample.meta.data_offset)
        except Unreadable:
            continue
        forms.append(header.instance.frames.form)

    assert {Form.NONE, Form.NATIVE, Form.FRAGMENT, Form.FRAGMENTS} <= set(forms)
    assert forms.count(Form.UNKNOWN) < len(forms) / 10


FRAMES = [bytes([n]) * (2 * n + 4) for n in range(5)]


@pytest.mark.parametrize("has_bot", [True, False])
def test_one_fragment_a_frame(has_bot: bool) -> None:
    value = encapsulate(FRAMES, has_bot=has_bot)
    frames, whole = encapsulated(value, len(FRAMES))

    assert frames.form is Form.FRAGMENT
    assert cut(frames, whole) == FRAMES


def test_several_fragments_a_frame_by_the_basic_offset_table() -> None:
    frames, whole = encapsulated(encapsulate(FRAMES, fragments_per_frame=2), len(FRAMES))

    assert frames.form is Form.FRAGMENTS
    assert cut(frames, whole) == list(generate_frames(whole[12:], number_of_frames=len(FRAMES)))


def test_several_fragments_a_frame_by_the_extended_offset_table() -> None:
    fragmented = items(*(part for frame in FRAMES for part in (frame[:2], frame[2:])))
    starts = []
    place = 0
    for frame in FRAMES:
        starts.append(place)
        place += 16 + len(frame)
    frames, whole = encapsulated(fragmented, len(FRAMES), tuple(starts))

    assert frames.form is Form.FRAGMENTS
    assert cut(frames, whole) == FRAMES


def test_the_extended_offset_table_is_read_from_the_header() -> None:
    value, table, lengths = encapsulate_extended(FRAMES)
    made = instance(NumberOfFrames=len(FRAMES), PixelData=value)
    made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = table, lengths
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    data = write(made, EXPLICIT_LITTLE).data
    found = read_header(Whole(data), JPEG_BASELINE, 0).instance.frames

    assert cut(found, data) == FRAMES


def test_one_frame_of_several_fragments() -> None:
    frames, whole = encapsulated(items(b"ab", b"cd", b"ef"), 1)

    assert frames == Frames(1, Form.FRAGMENTS, frames.packed)
    assert cut(frames, whole) == [b"abcdef"]


@pytest.mark.parametrize(
    ("value", "count"),
    [
        pytest.param(items(b"ab", b"cd", b"ef"), 2, id="fewer frames than fragments, no table"),
        pytest.param(items(b"ab"), 3, id="more frames than fragments"),
        pytest.param(items(b"ab", b"cd", b"ef", table=[0, 9]), 2, id="a table that meets no fragment"),
        pytest.param(items(b"ab", b"cd", b"ef", table=[10, 0]), 2, id="a table that goes back"),
        pytest.param(items(b"ab", b"cd", b"ef", table=[10, 20]), 2, id="a table that leaves out the first"),
        pytest.param(items(), 1, id="no fragment"),
    ],
)
def test_frames_that_cannot_be_told_apart_are_unknown(value: bytes, count: int) -> None:
    assert encapsulated(value, count)[0] == Frames(count, Form.UNKNOWN)


def test_pixel_data_that_never_end_are_unreadable() -> None:
    walk = Walk(Whole(explicit(0x7FE00010, "OB", items(b"ab"), UNDEFINED)), EXPLICIT)
    element = walk.next()
    assert element is not None
    with pytest.raises(Unreadable):
        encapsulated_frames(walk, element, 1, 0)


def test_a_hundred_and_eighty_thousand_fragments() -> None:
    count = 180_000
    frames, _ = encapsulated(items(*[b"ab"] * count), count)
    by_table, _ = encapsulated(items(*[b"ab"] * count, table=range(0, count * 10, 20)), count // 2)

    assert frames.form is Form.FRAGMENT
    assert len(frames.packed or b"") == count * ENTRY.size
    assert by_table.form is Form.FRAGMENTS


def test_fragments_without_number_are_not_all_noted() -> None:
    frames, _ = encapsulated(implicit(ITEM, b"") * (NOTED_LIMIT + 2), NOTED_LIMIT + 1)

    assert frames == Frames(NOTED_LIMIT + 1, Form.UNKNOWN)


def test_an_offset_table_of_gigabytes_is_not_read() -> None:
    length = 3 * 1024**3
    head = explicit(0x7FE00010, "OB", implicit(ITEM, b"", length), UNDEFINED)
    tail = implicit(ITEM, b"ab") + implicit(SEQUENCE_END, b"")
    asked = []

    def fetch(start: int, stop: int) -> bytes:
        asked.append(stop - start)
        if start >= len(head) + length:
            return tail[start - len(head) - length : stop - len(head) - length]
        return head[start:stop] + bytes(max(0, stop - max(start, len(head))))

    walk = Walk(Ranged(fetch), EXPLICIT)
    element = walk.next()
    assert element is not None

    assert encapsulated_frames(walk, element, 1, 0).form is Form.FRAGMENT
    assert max(asked) < 1024 * 1024


def test_a_frame_beyond_four_gigabytes_is_unknown() -> None:
    length = 3 * 1024**3
    parts = [
        explicit(0x7FE00010, "OB", implicit(ITEM, b""), UNDEFINED) + implicit(ITEM, b"", length),
        implicit(ITEM, b"", length),
        implicit(SEQUENCE_END, b""),
    ]
    places = [0, len(parts[0]) + length, len(parts[0]) + len(parts[1]) + 2 * length]

    def fetch(start: int, stop: int) -> bytes:
        for place, part in zip(places, parts, strict=True):
            if place <= start < place + len(part):
                return part[start - place : stop - place].ljust(stop - start, b"\0")[:1024]
        return b""

    walk = Walk(Ranged(fetch), EXPLICIT)
    element = walk.next()
    assert element is not None

    assert encapsulated_frames(walk, element, 1, 0) == Frames(1, Form.UNKNOWN)


def shape(**values: int | bool) -> PixelShape:
    return PixelShape(**{  # type: ignore[arg-type]
        "rows": 4, "columns": 4, "samples": 1, "bits_allocated": 8, "frames": 1, "is_422": False, **values,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("told", "length", "each"),
    [
        pytest.param(shape(), 16, 16, id="8 bits"),
        pytest.param(shape(bits_allocated=16, frames=3), 96, 32, id="16 bits, three frames"),
        pytest.param(shape(samples=3, is_422=True, frames=2), 64, 32, id="YBR_FULL_422: two samples a pixel"),
        pytest.param(shape(bits_allocated=1, frames=2), 4, 2, id="one bit a pixel"),
        pytest.param(shape(rows=3, columns=3, bits_allocated=1), 2, 2, id="one bit, one frame of odd size"),
        pytest.param(shape(rows=3, columns=3, bits_allocated=1, frames=2), 4, 0, id="frames within a byte"),
        pytest.param(shape(rows=3, columns=3, frames=3), 28, 9, id="odd frames, padded at the end"),
        pytest.param(shape(frames=9), 16, 0, id="more frames than bytes"),
        pytest.param(shape(rows=0), 16, 16, id="no shape, one frame"),
        pytest.param(shape(rows=0, frames=2), 16, 0, id="no shape, two frames"),
    ],
)
def test_native_frames(told: PixelShape, length: int, each: int) -> None:
    walk = Walk(Whole(explicit(0x7FE00010, "OW", bytes(length))), EXPLICIT)
    element = walk.next()
    assert element is not None
    expected = Frames(told.frames, Form.NATIVE, NATIVE_ENTRY.pack(100 + 12, each))

    assert native_frames(element, told, 100) == (expected if each else Frames(told.frames, Form.UNKNOWN))
