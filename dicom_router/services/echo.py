"""C-ECHO (PS3.4 §A, PS3.7 §9.1.5), by pynetdicom's messages."""

from pynetdicom.dimse_messages import C_ECHO_RSP
from pynetdicom.dimse_primitives import C_ECHO
from pynetdicom.pdu import P_DATA_TF

from dicom_router.commands import Command
from dicom_router.contexts import Context
from dicom_router.established import Established
from dicom_router.statuses import NOT_AUTHORIZED, SUCCESS
from exchange.policy import Action, Purpose


def on_echo(association: Established, context: Context, command: Command) -> None:
    """Say that we are here."""
    if command.has_data_set:
        association.data_set(context).discard()
    decision = association.may(Action.VERIFY, Purpose.OPERATIONS)
    answer = C_ECHO()
    answer.AffectedSOPClassUID = context.abstract_syntax
    answer.MessageIDBeingRespondedTo = command.message_id
    answer.Status = SUCCESS if decision.allowed else NOT_AUTHORIZED
    message = C_ECHO_RSP()
    message.primitive_to_message(answer)
    fragments = message.encode_msg(context.number, association.peer_max_pdu)
    association.send(b"".join(P_DATA_TF(fragment).encode() for fragment in fragments))
