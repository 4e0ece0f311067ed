"""Small data sets of requests and their answers: in as DICOM JSON, out from a pydicom Dataset.

Reading is the archive's own walk, which no malformed byte, depth of nesting or deflated bomb harms.
"""

from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from storage.dicom_json import JsonWriter, Member
from storage.elements import DEFLATED, Walk, encoding_of
from storage.errors import Unreadable
from storage.source import Inflated, Source, Whole

#: DICOM JSON (PS3.18 §F.2) by tag, eight hexadecimal digits.
Members = Mapping[str, Member]

#: A Storage Commitment request for 70,000 instances.
ARGUMENT_LIMIT_BYTES = 8 * 1024 * 1024

#: What the JSON may cost, by the writer's own count.
_JSON_LIMIT = 2 * ARGUMENT_LIMIT_BYTES


class NotReadable(ValueError):
    """The bytes are no data set in the transfer syntax of their context. The text names no value."""


def read_data_set(encoded: bytes, transfer_syntax_uid: str) -> Members:
    """A data set that is in memory. Values that are malformed are left out."""
    source: Source = Inflated(iter((encoded,))) if transfer_syntax_uid == DEFLATED else Whole(encoded)
    encoding = encoding_of(transfer_syntax_uid)
    walk = Walk(source, encoding)
    writer = JsonWriter(walk, encoding, _JSON_LIMIT)
    members: dict[str, Member] = {}
    try:
        while (element := walk.next()) is not None:
            member = writer.member(element)
            if member is not None and element.tag & 0xFFFF:
                members[f"{element.tag:08X}"] = member
    except Unreadable as error:
        raise NotReadable(str(error)) from error
    if not writer.is_whole:
        raise NotReadable("a data set beyond all measure")
    return members


def encode_data_set(data_set: Dataset, transfer_syntax_uid: str) -> bytes:
    """A data set of our own."""
    syntax = UID(transfer_syntax_uid)
    encoded = encode(data_set, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if encoded is None:  # pynetdicom's word for an exception
        raise ValueError("a data set of ours that cannot be encoded")
    return encoded


def text_of(members: Members, tag: str) -> str:
    """The first value of an attribute as text, "" where there is none."""
    values = members.get(tag, {}).get("Value")
    first = values[0] if values else None
    return "" if first is None or isinstance(first, dict) else str(first)


def items_of(members: Members, tag: str) -> list[Members]:
    """The items of a sequence."""
    return [item for item in members.get(tag, {}).get("Value", []) if isinstance(item, dict)]
