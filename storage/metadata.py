"""Metadata of an instance whose header is too large to keep ready: made from its object, as it is read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from storage.answers import Members, read_members
from storage.corrections import Correction, Member, correct_json
from storage.dicom_json import JsonWriter
from storage.elements import DEFLATED, ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Element, Walk, encoding_of
from storage.errors import Unreadable
from storage.facts import IDENTITY
from storage.frames import PIXELS
from storage.objects import ObjectStore
from storage.source import Inflated, Ranged, Source

#: A sequence at the top that is longer than this, or of unknown length, is written item by item.
_LONG_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A data set within its object."""

    objects: ObjectStore
    key: str
    data_offset: int
    transfer_syntax: str

    def source(self) -> Source:
        """Its bytes, from the beginning."""
        if self.transfer_syntax == DEFLATED:
            return Inflated(self.objects.read(self.key, self.data_offset))
        return Ranged(self._fetch)

    def _fetch(self, start: int, stop: int) -> bytes:
        return b"".join(self.objects.read(self.key, self.data_offset + start, self.data_offset + stop))


#: An attribute of a data set; a long sequence comes as an iterator over its items.
Attribute = tuple[str, "Member | Iterator[Members]"]


def metadata_attributes(
    where: Whereabouts, identity: bytes, corrections: Sequence[Correction]
) -> Iterator[Attribute]:
    """The metadata, attribute by attribute. `identity` are the identity's members.

    Two walks: the first finds the long sequences, the second reads each where its tag stands.
    """
    short, long = _survey(where)
    members = {tag: member for tag, member in short.items() if tag not in IDENTITY}
    members.update(read_members(identity))
    for tag in long:
        members[tag] = {"vr": "SQ"}
    corrected = correct_json(members, corrections) if corrections else dict(sorted(members.items()))
    for tag, member in corrected.items():
        is_long = tag in long and member is members[tag]
        yield tag, _sequence(where, long[tag]) if is_long else member


def members_of(where: Whereabouts, limit_bytes: int) -> Members:
    """All of a data set as it was sent, but for what is large and binary. Raises Unreadable beyond that."""
    encoding = encoding_of(where.transfer_syntax)
    walk = Walk(where.source(), encoding)
    writer = JsonWriter(walk, encoding, limit_bytes)
    members: Members = {}
    while (element := walk.next()) is not None:
        if element.tag in PIXELS:
            walk.skip(element)
        elif (member := writer.member(element)) is not None:
            members[f"{element.tag:08X}"] = member
    if not writer.is_whole:
        raise Unreadable(f"more than {limit_bytes:,} bytes beside what is large and binary")
    return members


def json_chunks(attributes: Iterable[Attribute], bulk_prefix: str) -> Iterator[bytes]:
    """Them as one DICOM JSON object, in pieces; `storage.dicom_xml.xml_chunks` writes them as XML."""
    marker, prefix = b'"BulkDataURI":"@', b'"BulkDataURI":"' + bulk_prefix.encode()
    opening = b"{"
    for tag, member in attributes:
        yield opening + f'"{tag}":'.encode()
        opening = b","
        if isinstance(member, Mapping):
            yield orjson.dumps(member).replace(marker, prefix)
        else:
            before = b'{"vr":"SQ","Value":['
            for item in member:
                yield before + orjson.dumps(item).replace(marker, prefix)
                before = b","
            yield b"]}" if before == b"," else b'{"vr":"SQ"}'
    yield b"}"


def _survey(where: Whereabouts) -> tuple[Members, dict[str, int]]:
    """Short members, and where the header of each long sequence begins."""
    encoding = encoding_of(where.transfer_syntax)
    walk = Walk(where.source(), encoding)
    writer = JsonWriter(walk, encoding, float("inf"))
    short: Members = {}
    long: dict[str, int] = {}
    try:
        while True:
            start = walk.position
            element = walk.next()
            if element is None:
                break
            tag = f"{element.tag:08X}"
            if element.tag in PIXELS:
                short[tag] = {"vr": element.vr, "BulkDataURI": f"@{tag}"}
                walk.skip(element)
            elif element.vr == "SQ" and element.length > _LONG_BYTES:
                long[tag] = start
                walk.skip(element)
            elif (member := writer.member(element)) is not None and element.tag & 0xFFFF:
                short[tag] = member
    except Unreadable:
        if not short:
            raise  # else it breaks off, as it did when it was kept: what is there is told
    return short, long


def _sequence(where: Whereabouts, start: int) -> Iterator[Members]:
    """A long sequence, item by item."""
    encoding = encoding_of(where.transfer_syntax)
    walk = Walk(where.source(), encoding)
    if where.transfer_syntax == DEFLATED:
        _forward(walk, start)
    walk.position = start
    writer = JsonWriter(walk, encoding, float("inf"))
    element = walk.next()
    assert element is not None
    stop = float("inf") if element.length == UNDEFINED else element.offset + element.length
    number = 0
    while walk.position < stop:
        item = walk.next()
        if item is None or item.tag == SEQUENCE_END:
            break
        if item.tag != ITEM:
            raise Unreadable(f"the sequence {element.tag:08X} holds no item", item.offset)
        yield _item(walk, item, writer, f"{element.tag:08X}/{number}/")
        number += 1


def _item(walk: Walk, item: Element, writer: JsonWriter, path: str) -> Members:
    stop = float("inf") if item.length == UNDEFINED else item.offset + item.length
    members: Members = {}
    while walk.position < stop:
        inner = walk.next()
        if inner is None:
            raise Unreadable("an item never ends", walk.position)
        if inner.tag == ITEM_END:
            break
        member = writer.member(inner, path, 1)
        if member is not None and inner.tag & 0xFFFF:
            members[f"{inner.tag:08X}"] = member
    return members


def _forward(walk: Walk, start: int) -> None:
    """Inflate up to there: a deflated data set is only read forwards."""
    while walk.position < start and (element := walk.next()) is not None:
        walk.skip(element)
