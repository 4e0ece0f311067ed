"""The Part 10 envelope around a data set (PS3.10 §7.1), with its origin beside the bytes.

What we write before a data set is ours; the data set that follows is exactly what was received. The
origin rides in Private Information (0002,0102), so the index can be made again from objects alone.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from storage.elements import Element, Encoding, Walk
from storage.errors import Unreadable
from storage.origin import SAID_LIMIT, Origin
from storage.source import Whole

#: Our implementation class, in files and on associations (PS3.7 §D.3.3.2): a UID made from a random UUID
#: (PS3.5 §B.2).
IMPLEMENTATION_CLASS_UID = "2.25.212530056752052206698448233873160460206"
IMPLEMENTATION_VERSION_NAME = "IMX_0_1"
#: Says that Private Information holds an origin of ours.
ORIGIN_CREATOR_UID = "2.25.119646107229356461779286185597803952181"

#: Our file meta is below 2 KB; another's may carry certificates or thumbnails.
META_LIMIT_BYTES = 1024 * 1024
_ORIGIN_TEXTS = ("peer", "trust", "issuer", "address", "called", "trust_issuer")
_MOMENT = "received at"  # stands where the time goes, behind what a sender wrote
_GROUP_LENGTH = 0x00020000
_PREAMBLE = bytes(128) + b"DICM"


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What stands before the data set of a Part 10 file."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str  # empty, as the others, where the file does not say
    data_offset: int  # where the data set begins, in bytes
    origin: Origin | None  # None in a file that we did not write
    may_replace: bool = False  # the sender's newer content was to become current
    beside: Mapping[str, Any] = field(default_factory=dict)  # what else is said of it (storage.original)


def write_meta(
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    origin: Origin | None = None,
    *,
    may_replace: bool = False,
    beside: Mapping[str, Any] | None = None,
) -> bytes:
    """Preamble and file meta (PS3.10 §7.1), up to the first byte of the data set.

    The UIDs are the sender's word: absurdly long ones are cut, but not so short that they become UIDs.
    """
    said = tuple([getattr(origin, name) for name in _ORIGIN_TEXTS]) if origin else None
    first, last, before, behind = _common(sop_class_uid, transfer_syntax_uid, said, may_replace)
    meta = first + _short(0x0003, b"UI", sop_instance_uid[:SAID_LIMIT]) + last
    if origin:
        moment = origin.received_at.isoformat().encode()
        if beside:
            behind = behind[:-1] + b',"beside":' + orjson.dumps(beside) + b"}"
        meta += _long(0x0102, b"OB", _pad(before + moment + behind, b" "))
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta


@lru_cache(maxsize=256)
def _common(
    sop_class_uid: str, transfer_syntax_uid: str, said: tuple[str, ...] | None, may_replace: bool
) -> tuple[bytes, bytes, bytes, bytes]:
    """What the instances of one association share: what stands before their UID and behind, and in the origin
    before its time and behind."""
    first = _long(0x0001, b"OB", b"\x00\x01") + _short(0x0002, b"UI", sop_class_uid[:SAID_LIMIT])
    last = (
        _short(0x0010, b"UI", transfer_syntax_uid[:SAID_LIMIT])
        + _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID)
        + _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME)
    )
    if said is None:
        return first, last, b"", b""
    last += _short(0x0016, b"AE", said[0][:16]) + _short(0x0100, b"UI", ORIGIN_CREATOR_UID)
    texts = {
        name: text[:SAID_LIMIT].encode("utf-8", "replace").decode()
        for name, text in zip(_ORIGIN_TEXTS, said, strict=True)
    }
    json = orjson.dumps({**texts, "received_at": _MOMENT, "may_replace": may_replace})
    before, _, behind = json.rpartition(_MOMENT.encode())
    return first, last, before, behind


def read_meta(head: bytes) -> FileMeta:
    """What the first bytes of a Part 10 file say; META_LIMIT_BYTES of them are enough. Raises Unreadable."""
    if head[128:132] != b"DICM":
        raise Unreadable("no DICM prefix: not a Part 10 file")
    walk = Walk(Whole(head), Encoding(explicit=True, little=True), 132)
    values: dict[int, bytes] = {}
    end = 132
    while not _is_end(values, end) and (element := _next_of_meta(walk)):
        values[element.tag] = walk.value(element)
        walk.skip(element)
        end = walk.position
    origin, may_replace, beside = _origin(values)
    return FileMeta(
        sop_class_uid=_text(values, 0x00020002),
        sop_instance_uid=_text(values, 0x00020003),
        transfer_syntax_uid=_text(values, 0x00020010),
        data_offset=end,
        origin=origin,
        may_replace=may_replace,
        beside=beside,
    )


def _next_of_meta(walk: Walk) -> Element | None:
    """None where the data set begins, or what follows is none."""
    try:
        element = walk.next()
    except Unreadable:
        return None
    return element if element is not None and element.tag >> 16 == 2 else None


def _is_end(values: dict[int, bytes], position: int) -> bool:
    """Whether our own file meta ends here, even if group 0002 goes on: a data set may hold it too.

    Others' group length is often wrong, so theirs ends with the group.
    """
    length = values.get(_GROUP_LENGTH, b"")
    is_ours = _text(values, 0x00020012) == IMPLEMENTATION_CLASS_UID
    return is_ours and len(length) == 4 and position >= 144 + int.from_bytes(length, "little")


def _text(values: dict[int, bytes], tag: int) -> str:
    return values.get(tag, b"").decode("ascii", "replace").strip(" \0")


def _origin(values: dict[int, bytes]) -> tuple[Origin | None, bool, Mapping[str, Any]]:
    if _text(values, 0x00020100) != ORIGIN_CREATOR_UID:
        return None, False, {}
    try:
        said = orjson.loads(values.get(0x00020102, b""))
        may_replace, beside = said.pop("may_replace"), said.pop("beside", {})
        origin = Origin(**{**said, "received_at": datetime.fromisoformat(said["received_at"])})
        return origin, may_replace, beside
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable("the origin beside the data set is damaged") from error


def _pad(value: bytes, filler: bytes) -> bytes:
    return value + filler if len(value) % 2 else value


def _short(number: int, vr: bytes, text: str) -> bytes:
    value = _pad(text.encode("ascii", "replace"), b"\0" if vr == b"UI" else b" ")
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def _long(number: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sHI", 2, number, vr, 0, len(value)) + value
