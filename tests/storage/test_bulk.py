"""Large values by their paths: in one pass, or by where they lie."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from storage.bulk import BulkPath, bulk_paths, located, parse_bulk_path, values
from storage.errors import BadQuery, NotHeld
from storage.source import Whole
from storage.syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE

_DOCUMENT, _ITEMS = 0x00420011, 0x00081140  # Encapsulated Document, Referenced Image Sequence


def nested() -> st.SearchStrategy[Dataset]:
    """Data sets with values in them and in the items of their sequences, however deep."""

    def around(inner: st.SearchStrategy[Dataset]) -> st.SearchStrategy[Dataset]:
        return st.builds(_with, st.lists(inner, max_size=3), st.booleans(), _BYTES)

    return st.recursive(st.builds(_with, st.just([]), st.booleans(), _BYTES), around, max_leaves=6)


_BYTES = st.none() | st.binary(max_size=9).map(lambda value: value * 2)


def _with(items: list[Dataset], is_undefined: bool, document: bytes | None) -> Dataset:
    made = Dataset()
    made.PatientID = "1"
    if items:
        made.ReferencedImageSequence = Sequence(items)
        made["ReferencedImageSequence"].is_undefined_length = is_undefined
        for item in items:
            item.is_undefined_length_sequence_item = is_undefined
    if document is not None:
        made.EncapsulatedDocument = document
    return made


def _expected(found: Dataset, prefix: tuple[int, ...] = ()) -> dict[BulkPath, bytes]:
    by_path = {}
    for number, item in enumerate(found.get("ReferencedImageSequence", [])):
        by_path.update(_expected(item, (*prefix, _ITEMS, number)))
    if "EncapsulatedDocument" in found:
        by_path[BulkPath((*prefix, _DOCUMENT))] = found.EncapsulatedDocument
    return by_path


@given(nested(), st.sampled_from([EXPLICIT_LITTLE, IMPLICIT_LITTLE]), st.data())
def test_every_value_is_found_by_its_path(found: Dataset, syntax: str, data: st.DataObject) -> None:
    expected = _expected(found)
    buffer = BytesIO()
    found.save_as(buffer, implicit_vr=syntax == IMPLICIT_LITTLE, little_endian=True)
    raw = buffer.getvalue()
    wanted = data.draw(st.lists(st.sampled_from(sorted(expected, key=str)), unique=True)) if expected else []
    pieces = [raw[start : start + 7] for start in range(0, len(raw), 7)]

    came = {each.path: (each.length, b"".join(each.chunks)) for each in values(pieces, syntax, wanted)}

    assert came == {path: (len(expected[path]), expected[path]) for path in wanted}
    for path in wanted:
        start, stop = located(Whole(raw), syntax, path)
        assert raw[start:stop] == expected[path]
    with pytest.raises(NotHeld):
        located(Whole(raw), syntax, BulkPath((0x00420012,)))


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 999_999)), min_size=1, max_size=20))
def test_paths_are_read_as_they_are_written(steps: list[tuple[int, int]]) -> None:
    path = BulkPath(tuple(number for step in steps for number in step)[:-1])
    assert parse_bulk_path(str(path)) == path
    json = f'{{"1":{{"BulkDataURI":"@{path}"}},"2":{{"BulkDataURI":"http://a/bulkdata/{path}"}}}}'
    assert bulk_paths(json.encode()) == [path, path]


@pytest.mark.parametrize("text", ["", "0042", "00420011/", "00420011/0", "../etc", "00420011/-1/00420011"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_bulk_path(text)
