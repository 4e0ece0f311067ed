"""Which service answers which request: by the context's SOP class, then by the command (PS3.7 §9, §10)."""

from collections.abc import Callable, Mapping

from dicom_router.commands import C_CANCEL_RQ, C_ECHO_RQ, C_STORE_RQ, RESPONSE, Command, write_response
from dicom_router.contexts import VERIFICATION, Context
from dicom_router.errors import AbortReason, ProtocolBroken
from dicom_router.established import Established
from dicom_router.services.echo import on_echo
from dicom_router.services.store import on_store
from dicom_router.statuses import UNRECOGNIZED_OPERATION

Service = Callable[[Established, Context, Command], None]

#: By abstract syntax, then by command field. Whoever puts a router together brings those that need more than
#: the archive's door; each holds what it works with.
Services = Mapping[str, Mapping[int, Service]]

#: What every router offers. Every abstract syntax that no table names is a storage class.
ALWAYS: Services = {VERIFICATION: {C_ECHO_RQ: on_echo}}
STORAGE_SERVICES: Mapping[int, Service] = {C_STORE_RQ: on_store}


def serve_request(services: Services, association: Established, context: Context, command: Command) -> None:
    """Answer one request, or say that we do not know the operation (status 0x0211)."""
    service = services.get(context.abstract_syntax, STORAGE_SERVICES).get(command.field)
    if service is not None:
        service(association, context, command)
        return
    if command.field & RESPONSE:
        raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "a response to nothing that we asked")
    if command.has_data_set:
        association.data_set(context).discard()
    if command.field != C_CANCEL_RQ:  # of nothing that runs: it has no response of its own (PS3.7 §9.3.2.3)
        association.answer(
            context, write_response(command, UNRECOGNIZED_OPERATION, "not an operation of this context")
        )
