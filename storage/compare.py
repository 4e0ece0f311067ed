"""Whether two data sets say the same, however they are encoded, and where they differ.

Ordinary senders re-encode: another transfer syntax, other lengths, other padding. None of that is other
content; other values are, and other pixels.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import orjson
from pydicom import dcmread
from pydicom.pixels.utils import iter_pixels

from storage.dicom_json import JsonWriter
from storage.elements import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Element,
    Walk,
    encoding_of,
)
from storage.errors import Unreadable
from storage.frames import PIXELS, is_encapsulated
from storage.source import Inflated, Ranged, Source

_CHUNK = 1024 * 1024
_NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})
#: Syntaxes that give back exactly the pixels that went in (PS3.5 §8.2).
_LOSSLESS = _NATIVE | {
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
}
#: Say how it is encoded, not what it says: length to end, character set, offset tables, padding.
_ENCODING_ONLY = frozenset({0x00080001, 0x00080005, 0x7FE00001, 0x7FE00002, 0xFFFCFFFC})
#: Follow the encoding of pixels: photometric interpretation, planar configuration.
_FOLLOW_PIXELS = frozenset({0x00280004, 0x00280006})


@dataclass(frozen=True, slots=True)
class Encoded:
    """One kept data set: its transfer syntax, and its bytes from one offset up to another."""

    transfer_syntax_uid: str
    size: int
    fetch: Callable[[int, int], bytes]

    def source(self) -> Source:
        """A fresh walk over it."""
        if self.transfer_syntax_uid == DEFLATED:
            return Inflated(self.chunks())
        return Ranged(self.fetch)

    def chunks(self) -> Iterator[bytes]:
        """All of it, a part at a time."""
        for start in range(0, self.size, _CHUNK):
            yield self.fetch(start, min(start + _CHUNK, self.size))


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute that two data sets do not share. Never its values."""

    tag: str
    how: str  # "changed", "only in the first", "only in the second"


def differences(first: Encoded, second: Encoded) -> tuple[Difference, ...]:
    """What tells two data sets apart; nothing where they say the same. Raises Unreadable."""
    pair = (first, second)
    if not encoding_of(first.transfer_syntax_uid).explicit:
        pair = (second, first)  # the one that says its VRs goes first, and lends them to the other
    hints: dict[int, str] = {}
    prints = {id(encoded): _fingerprints(encoded, hints) for encoded in pair}
    ours, theirs = prints[id(first)], prints[id(second)]
    pixels_equal = _pixels_equal(first, second, ours, theirs)
    ignored = (PIXELS | _FOLLOW_PIXELS) if pixels_equal else frozenset()
    return tuple(
        Difference(f"{tag:08X}", _how(tag, ours, theirs))
        for tag in sorted(ours.keys() | theirs.keys())
        if tag not in ignored and ours.get(tag) != theirs.get(tag)
    )


def _how(tag: int, ours: Mapping[int, bytes], theirs: Mapping[int, bytes]) -> str:
    if tag not in theirs:
        return "only in the first"
    return "changed" if tag in ours else "only in the second"


def _fingerprints(encoded: Encoded, hints: dict[int, str]) -> dict[int, bytes]:
    """A digest of what each top-level attribute says; collects the VRs of private ones in `hints`."""
    source = encoded.source()
    encoding = encoding_of(encoded.transfer_syntax_uid)
    walk = Walk(source, encoding, hints=hints)

    def content(element: Element, _path: str) -> str:
        return _digest_of_value(source, element, swap=2 if not encoding.little and element.vr == "OW" else 1)

    writer = JsonWriter(walk, encoding, limit_bytes=float("inf"), bulk=content)
    prints: dict[int, bytes] = {}
    while (element := walk.next()) is not None:
        tag = element.tag
        if encoding.explicit and element.vr != "UN" and tag >> 16 & 1:
            hints[tag] = element.vr
        if tag in PIXELS:
            prints[tag] = _pixel_digest(walk, element, encoding.little)
        else:
            member = writer.member(element)
            if member is not None and tag & 0xFFFF and tag >> 16 != 2 and tag not in _ENCODING_ONLY:
                prints[tag] = hashlib.sha256(orjson.dumps(member, option=orjson.OPT_SORT_KEYS)).digest()
    return prints


def _pixel_digest(walk: Walk, element: Element, little: bool) -> bytes:
    if not is_encapsulated(element):
        walk.skip(element)
        swap = 2 if not little and element.vr == "OW" else 1
        return _digest_of_value(walk.source, element, swap).encode()
    digest = hashlib.sha256()
    for number, item in enumerate(walk.fragments_or_items(element)):
        if number:  # the first is the offset table: encoding, not content
            after = walk.position
            digest.update(_digest_of_value(walk.source, item, 1).encode())
            walk.position = after
    return digest.digest()


def _digest_of_value(source: Source, element: Element, swap: int) -> str:
    """Of a value without its padding byte, read a part at a time."""
    digest = hashlib.sha256()
    for start in range(0, element.length, _CHUNK):
        length = min(_CHUNK, element.length - start)
        buffer, index = source.view(element.offset + start, length)
        part = buffer[index : index + length]
        if len(part) < length:
            raise Unreadable(f"the value of {element.tag:08X} is cut short", element.offset)
        digest.update(
            np.frombuffer(part, "<u2").byteswap().tobytes() if swap == 2 and length % 2 == 0 else part
        )
    return digest.hexdigest()


def _pixels_equal(
    first: Encoded, second: Encoded, ours: Mapping[int, bytes], theirs: Mapping[int, bytes]
) -> bool:
    """Whether both show the same pixels though their syntaxes differ. Lossy ones never count as equal."""
    syntaxes = {first.transfer_syntax_uid, second.transfer_syntax_uid}
    if len(syntaxes) == 1 or not syntaxes <= _LOSSLESS or not (PIXELS & ours.keys() & theirs.keys()):
        return False
    if syntaxes <= _NATIVE and all(ours.get(tag) == theirs.get(tag) for tag in PIXELS):
        return True
    try:
        return all(
            one is not None and other is not None and np.array_equal(one, other)
            for one, other in zip_longest(_decoded(first), _decoded(second))
        )
    except Exception:  # a decoder's own errors: what cannot be shown equal is not called equal
        return False


def _decoded(encoded: Encoded) -> Iterator["np.ndarray"]:
    from storage.part10 import write_meta

    meta = write_meta("1.2", "1.2", encoded.transfer_syntax_uid)
    with ExitStack() as stack:
        file = stack.enter_context(io.BufferedReader(_ObjectFile(meta, encoded)))
        dataset = dcmread(file, defer_size=_CHUNK) if encoded.transfer_syntax_uid == DEFLATED else None
        yield from iter_pixels(dataset if dataset is not None else file)


class _ObjectFile(io.RawIOBase):
    """A kept data set behind a file meta, as a file that decoders can seek in."""

    def __init__(self, meta: bytes, encoded: Encoded) -> None:
        self._meta = meta
        self._encoded = encoded
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._position,
            io.SEEK_END: len(self._meta) + self._encoded.size,
        }
        self._position = base[whence] + offset
        return self._position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        start = self._position
        if start < len(self._meta):
            part = self._meta[start : start + len(buffer)]
        else:
            at = start - len(self._meta)
            part = self._encoded.fetch(at, min(at + len(buffer), self._encoded.size))
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)
