"""The states of an association acceptor, and what each PDU means in them (PS3.8 §9.2, Tables 9-1 to 9-10).

Sta3 and Sta8 (a decision of ours is awaited) pass within one call here, so they have no line. Sta7 and
Sta9 to Sta12 (a release that we asked for, and its collision) are never entered: we do not ask for one.
"""

from collections.abc import Mapping
from enum import Enum

from dicom_router.pdus import PduType


class State(Enum):
    """Where an association is."""

    AWAITING_REQUEST = "Sta2"  # transport open, ARTIM running
    ESTABLISHED = "Sta6"  # ready for data transfer
    AWAITING_CLOSE = "Sta13"  # we have said our last word, ARTIM running


class Action(Enum):
    """What is done, with the name PS3.8 Tables 9-6 to 9-9 give it."""

    NEGOTIATE = "AE-6"  # answer with A-ASSOCIATE-AC or -RJ
    TAKE_DATA = "DT-2"
    ANSWER_RELEASE = "AR-2"  # A-RELEASE-RP, once nothing is pending
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
    State.AWAITING_CLOSE: dict.fromkeys(_ALL, Action.IGNORE),
}
