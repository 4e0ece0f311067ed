"""One large value, opened: its size is known, and any part of it is read without the parts before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from storage.bulk import BulkPath, fragments, located, values
from storage.corrections import Correction, correct_bytes
from storage.elements import DEFLATED, EXPLICIT_BIG
from storage.errors import NotHeld
from storage.metadata import Whereabouts
from storage.objects import ObjectStore
from storage.stored import Stored


@dataclass(frozen=True, slots=True)
class OpenValue:
    """`read(start, stop)` gives part of it, once."""

    size: int
    read: Callable[[int, int], Iterator[bytes]]


def open_value(
    objects: ObjectStore, stored: Stored, corrections: Sequence[Correction], path: BulkPath
) -> OpenValue:
    """The value at a path, little endian. Blocking. Raises NotHeld where there is none."""
    syntax = stored.transfer_syntax
    is_corrected = any(f"{path.tag:08X}" in each.attributes for each in corrections)
    if syntax not in (EXPLICIT_BIG, DEFLATED) and not is_corrected:
        return _in_place(objects, stored, [located(_where(objects, stored).source(), syntax, path)])
    received = objects.read(stored.key, stored.data_offset)
    value = next(values(correct_bytes(received, syntax, corrections), syntax, [path]), None)
    if value is None:
        raise NotHeld(f"bulk data at {path}")
    return OpenValue(value.length, partial(_cut, value.chunks))


def open_stream(objects: ObjectStore, stored: Stored) -> OpenValue:
    """The fragments of encapsulated pixel data as the one stream that a video is. Blocking."""
    return _in_place(objects, stored, fragments(_where(objects, stored).source(), stored.transfer_syntax))


def _where(objects: ObjectStore, stored: Stored) -> Whereabouts:
    return Whereabouts(objects, stored.key, stored.data_offset, stored.transfer_syntax)


def _in_place(objects: ObjectStore, stored: Stored, spans: Sequence[tuple[int, int]]) -> OpenValue:
    """`spans` count from the start of the data set."""

    def read(start: int, stop: int) -> Iterator[bytes]:
        before = stored.data_offset
        passed = 0
        for first, last in spans:
            begin, end = max(start - passed, 0), min(stop - passed, last - first)
            if begin < end:
                yield from objects.read(stored.key, before + first + begin, before + first + end)
            passed += last - first

    return OpenValue(sum(last - first for first, last in spans), read)


def _cut(chunks: Iterator[bytes], start: int, stop: int) -> Iterator[bytes]:
    passed = 0
    for chunk in chunks:
        if part := chunk[max(start - passed, 0) : max(stop - passed, 0)]:
            yield part
        passed += len(chunk)
        if passed >= stop:
            return
