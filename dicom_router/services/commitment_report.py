"""The report of a storage commitment request (PS3.4 §J.3.3), and how it reaches its peer."""

from collections.abc import Iterable
from dataclasses import replace

import structlog
from pydicom.dataset import Dataset

from dicom_router.commands import Command
from dicom_router.errors import AssociationError, NotTaken
from dicom_router.normalized import N_EVENT_REPORT_RQ, Request, call
from dicom_router.proposing import Proposal
from dicom_router.requestor import Callee, Calling, request_association
from dicom_router.statuses import SUCCESS
from exchange.peers import Peer, UnknownPeer
from exchange.registry import PostgresRegistry
from storage.commitment import Claimed, Reference, Report
from storage.commitments import Commitments
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE

log = structlog.get_logger()

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"

#: Event Type IDs.
_ALL_COMMITTED, _SOME_FAILED = 1, 2

#: What a peer says of a notification that it took (PS3.7 §10.1.1.1.8, §10.1.5.1.6): success, or a warning.
IS_HEARD = frozenset({SUCCESS, 0x0107, 0x0116})


def address_of(peer: Peer) -> tuple[str, int] | None:
    """Where this peer hears its reports; None where its entry does not say."""
    host, port = peer.commitment_host or peer.host, peer.commitment_port or peer.port
    return (host, port) if host is not None and port is not None else None


def request(report: Report, our_title: str) -> Request:
    """The N-EVENT-REPORT that says it."""
    data_set = Dataset()
    data_set.TransactionUID = report.transaction_uid
    data_set.RetrieveAETitle = our_title
    if report.committed:
        data_set.ReferencedSOPSequence = list(_items(report.committed))
    if report.failed:
        failed = list(_items(reference for reference, _ in report.failed))
        for item, (_, reason) in zip(failed, report.failed, strict=True):
            item.FailureReason = reason
        data_set.FailedSOPSequence = failed
    event = _SOME_FAILED if report.failed else _ALL_COMMITTED
    return Request(N_EVENT_REPORT_RQ, STORAGE_COMMITMENT, COMMITMENT_INSTANCE, event, data_set)


def _items(references: Iterable[Reference]) -> Iterable[Dataset]:
    for each in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = each.sop_class_uid, each.uid
        yield item


def is_heard(response: Command) -> bool:
    """Whether the peer took the report."""
    return response.status in IS_HEARD


def deliver(commitments: Commitments, claimed: Claimed, peer: Peer, calling: Calling) -> None:
    """Tell the peer, on a new association in the name that it called; what becomes of it is written down."""
    try:
        status = _tell(request(commitments.report(claimed), claimed.called), claimed, peer, calling)
    except AssociationError as error:
        commitments.failed(claimed, str(error))
        log.warning("commitment.undelivered", peer=claimed.peer, number=claimed.id, because=str(error))
        return
    if status in IS_HEARD:
        commitments.delivered(claimed)
        log.info("commitment.delivered", peer=claimed.peer, number=claimed.id)
    else:
        commitments.failed(claimed, f"the peer answered status {status:04X}")
        log.warning("commitment.undelivered", peer=claimed.peer, number=claimed.id, status=status)


def _tell(event: Request, claimed: Claimed, peer: Peer, calling: Calling) -> int:
    address = address_of(peer)
    host, port = address if address else (None, None)
    callee = Callee.of(replace(peer, host=host, port=port))
    proposal = Proposal(STORAGE_COMMITMENT, (EXPLICIT_LITTLE, IMPLICIT_LITTLE))
    # We are its SCP here, though we open the association (PS3.4 §J.3.3.1, PS3.7 §D.3.3.4). A peer that leaves
    # the role unanswered is told all the same: many do, and take the report.
    roles = {STORAGE_COMMITMENT: (False, True)}
    with request_association(callee, claimed.called, [proposal], calling, roles=roles) as association:
        if not association.contexts or association.roles.get(STORAGE_COMMITMENT, (False, True))[1] is False:
            raise NotTaken("the peer takes no Storage Commitment reports on an association of ours")
        return call(association, event)


def peer_of(registry: PostgresRegistry, claimed: Claimed) -> Peer | None:
    """The entry of the peer that asked: it may have changed since, and that counts."""
    try:
        return registry.peer(claimed.peer_id)
    except UnknownPeer:
        entries = [each for each in registry.entries(claimed.peer) if each.trust.ods_code == claimed.trust]
        return entries[0] if len(entries) == 1 else None


def work_on(commitments: Commitments, registry: PostgresRegistry, calling: Calling) -> bool:
    """Bring the request that is longest due on; False where none is. Raises Unavailable."""
    claimed = commitments.claim()
    if claimed is None:
        return False
    if not (claimed.is_settled or commitments.settle(claimed)) or claimed.on_association:
        return True
    peer = peer_of(registry, claimed)
    if peer is None:
        commitments.failed(claimed, "the peer has no entry in the registry (imx peer add)")
    else:
        deliver(commitments, claimed, peer, calling)
    return True
