"""A stored video as the file it is (PS3.5 §8.2.5 to §8.2.8): nothing here decodes or transcodes one."""

from collections.abc import Iterable, Iterator

from storage.elements import EXPLICIT_LITTLE, SEQUENCE_END, UNDEFINED, Walk, encoding_of
from storage.errors import Unreadable
from storage.frames import PIXEL_DATA
from storage.passing import Passing


def video_chunks(data_set: Iterable[bytes], media_type: str) -> Iterator[bytes]:
    """The bit stream, in pieces. Raises Unreadable where it is not the file that the media type says."""
    chunks = _fragments(data_set)
    first = next(chunks, b"")
    if media_type == "video/mp4" and first[4:8] != b"ftyp":
        raise Unreadable(
            "the video is stored as a bare stream, not as an MP4 file, and is not transcoded here:"
            " retrieve the instance as application/dicom"
        )
    yield first
    yield from chunks


def _fragments(data_set: Iterable[bytes]) -> Iterator[bytes]:
    passing = Passing(data_set)
    walk = Walk(passing, encoding_of(EXPLICIT_LITTLE))
    while (element := walk.next()) is not None and element.tag != PIXEL_DATA:
        walk.skip(element)
        _drop(passing, walk.position)
    if element is None or element.length != UNDEFINED:
        raise Unreadable("there is no encapsulated video")
    place = 0
    while (item := walk.next()) is not None and item.tag != SEQUENCE_END:
        _drop(passing, item.offset)
        walk.position = item.offset + item.length
        if place:  # the first is the offset table
            yield from passing.take(walk.position)
        place += 1


def _drop(passing: Passing, stop: int) -> None:
    for _ in passing.take(stop):
        pass
