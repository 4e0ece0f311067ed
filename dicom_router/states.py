"""The states of an association, and what each PDU means in them (PS3.8 §9.2, Tables 9-1 to 9-10).

Sta1, Sta3, Sta4 and Sta8 (a decision of ours, or the network's, is awaited) pass within one call here, so
they have no line; nor have Sta9 and Sta11: when both ask for release, we answer and go on waiting. Only a
requestor of ours asks for one, so Sta10 and Sta12, an acceptor's, are never entered.
"""

from collections.abc import Mapping
from enum import Enum

from dicom_router.pdus import PduType


class State(Enum):
    """Where an association is."""

    AWAITING_REQUEST = "Sta2"  # transport open, ARTIM running
    AWAITING_ANSWER = "Sta5"  # we have requested an association
    ESTABLISHED = "Sta6"  # ready for data transfer
    AWAITING_RELEASE = "Sta7"  # we have requested its release
    AWAITING_CLOSE = "Sta13"  # we have said our last word, ARTIM running


class Action(Enum):
    """What is done, with the name PS3.8 Tables 9-6 to 9-9 give it."""

    NEGOTIATE = "AE-6"  # answer with A-ASSOCIATE-AC or -RJ
    TAKE_ACCEPTANCE = "AE-3"
    TAKE_REJECTION = "AE-4"
    TAKE_DATA = "DT-2"
    ANSWER_RELEASE = "AR-2"  # A-RELEASE-RP, once nothing is pending
    TAKE_RELEASE = "AR-3"
    TAKE_ABORT = "AA-3"  # AA-2 where nobody is told
    REFUSE = "AA-8"  # A-ABORT, unexpected or unrecognized PDU; AA-1 before an association
    IGNORE = "AA-6"


_ALL = tuple(PduType)

ACTIONS: Mapping[State, Mapping[PduType, Action]] = {
    State.AWAITING_REQUEST: dict.fromkeys(_ALL, Action.REFUSE)
    | {PduType.ASSOCIATE_RQ: Action.NEGOTIATE, PduType.ABORT: Action.TAKE_ABORT},
    State.ESTABLISHED: dict.fromkeys(_ALL, Action.REFUSE)
    | {
        PduType.P_DATA_TF: Action.TAKE_DATA,
        PduType.RELEASE_RQ: Action.ANSWER_RELEASE,
        PduType.ABORT: Action.TAKE_ABORT,
    },
    State.AWAITING_ANSWER: dict.fromkeys(_ALL, Action.REFUSE)
    | {
        PduType.ASSOCIATE_AC: Action.TAKE_ACCEPTANCE,
        PduType.ASSOCIATE_RJ: Action.TAKE_REJECTION,
        PduType.ABORT: Action.TAKE_ABORT,
    },
    State.AWAITING_RELEASE: dict.fromkeys(_ALL, Action.REFUSE)
    | {
        PduType.P_DATA_TF: Action.TAKE_DATA,  # AR-6; nobody waits for it any more
        PduType.RELEASE_RQ: Action.ANSWER_RELEASE,  # AR-8, AR-9: a collision
        PduType.RELEASE_RP: Action.TAKE_RELEASE,
        PduType.ABORT: Action.TAKE_ABORT,
    },
    State.AWAITING_CLOSE: dict.fromkeys(_ALL, Action.IGNORE),
}
