"""One large value of a data set, by the path that its metadata gave it (PS3.18 §10.4.1.1.5)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from storage.elements import (
    EXPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Walk,
    encoding_of,
)
from storage.errors import BadQuery, NotHeld
from storage.passing import Passing
from storage.recode import to_explicit_little
from storage.syntaxes import NATIVE

_PATH = re.compile(r"[0-9A-F]{8}(/\d{1,6}/[0-9A-F]{8}){0,24}")


@dataclass(frozen=True, slots=True)
class BulkPath:
    """An attribute, through the items of the sequences around it: "00420011", "52009230/0/00189098"."""

    tags: tuple[int, ...]
    items: tuple[int, ...]  # of each sequence but the last tag, from zero


def parse_bulk_path(text: str) -> BulkPath:
    """What a Bulk Data URI says behind "/bulkdata/". Raises BadQuery."""
    if not _PATH.fullmatch(text):
        raise BadQuery("not a path to bulk data: a tag of eight digits, or tags with item numbers between")
    parts = text.split("/")
    return BulkPath(tuple(int(tag, 16) for tag in parts[::2]), tuple(int(item) for item in parts[1::2]))


def value_chunks(data_set: Iterable[bytes], syntax: str, path: BulkPath) -> Iterator[bytes]:
    """The value's bytes, little endian, as they pass. Raises NotHeld where there is no such value."""
    if syntax in NATIVE:
        data_set, syntax = to_explicit_little(data_set, syntax), EXPLICIT_LITTLE
    passing = Passing(data_set)
    walk = Walk(passing, encoding_of(syntax))
    element = _find(walk, passing, path)
    _drop(passing, element.offset)
    yield from passing.take(element.offset + element.length)


def _find(walk: Walk, passing: Passing, path: BulkPath) -> Element:
    for depth, tag in enumerate(path.tags):
        element = _sibling(walk, passing, tag)
        if depth == len(path.items):
            if element.vr == "SQ" or element.length == UNDEFINED:
                raise NotHeld(f"a value at {tag:08X}")
            return element
        for _ in range(path.items[depth]):
            item = walk.next()
            if item is None or item.tag != ITEM:
                raise NotHeld(f"that item of {tag:08X}")
            walk.skip(item)
            _drop(passing, walk.position)
        item = walk.next()
        if item is None or item.tag != ITEM:
            raise NotHeld(f"that item of {tag:08X}")
    raise NotHeld("bulk data")


def _sibling(walk: Walk, passing: Passing, tag: int) -> Element:
    """The element of that tag at this level, at or after the position."""
    while (element := walk.next()) is not None and element.tag not in (ITEM, ITEM_END, SEQUENCE_END):
        if element.tag == tag:
            return element
        walk.skip(element)
        _drop(passing, walk.position)
    raise NotHeld(f"a value at {tag:08X}")


def _drop(passing: Passing, stop: int) -> None:
    for _ in passing.take(stop):
        pass
