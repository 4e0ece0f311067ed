from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from storage.elements import DEFLATED
from storage.facts import MissingUid
from storage.header import Header, read_header
from storage.source import Ranged, Whole
from tests.storage.strategies import SYNTAXES, datasets, write

NATIVE = [syntax for syntax in SYNTAXES if syntax != DEFLATED]


def read(data: bytes, syntax: str, *, recalls: bool) -> Header | str:
    """With and without: only what is wholly in memory is recognised."""
    source = Whole(data) if recalls else Ranged(lambda start, stop: data[start:stop])
    try:
        return read_header(source, syntax, 0)
    except MissingUid as error:
        return str(error)


@given(datasets(), datasets(), st.sampled_from(NATIVE))
def test_what_is_recognised_says_what_reading_it_says(first: Dataset, second: Dataset, syntax: str) -> None:
    for dataset in (first, second, first):
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(dataset, keyword, "1.2.3")
        data = write(dataset, syntax).plain()

        assert read(data, syntax, recalls=True) == read(data, syntax, recalls=False)
