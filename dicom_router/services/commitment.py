"""Storage Commitment Push Model, as SCP (PS3.4 §J.3): a request is durable before it is answered.

Its report follows: as a rule on an association of our own (commitment_report.py), in a worker; on the peer's
association where its entry says so, or does not say where to call it.
"""

from collections.abc import Mapping
from time import monotonic

import structlog

from dicom_router.commands import Command
from dicom_router.contexts import Context
from dicom_router.data_sets import Members, items_of, text_of
from dicom_router.errors import AssociationError
from dicom_router.established import Established
from dicom_router.normalized import N_ACTION_RQ, Refused, Response, answer, ask, take_data_set
from dicom_router.services.commitment_report import (
    COMMITMENT_INSTANCE,
    STORAGE_COMMITMENT,
    address_of,
    is_heard,
    request,
)
from dicom_router.services.table import ALWAYS, Service, Services, serve_request
from dicom_router.statuses import (
    INVALID_ARGUMENT_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_ACTION,
    NO_SUCH_OBJECT_INSTANCE,
    NO_SUCH_SOP_CLASS,
    NOT_AUTHORIZED,
    RESOURCE_LIMITATION,
)
from exchange.peers import Peer
from exchange.policy import Action, Purpose
from storage.commitment import Asker, Reference, TransactionTaken
from storage.commitments import Commitments
from storage.errors import Unavailable
from storage.uids import is_uid

log = structlog.get_logger()

_REQUEST_COMMITMENT = 1  # Action Type ID (PS3.4 §J.3.2)
_TRANSACTION_UID = "00081195"
_REFERENCED_SOP_SEQUENCE = "00081199"
_REFERENCED_SOP_CLASS = "00081150"
_REFERENCED_SOP_INSTANCE = "00081155"

#: While a report is due on the peer's association, it is looked for this often.
_LOOK_S = 1.0


def is_reported_here(peer: Peer) -> bool:
    """Whether reports go on the association of the peer's that asks."""
    return peer.commitment_on_association or address_of(peer) is None


def services(commitments: Commitments) -> Services:
    """N-ACTION of Storage Commitment."""

    def take(association: Established, context: Context, command: Command) -> None:
        answer(association, context, command, _take(commitments, association, context, command))

    meanwhile: Services = {**ALWAYS, STORAGE_COMMITMENT: {N_ACTION_RQ: take}}

    def take_and_report(association: Established, context: Context, command: Command) -> None:
        take(association, context, command)
        if is_reported_here(association.peer):
            _report_here(commitments, association, context, meanwhile)

    own: Mapping[int, Service] = {N_ACTION_RQ: take_and_report}
    return {STORAGE_COMMITMENT: own}


def _asker(association: Established) -> Asker:
    peer = association.peer
    return Asker(peer.id, peer.ae_title, peer.trust.ods_code, association.called, is_reported_here(peer))


def _take(commitments: Commitments, association: Established, context: Context, command: Command) -> Response:
    try:
        members = take_data_set(association, context, command)
        transaction_uid, references = read_request(association, command, members)
        number = commitments.ask(transaction_uid, references, _asker(association))
    except Refused as refused:
        log.info(
            "commitment.refused", peer=association.peer.ae_title, status=refused.status, why=str(refused)
        )
        return Response.of(refused)
    except TransactionTaken:
        return Response(INVALID_ARGUMENT_VALUE, "Transaction UID in use for other instances")
    except Unavailable as error:
        return Response(RESOURCE_LIMITATION, f"try again: {error}")
    log.info("commitment.asked", peer=association.peer.ae_title, number=number, instances=len(references))
    return Response()


def read_request(association: Established, command: Command, members: Members) -> tuple[str, list[Reference]]:
    """What is asked for (PS3.4 §J.3.2.1.1): Transaction UID and instances. Raises Refused."""
    decision = association.may(Action.COMMIT, Purpose.OPERATIONS)
    if not decision.allowed:
        raise Refused(NOT_AUTHORIZED, decision.because)
    if command.sop_class_uid != STORAGE_COMMITMENT:
        raise Refused(NO_SUCH_SOP_CLASS, "not the Storage Commitment Push Model SOP Class")
    if command.sop_instance_uid != COMMITMENT_INSTANCE:
        raise Refused(NO_SUCH_OBJECT_INSTANCE, f"the SOP Instance is {COMMITMENT_INSTANCE}")
    if command.type_id != _REQUEST_COMMITMENT:
        raise Refused(NO_SUCH_ACTION, "the only Action Type ID is 1")
    transaction_uid = _uid(members, _TRANSACTION_UID, "Transaction UID")
    if _REFERENCED_SOP_SEQUENCE not in members:
        raise Refused(MISSING_ATTRIBUTE, "(0008,1199) Referenced SOP Sequence is missing")
    items = items_of(members, _REFERENCED_SOP_SEQUENCE)
    if not items:
        raise Refused(MISSING_ATTRIBUTE_VALUE, "(0008,1199) Referenced SOP Sequence is empty")
    return transaction_uid, [
        Reference(
            _uid(item, _REFERENCED_SOP_CLASS, "Referenced SOP Class UID"),
            _uid(item, _REFERENCED_SOP_INSTANCE, "Referenced SOP Instance UID"),
        )
        for item in items
    ]


def _uid(members: Members, tag: str, name: str) -> str:
    where = f"({tag[:4]},{tag[4:]}) {name}"
    if tag not in members:
        raise Refused(MISSING_ATTRIBUTE, f"{where} is missing")
    text = text_of(members, tag)
    if not text:
        raise Refused(MISSING_ATTRIBUTE_VALUE, f"{where} is empty")
    if not is_uid(text):
        raise Refused(INVALID_ARGUMENT_VALUE, f"{where} is no UID")
    return text


def _report_here(
    commitments: Commitments, association: Established, context: Context, meanwhile: Services
) -> None:
    """Everything that this peer is to hear, as it is found out, until the peer asks for something else."""
    done: list[int] = []
    began = monotonic()
    try:
        while True:
            claimed = commitments.claim_of(_asker(association), done)
            if claimed is not None and (claimed.is_settled or commitments.settle(claimed)):
                done.append(claimed.id)
                report = commitments.report(claimed)
                try:
                    response = ask(
                        association,
                        context,
                        request(report, claimed.called),
                        len(done),
                        lambda where, command: serve_request(meanwhile, association, where, command),
                    )
                except AssociationError as error:
                    commitments.failed(claimed, str(error))
                    raise
                if is_heard(response):
                    commitments.delivered(claimed)
                else:
                    commitments.failed(claimed, f"the peer answered status {response.status or 0:04X}")
            else:
                is_over = monotonic() - began > commitments.settings.wait_s + _LOOK_S
                is_over |= claimed is None and not commitments.is_awaited(_asker(association), done)
                if is_over or association.messages.wire.comes_within(_LOOK_S):
                    return
    except Unavailable as error:
        log.warning("commitment.later", peer=association.peer.ae_title, error=type(error).__name__)
