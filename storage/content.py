"""What a data set says, apart from how it is encoded: a digest of each of its top-level attributes.

Transfer syntax, kinds of length, group lengths, padding and character set do not count; everything else
does, values that are malformed too. Made in one forward walk that holds no large value.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from storage.charsets import ASCII, decode, encodings_of
from storage.dicom_json import CODED, DEPTH_LIMIT, NUMBERS, ONE_TEXT, TEXT_LIMIT_BYTES
from storage.elements import (
    DEFLATED,
    ENCAPSULATED_UNCOMPRESSED,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Walk,
    encoding_of,
    vr_of,
)
from storage.errors import Unreadable
from storage.frames import PIXELS
from storage.source import Inflated, Ranged, Source

_CHUNK = 1024 * 1024
_SPECIFIC_CHARACTER_SET = 0x00080005
_PHOTOMETRIC_INTERPRETATION = 0x00280004
#: Say how it is encoded, not what it says: length to end, character set, offset tables, padding.
_ENCODING_ONLY = frozenset({0x00080001, _SPECIFIC_CHARACTER_SET, 0x7FE00001, 0x7FE00002, 0xFFFCFFFC})
#: Bytes that change places between Little and Big Endian (PS3.5 §7.3).
_UNIT_BYTES = {vr: size for vr, (_, size) in NUMBERS.items()} | {
    "AT": 2, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8,
}  # fmt: skip
_BINARY = frozenset({"OB", "UN"})


class Digest(Protocol):
    """Of hashlib."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """One kept data set: its transfer syntax, and its bytes from one offset up to another."""

    transfer_syntax_uid: str
    size: int
    fetch: Callable[[int, int], bytes]

    def source(self) -> Source:
        """For a fresh walk over it."""
        if self.transfer_syntax_uid == DEFLATED:
            return Inflated(self.chunks())
        return Ranged(self.fetch)

    def chunks(self) -> Iterator[bytes]:
        """All of it, a part at a time."""
        for start in range(0, self.size, _CHUNK):
            yield self.fetch(start, min(start + _CHUNK, self.size))


@dataclass(slots=True)
class Content:
    """What a data set says."""

    prints: dict[int, bytes] = field(default_factory=dict)  # digest by top-level tag
    vrs: dict[int, str] = field(default_factory=dict)  # of private attributes, where it says them
    unnamed: set[int] = field(default_factory=set)  # whose VR nothing tells
    photometric: str = ""


def content_of(encoded: Encoded, hints: dict[int, str]) -> Content:
    """`hints` lend VRs to attributes that are written without. Raises Unreadable."""
    reading = _Reading(encoded, hints)
    reading.run()
    return reading.content


class _Reading:
    """One walk. Every value is fed with its length before it, so that no two contents feed the same."""

    def __init__(self, encoded: Encoded, hints: dict[int, str]) -> None:
        encoding = encoding_of(encoded.transfer_syntax_uid)
        self.content = Content()
        self._is_joined = encoded.transfer_syntax_uid == ENCAPSULATED_UNCOMPRESSED
        self._little = encoding.little
        self._source = encoded.source()
        self._walk = Walk(self._source, encoding)
        self._hints = hints
        self._encodings: tuple[str, ...] | None = ASCII

    def run(self) -> None:
        while (element := self._walk.next()) is not None:
            tag = element.tag
            digest = hashlib.sha256()
            self._feed_element(element, digest, 0)
            if tag & 0xFFFF and tag >> 16 != 2 and tag not in _ENCODING_ONLY:
                self.content.prints[tag] = digest.digest()

    def _feed_element(self, element: Element, digest: Digest, depth: int) -> None:
        vr = self._vr(element)
        if element.length == UNDEFINED and vr not in ("SQ", "UN"):
            self._feed_fragments(element, digest)
        elif element.length == UNDEFINED or (vr == "SQ" and element.length):
            if depth < DEPTH_LIMIT:
                self._feed_sequence(element, digest, depth)
            else:
                self._feed_as_encoded(element, digest)
        else:
            self._feed_plain(element, vr, digest)
            self._walk.position = element.offset + element.length

    def _vr(self, element: Element) -> str:
        tag, vr = element.tag, element.vr
        if vr == "UN":
            known = vr_of(tag)
            vr = known if known != "SQ" else "UN"
        elif tag >> 16 & 1 and self.content.vrs.setdefault(tag, vr) != vr:
            self.content.vrs[tag] = "UN"  # one number, two meanings: of no help to others
        if vr == "UN":
            vr = self._hints.get(tag, "UN")
            if vr == "UN":
                self.content.unnamed.add(tag)
        return vr

    def _feed_sequence(self, element: Element, digest: Digest, depth: int) -> None:
        encodings = self._encodings
        for item in self._walk.items(element):
            _feed(digest, b"item")
            self._feed_item(item, digest, depth + 1)
            self._encodings = encodings

    def _feed_item(self, item: Element, digest: Digest, depth: int) -> None:
        for inner in self._walk.inside(item):
            is_content = inner.tag & 0xFFFF and inner.tag not in _ENCODING_ONLY
            if is_content:
                _feed(digest, inner.tag.to_bytes(4, "big"))
            self._feed_element(inner, digest if is_content else hashlib.sha256(), depth)
        _feed(digest, b"end of item")

    def _feed_as_encoded(self, element: Element, digest: Digest) -> None:
        """What is nested beyond all sense: compared as it is written, token by token, without recursion."""
        walk = self._walk
        explicit = walk.explicit
        depth = 0
        walk.position = element.offset
        stop = float("inf") if element.length == UNDEFINED else element.offset + element.length
        while walk.position < stop:
            token = walk.next()
            if token is None:
                raise Unreadable(f"the sequence {element.tag:08X} never ends", walk.position)
            _feed(digest, f"{token.tag:08X} {token.vr} {token.length}".encode())
            if token.length == UNDEFINED:
                depth += 1
            elif token.tag in (ITEM_END, SEQUENCE_END):
                depth -= 1
                if depth < 0:
                    break
            else:
                _feed(digest, self._digest(token, 1, drop_padding=False))
                walk.position = token.offset + token.length
        walk.explicit = explicit

    def _feed_fragments(self, element: Element, digest: Digest) -> None:
        joined = hashlib.sha256()
        for number, item in enumerate(self._walk.fragments_or_items(element)):
            if not number:
                continue  # the offset table: encoding, not content
            after = self._walk.position
            if self._is_joined:
                self._add(joined, item, 1, drop_padding=False)
            else:
                _feed(digest, self._digest(item, 1, drop_padding=False))
            self._walk.position = after
        if self._is_joined:
            _feed(digest, joined.digest())

    def _feed_plain(self, element: Element, vr: str, digest: Digest) -> None:
        if element.tag in PIXELS or vr in _BINARY or vr in _UNIT_BYTES or element.length > TEXT_LIMIT_BYTES:
            unit = 1 if self._little else _UNIT_BYTES.get(vr, 1)
            if element.length:
                drops = vr in _BINARY or element.tag in PIXELS
                _feed(digest, self._digest(element, unit, drop_padding=drops))
            return
        text = self._text(self._walk.value(element), vr)
        if element.tag == _SPECIFIC_CHARACTER_SET:
            self._encodings = encodings_of(text.decode("ascii", "replace"))
        elif element.tag == _PHOTOMETRIC_INTERPRETATION:
            self.content.photometric = text.decode("ascii", "replace")
        if text:
            _feed(digest, text)

    def _text(self, raw: bytes, vr: str) -> bytes:
        """The text in UTF-8 without padding; where it cannot be decoded, its bytes."""
        try:
            text = decode(raw, (self._encodings or ASCII) if vr in CODED else ASCII, vr)
        except UnicodeError:
            return b"\xff" + raw  # never begins UTF-8
        if vr in ONE_TEXT:
            return text.rstrip(" \0").encode()
        return "\\".join(part.strip(" \0") for part in text.split("\\")).encode()

    def _digest(self, element: Element, unit: int, *, drop_padding: bool) -> bytes:
        digest = hashlib.sha256()
        self._add(digest, element, unit, drop_padding=drop_padding)
        return digest.digest()

    def _add(self, digest: Digest, element: Element, unit: int, *, drop_padding: bool) -> None:
        """A value, read a part at a time, each unit turned round; without the NUL that made it even."""
        for start in range(0, element.length, _CHUNK):
            length = min(_CHUNK, element.length - start)
            buffer, index = self._source.view(element.offset + start, length)
            part = bytes(buffer[index : index + length])
            if len(part) < length:
                raise Unreadable(f"the value of {element.tag:08X} is cut short", element.offset)
            if unit > 1 and length % unit == 0:
                part = np.frombuffer(part, f"<u{unit}").byteswap().tobytes()
            is_last = start + length == element.length
            if drop_padding and is_last and element.length % 2 == 0 and part.endswith(b"\0"):
                part = part[:-1]
            digest.update(part)


def _feed(digest: Digest, part: bytes) -> None:
    digest.update(len(part).to_bytes(8, "big") + part)
