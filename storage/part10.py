"""The Part 10 envelope around a data set (PS3.10 §7.1), with its origin beside the bytes.

What we write before a data set is ours; the data set that follows is exactly what was received. The
origin rides in Private Information (0002,0102), so the index can be made again from objects alone.
"""

import struct
from dataclasses import dataclass
from datetime import datetime

import orjson

from storage.elements import IMPLICIT_LITTLE, Encoding, Walk
from storage.errors import Unreadable
from storage.origin import Origin
from storage.source import Whole

#: Our implementation class: a UID made from a UUID (PS3.5 §B.2).
IMPLEMENTATION_CLASS_UID = "2.25.203674219847120938471209384710293847561"
IMPLEMENTATION_VERSION_NAME = "IMX_0"
#: Says that Private Information holds an origin of ours.
ORIGIN_CREATOR_UID = "2.25.287364918273645018273640918273645091827"

#: Our file meta is below 2 KB; another's may carry certificates or thumbnails.
META_LIMIT_BYTES = 1024 * 1024
_PREAMBLE = bytes(128) + b"DICM"


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What stands before the data set of a Part 10 file."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_offset: int  # where the data set begins, in bytes
    origin: Origin | None  # None in a file that we did not write


def write_meta(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, origin: Origin | None = None
) -> bytes:
    """Preamble and file meta (PS3.10 §7.1), up to the first byte of the data set."""
    elements = [
        _long(0x0001, b"OB", b"\x00\x01"),
        _short(0x0002, b"UI", sop_class_uid),
        _short(0x0003, b"UI", sop_instance_uid),
        _short(0x0010, b"UI", transfer_syntax_uid),
        _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
    ]
    if origin:
        elements += [
            _short(0x0016, b"AE", origin.peer[:16]),
            _short(0x0100, b"UI", ORIGIN_CREATOR_UID),
            _long(0x0102, b"OB", _pad(_origin_json(origin), b" ")),
        ]
    meta = b"".join(elements)
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta


def read_meta(head: bytes) -> FileMeta:
    """What the first bytes of a Part 10 file say; META_LIMIT_BYTES of them are enough. Raises Unreadable."""
    if head[128:132] != b"DICM":
        raise Unreadable("no DICM prefix: not a Part 10 file")
    walk = Walk(Whole(head), Encoding(explicit=True, little=True), 132)
    values: dict[int, bytes] = {}
    end = 132
    while (element := walk.next()) is not None and element.tag >> 16 == 2:
        values[element.tag] = walk.value(element)
        walk.skip(element)
        end = walk.position
    return FileMeta(
        sop_class_uid=_text(values, 0x00020002),
        sop_instance_uid=_text(values, 0x00020003),
        transfer_syntax_uid=_text(values, 0x00020010) or IMPLICIT_LITTLE,
        data_offset=end,
        origin=_origin(values),
    )


def _text(values: dict[int, bytes], tag: int) -> str:
    return values.get(tag, b"").decode("ascii", "replace").strip(" \0")


def _origin_json(origin: Origin) -> bytes:
    return orjson.dumps(
        {
            "peer": origin.peer,
            "trust": origin.trust,
            "issuer": origin.issuer,
            "address": origin.address,
            "called": origin.called,
            "received_at": origin.received_at.isoformat(),
        }
    )


def _origin(values: dict[int, bytes]) -> Origin | None:
    if _text(values, 0x00020100) != ORIGIN_CREATOR_UID:
        return None
    try:
        said = orjson.loads(values.get(0x00020102, b""))
        return Origin(**{**said, "received_at": datetime.fromisoformat(said["received_at"])})
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable("the origin beside the data set is damaged") from error


def _pad(value: bytes, filler: bytes) -> bytes:
    return value + filler if len(value) % 2 else value


def _short(number: int, vr: bytes, text: str) -> bytes:
    value = _pad(text.encode("ascii", "replace"), b"\0" if vr == b"UI" else b" ")
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def _long(number: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sHI", 2, number, vr, 0, len(value)) + value
