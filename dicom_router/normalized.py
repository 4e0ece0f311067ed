"""DIMSE-N messages (PS3.7 §10), for Storage Commitment, MPPS and Instance Availability Notification.

As an SCP: `take_data_set` for what the request carries, `answer` for the response. As an SCU: `Request`,
which encodes itself; `call` sends it on an association of ours and waits for the response, `ask` on one that
the peer opened.
Their data sets are small; they are DICOM JSON on the way in (`data_sets.py`) and a pydicom Dataset on the way
out. The codec of command sets is `commands.py`, for DIMSE-C and DIMSE-N alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from dicom_router import commands
from dicom_router.commands import NO_DATA_SET, RESPONSE, Command, write_command
from dicom_router.contexts import Context
from dicom_router.data_sets import (
    ARGUMENT_LIMIT_BYTES,
    Members,
    NotReadable,
    encode_data_set,
    read_data_set,
)
from dicom_router.errors import AbortReason, PeerReleased, ProtocolBroken
from dicom_router.established import Established
from dicom_router.messages import DataSet
from dicom_router.pdus import p_data
from dicom_router.requestor import Requested
from dicom_router.statuses import (
    INVALID_ARGUMENT_VALUE,
    MISSING_ATTRIBUTE,
    RESOURCE_LIMITATION,
    SUCCESS,
)
from storage.errors import TooLarge

#: Command fields (PS3.7 §E.1).
N_EVENT_REPORT_RQ = 0x0100
N_GET_RQ = 0x0110
N_SET_RQ = 0x0120
N_ACTION_RQ = 0x0130
N_CREATE_RQ = 0x0140
N_DELETE_RQ = 0x0150

#: Whose SOP Class and Instance UIDs are called Requested; those of the others are called Affected.
_REQUESTED = frozenset({N_GET_RQ, N_SET_RQ, N_ACTION_RQ, N_DELETE_RQ})

_HAS_DATA_SET = 0x0001


class Refused(Exception):
    """A request that cannot be done: the status of its response, and its Error Comment."""

    def __init__(self, status: int, because: str, error_id: int | None = None) -> None:
        super().__init__(because)
        self.status = status
        self.error_id = error_id


@dataclass(frozen=True, slots=True)
class Response:
    """What a request is answered with."""

    status: int = SUCCESS
    comment: str = ""  # Error Comment (0000,0902)
    error_id: int | None = None  # (0000,0903)
    sop_instance_uid: str = ""  # of what N-CREATE made, where the request named none
    data_set: Dataset | None = None

    @classmethod
    def of(cls, refused: Refused) -> "Response":
        """The one that says no."""
        return cls(refused.status, str(refused), refused.error_id)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of ours."""

    field: int
    sop_class_uid: str
    sop_instance_uid: str = ""
    type_id: int | None = None  # Event Type ID or Action Type ID
    data_set: Dataset | None = None

    def encode(self, message_id: int) -> bytes:
        """Its command set."""
        requested = self.field in _REQUESTED
        elements: dict[int, int | str] = {
            commands.AFFECTED_SOP_CLASS_UID: "" if requested else self.sop_class_uid,
            commands.REQUESTED_SOP_CLASS_UID: self.sop_class_uid if requested else "",
            commands.COMMAND_FIELD: self.field,
            commands.MESSAGE_ID: message_id,
            commands.COMMAND_DATA_SET_TYPE: NO_DATA_SET if self.data_set is None else _HAS_DATA_SET,
            commands.AFFECTED_SOP_INSTANCE_UID: "" if requested else self.sop_instance_uid,
            commands.REQUESTED_SOP_INSTANCE_UID: self.sop_instance_uid if requested else "",
        }
        if self.type_id is not None:
            event = self.field == N_EVENT_REPORT_RQ
            elements[commands.EVENT_TYPE_ID if event else commands.ACTION_TYPE_ID] = self.type_id
        return write_command(elements)


