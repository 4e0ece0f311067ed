"""How an association can end other than by release (PS3.8 §9.2, §9.3.4, §9.3.8).

AssociationError
├── Rejected          we say no before it begins             A-ASSOCIATE-RJ, with its reason
├── Unreached         we called, and nobody is there         nothing was said
├── RejectedByPeer    we asked, and the peer says no         the connection is closed
├── NotTaken          the peer took the association, not what we called for  it is released
├── ProtocolBroken    the peer sent what PS3.8 does not allow  A-ABORT by the provider, with its reason
├── PeerReleased      the peer ended it while we awaited an answer  A-RELEASE-RP
├── PeerAborted       the peer sent A-ABORT                  nothing more is said
├── PeerVanished      the connection closed or broke         nothing more can be said
├── PeerStalled       a timer ran out                        A-ABORT by the user
├── Draining          this service is stopping               A-ABORT by the user
└── TlsFailed         no common ground for TLS               the connection is closed

An error holds facts about the protocol, never a value from a data set. The ones raised while a data
set streams in pass through the archive's door, which then keeps nothing.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum

from exchange.refusals import Reason


class AbortReason(IntEnum):
    """Reason/Diag. of an A-ABORT that the provider sends (PS3.8 Table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class Rejection(Enum):
    """Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

    APPLICATION_CONTEXT_NOT_SUPPORTED = (1, 1, 2)
    NO_REASON_GIVEN = (1, 1, 1)  # a peer that we know, but that must come otherwise
    CALLING_AE_NOT_RECOGNIZED = (1, 1, 3)
    CALLED_AE_NOT_RECOGNIZED = (1, 1, 7)
    PROTOCOL_VERSION_NOT_SUPPORTED = (1, 2, 2)
    TEMPORARY_CONGESTION = (2, 3, 1)
    LOCAL_LIMIT_EXCEEDED = (2, 3, 2)


class Ending(Enum):
    """How an association ended: what its log line and the counters say."""

    RELEASED = "released"
    REJECTED = "rejected"
    PROTOCOL_BROKEN = "protocol broken"
    PEER_ABORTED = "peer aborted"
    PEER_VANISHED = "peer vanished"
    PEER_STALLED = "peer stalled"
    DRAINED = "drained"
    TLS_FAILED = "tls failed"
    UNREACHED = "unreached"
    REJECTED_BY_PEER = "rejected by peer"
    FAULT = "fault"  # ours


#: What a peer's A-ASSOCIATE-RJ says, by source and reason (PS3.8 Table 9-21), and what mends it.
REJECTION_REASONS: Mapping[tuple[int, int], str] = {
    (1, 1): "it gives no reason",
    (1, 2): "it does not take the DICOM application context",
    (1, 3): "it does not know our AE title: add it at the peer",
    (1, 7): "it is not called so: correct the AE title in the peer's entry",
    (2, 1): "it gives no reason",
    (2, 2): "it does not take version 1 of the protocol",
    (3, 1): "it has too much to do",
    (3, 2): "it has no association left",
}


class AssociationError(Exception):
    """An association that does not go on."""

    ending: Ending


class Rejected(AssociationError):
    """We refuse the association."""

    ending = Ending.REJECTED

    def __init__(self, rejection: Rejection, because: str, reason: Reason = Reason.OTHER) -> None:
        super().__init__(because)
        self.rejection = rejection
        self.reason = reason  # as a co-ordinator sees it


class Unreached(AssociationError):
    """Nobody answers where we call; the text says where, and what was met there."""

    ending = Ending.UNREACHED


class RejectedByPeer(AssociationError):
    """The peer answers our request with A-ASSOCIATE-RJ (PS3.8 §9.3.4)."""

    ending = Ending.REJECTED_BY_PEER

    def __init__(self, result: int, source: int, reason: int) -> None:
        because = REJECTION_REASONS.get((source, reason), f"source {source}, reason {reason}")
        lasting = "for now" if result == 2 else "for good"
        super().__init__(f"the peer rejects the association {lasting}: {because}")
        self.is_transient = result == 2


class NotTaken(AssociationError):
    """The peer accepts our association, and not the context or role that we called for."""

    ending = Ending.REJECTED_BY_PEER


class ProtocolBroken(AssociationError):
    """The peer sent what the standard does not allow here."""

    ending = Ending.PROTOCOL_BROKEN

    def __init__(self, reason: AbortReason, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class PeerReleased(AssociationError):
    """The peer asked for release where we still awaited an answer: there will be none."""

    ending = Ending.RELEASED


class PeerAborted(AssociationError):
    """The peer sent A-ABORT."""

    ending = Ending.PEER_ABORTED

    def __init__(self, source: int, reason: int) -> None:
        super().__init__(f"A-ABORT from the peer, source {source}, reason {reason}")


class PeerVanished(AssociationError):
    """The connection was closed or broke without a release."""

    ending = Ending.PEER_VANISHED


class PeerStalled(AssociationError):
    """The peer was silent, or slow, for longer than the settings allow."""

    ending = Ending.PEER_STALLED


class Draining(AssociationError):
    """This service is stopping."""

    ending = Ending.DRAINED


class TlsFailed(AssociationError):
    """The TLS handshake failed; the text says what to mend, and where."""

    ending = Ending.TLS_FAILED
