"""What we serve and what we call over DIMSE: the tables of dicom_router, as the statement orders them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_router import statuses
from dicom_router.commands import C_ECHO_RQ, C_FIND_RQ, C_GET_RQ, C_MOVE_RQ, C_STORE_RQ
from dicom_router.contexts import (
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)
from dicom_router.normalized import N_ACTION_RQ, N_CREATE_RQ, N_SET_RQ
from dicom_router.services.availability import INSTANCE_AVAILABILITY
from dicom_router.services.commitment_report import STORAGE_COMMITMENT
from dicom_router.services.finding import FIND_STATUS
from dicom_router.services.models import FIND_LEVELS
from dicom_router.services.performing import DUPLICATE_SOP_INSTANCE, INVALID_ATTRIBUTE_VALUE, PERFORMED_STEP
from dicom_router.services.responses import PENDING, PENDING_UNSUPPORTED
from dicom_router.services.store import DIFFERENT_AS_WARNING
from dicom_router.services.worklist import WORKLIST
from storage import commitment
from storage.receipt import STORE_STATUS

#: Command fields by the names of PS3.7 §E.1.
OPERATIONS: Mapping[int, str] = {
    C_STORE_RQ: "C-STORE",
    C_GET_RQ: "C-GET",
    C_FIND_RQ: "C-FIND",
    C_MOVE_RQ: "C-MOVE",
    C_ECHO_RQ: "C-ECHO",
    N_ACTION_RQ: "N-ACTION",
    N_CREATE_RQ: "N-CREATE",
    N_SET_RQ: "N-SET",
}

#: Final and pending statuses, with what each means here.
Statuses = Sequence[tuple[int, str]]

STORE_STATUSES: Statuses = sorted(
    [
        *((number, outcome.value) for outcome, number in STORE_STATUS.items()),
        (DIFFERENT_AS_WARNING, "different content, for a peer whose entry asks for a warning"),
    ]
)
FIND_STATUSES: Statuses = sorted(
    [
        *((number, ending.value) for ending, number in FIND_STATUS.items()),
        (PENDING, "an answer follows"),
        (PENDING_UNSUPPORTED, "an answer follows; some key is neither matched nor returned"),
    ]
)
RETRIEVE_STATUSES: Statuses = sorted(
    [
        (statuses.SUCCESS, "every sub-operation succeeded"),
        (statuses.SOME_FAILED, "some sub-operations failed or were warned about"),
        (statuses.ALL_FAILED, "no sub-operation could be done"),
        (statuses.CANNOT_COUNT, "what is asked for cannot be counted"),
        (statuses.UNKNOWN_DESTINATION, "move destination unknown"),
        (statuses.IDENTIFIER_DOES_NOT_MATCH, "identifier does not match the SOP class"),
        (statuses.NOT_AUTHORIZED, "refused by policy"),
        (statuses.CANCELLED, "cancelled as asked"),
        (statuses.PENDING, "sub-operations are under way"),
    ]
)
ECHO_STATUSES: Statuses = (
    (statuses.SUCCESS, "we are here"),
    (statuses.NOT_AUTHORIZED, "refused by policy"),
)
COMMITMENT_STATUSES: Statuses = (
    (statuses.SUCCESS, "the request is durable; the report follows"),
    (statuses.NO_SUCH_OBJECT_INSTANCE, "not the well-known instance"),
    (statuses.INVALID_ARGUMENT_VALUE, "a reference, or the Transaction UID, that is none"),
    (statuses.NO_SUCH_SOP_CLASS, "not the SOP class of this context"),
    (statuses.MISSING_ATTRIBUTE, "without a Transaction UID, or references"),
    (statuses.MISSING_ATTRIBUTE_VALUE, "with an empty one"),
    (statuses.NO_SUCH_ACTION, "another Action Type ID than 1"),
    (statuses.NOT_AUTHORIZED, "refused by policy"),
    (statuses.RESOURCE_LIMITATION, "longer than is taken, or not now: try again"),
)
_PERFORMED_ALWAYS: Statuses = (
    (INVALID_ATTRIBUTE_VALUE, "a status that the step cannot have now: one is created IN PROGRESS"),
    (statuses.MISSING_ATTRIBUTE, "without a data set, or created without a status"),
    (statuses.NOT_AUTHORIZED, "refused by policy"),
    (statuses.RESOURCE_LIMITATION, "longer than is taken, or not now: try again"),
)
CREATE_STATUSES: Statuses = (
    (statuses.SUCCESS, "the step is durable, scheduled or not"),
    (DUPLICATE_SOP_INSTANCE, "a step by that UID is known already"),
    (statuses.MISSING_ATTRIBUTE_VALUE, "created with an empty status"),
    *_PERFORMED_ALWAYS,
)
SET_STATUSES: Statuses = (
    (statuses.SUCCESS, "the change is durable"),
    (statuses.PROCESSING_FAILURE, "the step is completed or discontinued (Error ID A710H)"),
    (statuses.NO_SUCH_OBJECT_INSTANCE, "no step by that UID, of the peer's trust"),
    *_PERFORMED_ALWAYS,
)
#: Failure Reason (0008,1197) of what is not committed (PS3.3 §C.14).
COMMITMENT_FAILURES: Statuses = (
    (commitment.PROCESSING_FAILURE, "it cannot be vouched for: kept aside, or its digest differs"),
    (commitment.NO_SUCH_OBJECT_INSTANCE, "it has not come, nor within the time that is waited"),
    (commitment.CLASS_INSTANCE_CONFLICT, "it is kept, of another SOP class"),
)


@dataclass(frozen=True, slots=True)
class Service:
    """One service class as an SCP."""

    name: str
    section: str  # of the standard
    sop_classes: tuple[str, ...]
    operation: int  # command field of its request
    statuses: Statuses


#: Everything a router serves besides storage. tests/conformance holds this to what a router is given.
SERVED: tuple[Service, ...] = (
    Service("Verification", "PS3.4 §A", (VERIFICATION,), C_ECHO_RQ, ECHO_STATUSES),
    Service("Query", "PS3.4 §C.4.1", tuple(FIND_LEVELS), C_FIND_RQ, FIND_STATUSES),
    Service(
        "Retrieve by C-MOVE",
        "PS3.4 §C.4.2",
        (PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE),
        C_MOVE_RQ,
        RETRIEVE_STATUSES,
    ),
    Service(
        "Retrieve by C-GET", "PS3.4 §C.4.3", (PATIENT_ROOT_GET, STUDY_ROOT_GET), C_GET_RQ, RETRIEVE_STATUSES
    ),
    Service(
        "Storage Commitment Push Model", "PS3.4 §J.3", (STORAGE_COMMITMENT,), N_ACTION_RQ, COMMITMENT_STATUSES
    ),
    Service("Modality Worklist", "PS3.4 §K", (WORKLIST,), C_FIND_RQ, FIND_STATUSES),
    Service(
        "Modality Performed Procedure Step, begun",
        "PS3.4 §F.7",
        (PERFORMED_STEP,),
        N_CREATE_RQ,
        CREATE_STATUSES,
    ),
    Service(
        "Modality Performed Procedure Step, changed", "PS3.4 §F.7", (PERFORMED_STEP,), N_SET_RQ, SET_STATUSES
    ),
)

#: What we call as an SCU, and when.
CALLED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("C-STORE", (), "C-MOVE of a peer, routing and deliveries, `imx send`: every storage class"),
    (
        "N-EVENT-REPORT",
        (STORAGE_COMMITMENT,),
        "what became of a commitment request, in the role of its SCP, until it is delivered",
    ),
    ("N-CREATE", (PERFORMED_STEP,), "a performed step, told to the peers of `imx mpps tell`"),
    ("N-SET", (PERFORMED_STEP,), "what is said more of it, in order, until it is heard"),
    (
        "N-CREATE",
        (INSTANCE_AVAILABILITY,),
        "Instance Availability Notification, to peers whose entry asks for it",
    ),
    ("C-ECHO", (VERIFICATION,), "`imx pull`, whether a source that went away is back"),
    ("C-FIND", (STUDY_ROOT_FIND,), "`imx pull`: what a source has, level by level"),
    ("C-GET", (STUDY_ROOT_GET,), "`imx pull peer --by get`"),
    ("C-MOVE", (STUDY_ROOT_MOVE,), "`imx pull peer --by move`, to our own router"),
)
