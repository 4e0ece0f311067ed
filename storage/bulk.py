"""Large values of a data set, by the paths that its metadata gave them (PS3.18 §10.4.1.1.5)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from storage.elements import EXPLICIT_LITTLE, UNDEFINED, Element, Walk, encoding_of
from storage.errors import BadQuery, NotHeld, Unreadable
from storage.frames import NOTED_LIMIT, PIXEL_DATA
from storage.passing import Passing
from storage.recode import to_explicit_little
from storage.source import Source
from storage.syntaxes import NATIVE

_PATH = re.compile(r"[0-9A-F]{8}(/\d{1,6}/[0-9A-F]{8}){0,24}")
#: Within metadata, whether or not they say on which server. No string in JSON has a bare quotation mark.
_NAMED = re.compile(rb'"BulkDataURI":"(?:@|[^"]*/bulkdata/)([0-9A-F/]+)"')

#: Tags, and between them the numbers of items, from zero.
Steps = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BulkPath:
    """An attribute, through the items of the sequences around it: "00420011", "52009230/0/00189098"."""

    steps: Steps

    @property
    def tag(self) -> int:
        """Of the outermost attribute."""
        return self.steps[0]

    def __str__(self) -> str:
        return "/".join(
            f"{step:08X}" if number % 2 == 0 else str(step) for number, step in enumerate(self.steps)
        )


@dataclass(frozen=True, slots=True)
class Value:
    """One of several, as they pass. `chunks` end when the next value is asked for."""

    path: BulkPath
    length: int
    chunks: Iterator[bytes]


def parse_bulk_path(text: str) -> BulkPath:
    """What a Bulk Data URI says behind "/bulkdata/". Raises BadQuery."""
    if not _PATH.fullmatch(text):
        raise BadQuery("not a path to bulk data: a tag of eight digits, or tags with item numbers between")
    return BulkPath(tuple(int(step, 10 if number % 2 else 16) for number, step in enumerate(text.split("/"))))


def bulk_paths(json: bytes) -> list[BulkPath]:
    """Those that metadata name, in the order of the data set."""
    return [parse_bulk_path(found.decode()) for found in _NAMED.findall(json)]


def values(data_set: Iterable[bytes], syntax: str, wanted: Sequence[BulkPath]) -> Iterator[Value]:
    """Those of the paths wanted that are there, little endian, in the order of the data set, in one pass."""
    if syntax in NATIVE:
        data_set, syntax = to_explicit_little(data_set, syntax), EXPLICIT_LITTLE
    passing = Passing(data_set)
    walk = Walk(passing, encoding_of(syntax))
    for path, element in _found(walk, {path.steps for path in wanted}, passing):
        _drop(passing, element.offset)
        stop = element.offset + element.length
        yield Value(BulkPath(path), element.length, passing.take(stop))
        _drop(passing, stop)
        walk.position = stop


def located(source: Source, syntax: str, path: BulkPath) -> tuple[int, int]:
    """Where a value lies in its data set: start and stop. Raises NotHeld where there is no such value."""
    for _, element in _found(Walk(source, encoding_of(syntax)), {path.steps}):
        return element.offset, element.offset + element.length
    raise NotHeld(f"bulk data at {path}")


def _found(walk: Walk, wanted: set[Steps], passing: Passing | None = None) -> Iterator[tuple[Steps, Element]]:
    """Each value wanted, with the walk at its beginning."""
    around = {steps[:depth] for steps in wanted for depth in range(1, len(steps))}
    last = max((steps[0] for steps in wanted), default=0)

    def within(elements: Iterable[Element], prefix: Steps) -> Iterator[tuple[Steps, Element]]:
        for element in elements:
            here = (*prefix, element.tag)
            if not prefix and element.tag > last:
                return
            if here in wanted and element.length != UNDEFINED and element.vr != "SQ":
                yield here, element
                walk.position = element.offset + element.length
            elif here in around and (element.vr == "SQ" or element.length == UNDEFINED):
                for number, item in enumerate(walk.items(element)):
                    if (*here, number) in around:
                        yield from within(walk.inside(item), (*here, number))
                    else:
                        for inner in walk.inside(item):  # which may not say how long it is
                            walk.skip(inner)
                            _drop(passing, walk.position)
                    _drop(passing, walk.position)
            else:
                walk.skip(element)
            _drop(passing, walk.position)

    return within(_top(walk), ())


def _top(walk: Walk) -> Iterator[Element]:
    while (element := walk.next()) is not None:
        yield element


def _drop(passing: Passing | None, stop: int) -> None:
    if passing is not None:
        for _ in passing.take(stop):
            pass


def fragments(source: Source, syntax: str) -> list[tuple[int, int]]:
    """Start and stop of each fragment of encapsulated pixel data (PS3.5 §A.4): a video is all of them.

    Raises NotHeld where there are none, Unreadable where there are too many to be one.
    """
    walk = Walk(source, encoding_of(syntax))
    for element in _top(walk):
        if element.tag == PIXEL_DATA and element.length == UNDEFINED:
            found = [
                (each.offset, each.offset + each.length)
                for each in islice(walk.fragments_or_items(element), NOTED_LIMIT)
            ]
            if len(found) == NOTED_LIMIT:
                raise Unreadable("pixel data in more fragments than a video has", element.offset)
            return found[1:]  # the first item is the offset table
        walk.skip(element)
    raise NotHeld("encapsulated pixel data")
