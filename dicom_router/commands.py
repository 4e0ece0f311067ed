"""The command set of a DIMSE message (PS3.7 §6.3, §9.3): a codec of our own for what every C-STORE needs.

Implicit VR Little Endian, group 0000 only. Pure functions; pynetdicom's codec does the same through a
pydicom Dataset, in hundreds of microseconds. tests/dicom_router/test_commands.py holds them equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct

AFFECTED_SOP_CLASS_UID = 0x0002
REQUESTED_SOP_CLASS_UID = 0x0003
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
COMMAND_DATA_SET_TYPE = 0x0800
MOVE_DESTINATION = 0x0600
PRIORITY = 0x0700
STATUS = 0x0900
OFFENDING_ELEMENT = 0x0901
ERROR_COMMENT = 0x0902
ERROR_ID = 0x0903
AFFECTED_SOP_INSTANCE_UID = 0x1000
REQUESTED_SOP_INSTANCE_UID = 0x1001
EVENT_TYPE_ID = 0x1002
ACTION_TYPE_ID = 0x1008
REMAINING = 0x1020  # Number of Remaining Sub-operations, and so on
COMPLETED = 0x1021
FAILED = 0x1022
WARNING = 0x1023
MOVE_ORIGINATOR = 0x1030
MOVE_ORIGINATOR_MESSAGE_ID = 0x1031

#: Command fields (PS3.7 §E.1). A response is its request with the highest bit set.
C_STORE_RQ = 0x0001
C_GET_RQ = 0x0010
C_FIND_RQ = 0x0020
C_MOVE_RQ = 0x0021
C_ECHO_RQ = 0x0030
C_CANCEL_RQ = 0x0FFF
RESPONSE = 0x8000

#: Command Data Set Type: no data set follows. Any other value: one does.
NO_DATA_SET = 0x0101
DATA_SET_FOLLOWS = 0x0001

#: Error Comment is an LO.
COMMENT_LIMIT = 64

_TEXTS = frozenset({ERROR_COMMENT, MOVE_ORIGINATOR})  # padded with a space; the others are UIDs
_TYPE_IDS = (ACTION_TYPE_ID, EVENT_TYPE_ID)

_ELEMENT = Struct("<HHI")
_SHORT = Struct("<H")
_SHORTS = Struct("<HH")
_LONG_ELEMENT = Struct("<HHII")
_SHORT_ELEMENT = Struct("<HHIH")


class BadCommand(ValueError):
    """Not a command set. The text names elements, never their values."""


class Priority(IntEnum):
    """How urgent a request is (PS3.7 §9.1.1.1.4)."""

    MEDIUM = 0
    HIGH = 1
    LOW = 2


@dataclass(frozen=True, slots=True)
class Command:
    """What a request or a response says, before its data set."""

    field: int
    message_id: int  # of a response: that of its request
    has_data_set: bool
    sop_class_uid: str  # Affected or Requested; "" where the command has none
    sop_instance_uid: str  # Affected or Requested; "" where the command has none
    type_id: int | None = None  # Event Type ID or Action Type ID, where the command has one
    status: int | None = None  # of a response
    comment: str = ""  # Error Comment
    priority: Priority = Priority.MEDIUM
    move_destination: str = ""


@dataclass(frozen=True, slots=True)
class Originator:
    """Whose C-MOVE makes us send (PS3.7 §9.1.1.1.5, §9.1.1.1.6)."""

    ae_title: str
    message_id: int


def split(encoded: bytes) -> Mapping[int, bytes]:
    """The elements of a command set: element number to value."""
    elements: dict[int, bytes] = {}
    offset, end = 0, len(encoded)
    while offset < end:
        if end - offset < 8:
            raise BadCommand("the command set ends within an element")
        group, element, length = _ELEMENT.unpack_from(encoded, offset)
        if group != 0:
            raise BadCommand(f"group {group:04X} in a command set")
        offset += 8
        if length > end - offset:
            raise BadCommand(f"(0000,{element:04X}) is longer than its command set")
        elements[element] = encoded[offset : offset + length]
        offset += length
    return elements


def read_command(encoded: bytes) -> Command:
    """The command in `encoded`, or BadCommand."""
    elements = split(encoded)
    field = _short(elements, COMMAND_FIELD)
    in_reply = field & RESPONSE or field == C_CANCEL_RQ
    return Command(
        field=field,
        message_id=_short(elements, MESSAGE_ID_BEING_RESPONDED_TO if in_reply else MESSAGE_ID),
        has_data_set=_short(elements, COMMAND_DATA_SET_TYPE) != NO_DATA_SET,
        sop_class_uid=_class_uid(
            elements.get(AFFECTED_SOP_CLASS_UID) or elements.get(REQUESTED_SOP_CLASS_UID, b"")
        ),
        sop_instance_uid=_uid(
            elements.get(AFFECTED_SOP_INSTANCE_UID) or elements.get(REQUESTED_SOP_INSTANCE_UID, b"")
        ),
        type_id=next((_short(elements, each) for each in _TYPE_IDS if each in elements), None),
        status=_short(elements, STATUS) if STATUS in elements else None,
        comment=_uid(elements[ERROR_COMMENT])[:COMMENT_LIMIT] if ERROR_COMMENT in elements else "",
        priority=_priority(elements.get(PRIORITY, b"")),
        move_destination=_uid(elements[MOVE_DESTINATION]) if MOVE_DESTINATION in elements else "",
    )


def write_store_request(
    message_id: int,
    sop_class_uid: str,
    sop_instance_uid: str,
    priority: Priority = Priority.MEDIUM,
    originator: Originator | None = None,
) -> bytes:
    """A C-STORE-RQ (PS3.7 §9.3.1.1)."""
    elements: dict[int, int | str] = {
        AFFECTED_SOP_CLASS_UID: sop_class_uid,
        COMMAND_FIELD: C_STORE_RQ,
        MESSAGE_ID: message_id,
        PRIORITY: priority,
        COMMAND_DATA_SET_TYPE: DATA_SET_FOLLOWS,
        AFFECTED_SOP_INSTANCE_UID: sop_instance_uid,
    }
    if originator is not None:
        elements[MOVE_ORIGINATOR] = originator.ae_title
        elements[MOVE_ORIGINATOR_MESSAGE_ID] = originator.message_id
    return write_command(elements)


def write_response(
    command: Command,
    status: int,
    comment: str = "",
    *,
    offending: int | None = None,
    has_data_set: bool = False,
) -> bytes:
    """The response to `command` (PS3.7 §9.3.1.2, §C). `offending` is the tag of an element that is wrong."""
    return write_command(
        {
            AFFECTED_SOP_CLASS_UID: command.sop_class_uid,
            COMMAND_FIELD: command.field | RESPONSE,
            MESSAGE_ID_BEING_RESPONDED_TO: command.message_id,
            COMMAND_DATA_SET_TYPE: DATA_SET_FOLLOWS if has_data_set else NO_DATA_SET,
            STATUS: status,
            OFFENDING_ELEMENT: b""
            if offending is None
            else _SHORTS.pack(offending >> 16, offending & 0xFFFF),
            ERROR_COMMENT: comment,
            AFFECTED_SOP_INSTANCE_UID: command.sop_instance_uid,
        }
    )


def write_command(elements: Mapping[int, int | str | bytes]) -> bytes:
    """A command set of numbers (US), UIDs, texts (_TEXTS) and encoded values, in ascending order; what is
    empty is left out, and the group length (0000,0000) is put before."""
    body = bytearray()
    for element, value in elements.items():
        if isinstance(value, int):
            body += _SHORT_ELEMENT.pack(0, element, 2, value)
        elif isinstance(value, bytes):
            body += _element(element, value) if value else b""
        elif value:
            body += _element(element, comment_text(value) if element in _TEXTS else _padded_uid(value))
    return _LONG_ELEMENT.pack(0, 0, 4, len(body)) + bytes(body)


def comment_text(text: str) -> bytes:
    """`text` as an Error Comment: the default repertoire, no backslash or control, at most 64 characters."""
    encoded = _plain(text)[:COMMENT_LIMIT].strip().encode("ascii")
    return encoded + b" " if len(encoded) % 2 else encoded


def _short(elements: Mapping[int, bytes], element: int) -> int:
    value = elements.get(element)
    if value is None or len(value) != 2:
        raise BadCommand(f"(0000,{element:04X}) is missing or is not one number")
    return int(_SHORT.unpack(value)[0])


def _priority(value: bytes) -> Priority:
    """MEDIUM where it is missing, or none of the three: it is a wish."""
    try:
        return Priority(int.from_bytes(value, "little"))
    except ValueError:
        return Priority.MEDIUM


def _uid(value: bytes) -> str:
    """As sent, without its padding. What no UID can hold (nor any database: NUL) becomes "?"."""
    text = value.strip(b"\0 ").decode("latin-1")
    return text if text.isascii() and text.isprintable() else _plain(text)


_class_uid = lru_cache(maxsize=1024)(_uid)  # of which a peer has few


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c != "\\" else "?" for c in text)


def _padded_uid(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" if len(value) % 2 else value


def _element(element: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, element, len(value)) + value