def take_data_set(
    association: Established, context: Context, command: Command, limit_bytes: int = ARGUMENT_LIMIT_BYTES
) -> Members:
    """What a request carries, as DICOM JSON. Raises Refused, once all of it is read."""
    if not command.has_data_set:
        raise Refused(MISSING_ATTRIBUTE, "a request without a data set")
    data_set = association.data_set(context)
    encoded = bytearray()
    try:
        for piece in data_set:
            encoded += piece
            if len(encoded) > limit_bytes:
                raise TooLarge(limit_bytes)
        return read_data_set(bytes(encoded), context.transfer_syntax)
    except TooLarge as error:
        data_set.discard()
        raise Refused(RESOURCE_LIMITATION, f"a data set beyond {limit_bytes} bytes") from error
    except NotReadable as error:
        raise Refused(INVALID_ARGUMENT_VALUE, str(error)) from error


def answer(association: Established, context: Context, command: Command, response: Response) -> None:
    """Send the response to `command`."""
    encoded = write_answer(command, response)
    data_set = None
    if response.data_set is not None:
        data_set = encode_data_set(response.data_set, context.transfer_syntax)
    association.send(p_data(context.number, encoded, association.peer_max_pdu, data_set))


def write_answer(command: Command, response: Response) -> bytes:
    """The command set of a response (PS3.7 §10.3)."""
    elements: dict[int, int | str] = {
        commands.AFFECTED_SOP_CLASS_UID: command.sop_class_uid,
        commands.COMMAND_FIELD: command.field | RESPONSE,
        commands.MESSAGE_ID_BEING_RESPONDED_TO: command.message_id,
        commands.COMMAND_DATA_SET_TYPE: NO_DATA_SET if response.data_set is None else _HAS_DATA_SET,
        commands.STATUS: response.status,
        commands.ERROR_COMMENT: response.comment,
    }
    if response.error_id is not None:
        elements[commands.ERROR_ID] = response.error_id
    elements[commands.AFFECTED_SOP_INSTANCE_UID] = command.sop_instance_uid or response.sop_instance_uid
    if command.type_id is not None:
        event = command.field == N_EVENT_REPORT_RQ
        elements[commands.EVENT_TYPE_ID if event else commands.ACTION_TYPE_ID] = command.type_id
    return write_command(elements)


def ask(
    association: Established,
    context: Context,
    request: Request,
    message_id: int,
    meanwhile: Callable[[Context, Command], None],
) -> Command:
    """Send a request on an association that the peer opened; its response.

    `meanwhile` serves what the peer asks before it answers: only its operations and our notifications are
    each one at a time (PS3.7 §D.3.3.3). Raises PeerReleased, and whatever else ends an association.
    """
    data_set = None
    if request.data_set is not None:
        data_set = encode_data_set(request.data_set, context.transfer_syntax)
    encoded = request.encode(message_id)
    association.send(p_data(context.number, encoded, association.peer_max_pdu, data_set))
    while (came := association.messages.next_command()) is not None:
        where, command = came
        if not command.field & RESPONSE:
            meanwhile(where, command)
            continue
        if (command.field, command.message_id) != (request.field | RESPONSE, message_id):
            raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "a response to nothing that we asked")
        if command.has_data_set:
            association.data_set(where).discard()
        return command
    raise PeerReleased("the peer asked for release before it answered")


def call(association: Requested, request: Request) -> int:
    """Send a request in the one context of an association of ours; the status of its response.

    Raises AssociationError.
    """
    [context] = association.contexts.values()
    number = association.next_message_id()
    data_set = None
    if request.data_set is not None:
        data_set = encode_data_set(request.data_set, context.transfer_syntax)
    association.send([p_data(context.number, request.encode(number), association.peer_max_pdu, data_set)])
    where, response = association.response(number)
    if response.has_data_set:
        DataSet(association.messages, where, association.settings).discard()
    return response.status or SUCCESS
