"""Writing an A-ASSOCIATE-RQ and reading its answer (PS3.8 §9.3.2 to §9.3.4), by pynetdicom's codecs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import build_context

from dicom_router.contexts import Context
from dicom_router.errors import AbortReason, ProtocolBroken, RejectedByPeer
from dicom_router.negotiation import (
    APPLICATION_CONTEXT,
    FIXED_PART,
    UNSAID_MAX_PDU,
    as_the_standard_has_it,
    our_information,
)
from dicom_router.pdus import PDU_HEADER
from dicom_router.proposing import Proposal

#: Whether we are to be (SCU, SCP) of a SOP class: proposed where we are not its SCU alone (PS3.7 §D.3.3.4).
Roles = Mapping[str, tuple[bool, bool]]

#: The shortest Maximum Length Received in which a fragment of two bytes has room.
_LEAST_MAX_PDU = 8


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the peer took."""

    contexts: Mapping[int, Context]
    max_pdu: int  # the peer's Maximum Length Received, 0 for any
    roles: Roles  # ours, as the peer answered; a class that it does not name keeps the default: SCU


def write_request(
    calling: str, called: str, proposals: Sequence[Proposal], roles: Roles, max_pdu: int
) -> bytes:
    """An A-ASSOCIATE-RQ PDU. The contexts are numbered in their order: 1, 3, 5 …"""
    request = A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.calling_ae_title, request.called_ae_title = calling, called
    contexts = [build_context(each.abstract_syntax, list(each.transfer_syntaxes)) for each in proposals]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = contexts
    selections = []
    for uid, (as_scu, as_scp) in roles.items():
        selection = SCP_SCU_RoleSelectionNegotiation()
        selection.sop_class_uid, selection.scu_role, selection.scp_role = uid, as_scu, as_scp
        selections.append(selection)
    request.user_information = [*our_information(max_pdu), *selections]
    return A_ASSOCIATE_RQ(request).encode()


def read_acceptance(pdu: bytes, proposals: Sequence[Proposal]) -> Acceptance:
    """What an A-ASSOCIATE-AC PDU says, header included, of what was proposed. Raises ProtocolBroken."""
    if len(pdu) < PDU_HEADER.size + FIXED_PART:
        raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "an A-ASSOCIATE-AC shorter than its fixed fields")
    try:
        decoded = A_ASSOCIATE_AC()
        decoded.decode(as_the_standard_has_it(pdu))
        taken = {
            context.context_id or 0: str(context.transfer_syntax)
            for context in decoded.presentation_context
            if context.result == 0
        }
        information = decoded.user_information
        said = None if information is None else information.maximum_length
        selections = {} if information is None else information.role_selection
        roles = {str(uid): (bool(each.scu_role), bool(each.scp_role)) for uid, each in selections.items()}
    except ProtocolBroken:
        raise
    except Exception as error:  # whatever pynetdicom's decoders meet
        raise ProtocolBroken(
            AbortReason.INVALID_PARAMETER, f"an A-ASSOCIATE-AC that cannot be read ({type(error).__name__})"
        ) from error
    max_pdu = UNSAID_MAX_PDU if said is None else said
    if 0 < max_pdu < _LEAST_MAX_PDU:
        raise ProtocolBroken(
            AbortReason.INVALID_PARAMETER, "a Maximum Length Received that holds no fragment"
        )
    return Acceptance(_contexts(taken, proposals), max_pdu, roles)


def _contexts(taken: Mapping[int, str], proposals: Sequence[Proposal]) -> dict[int, Context]:
    """Only what was proposed counts: a peer that chooses another syntax, or number, has taken nothing."""
    found = {}
    for place, proposal in enumerate(proposals):
        number = 2 * place + 1
        if taken.get(number) in proposal.transfer_syntaxes:
            found[number] = Context(number, proposal.abstract_syntax, taken[number])
    return found


def read_rejection(pdu: bytes) -> RejectedByPeer:
    """What an A-ASSOCIATE-RJ PDU says, header included."""
    decoded = A_ASSOCIATE_RJ()
    decoded.decode(pdu)
    return RejectedByPeer(decoded.result or 0, decoded.source or 0, decoded.reason_diagnostic or 0)
