"""One request for storage commitment (PS3.4 §J): what is asked, what is found, what is told. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from storage.receipt import Outcome

#: Failure Reasons (PS3.3 §C.14.1.1), and none.
COMMITTED = 0
PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119

#: What an attempt to store came to, where the bytes were looked at; the others say nothing of them.
ASIDE = tuple(
    each.value
    for each in (
        Outcome.DIFFERENT, Outcome.MISPLACED, Outcome.WITHOUT_UIDS, Outcome.NOT_AS_SAID, Outcome.UNREADABLE,
    )
)  # fmt: skip
KEPT = tuple(each.value for each in Outcome if each.is_kept)


class TransactionTaken(Exception):
    """The same peer asked by this Transaction UID before, for other instances."""


@dataclass(frozen=True, kw_only=True)
class CommitmentSettings:
    """Storage commitment (PS3.4 §J)."""

    wait_s: float = 600.0  # for instances that are unknown: they may still be on their way
    days: int = 7  # a report is tried again, until so many days after it could be given

    def __post_init__(self) -> None:
        if self.wait_s < 0 or self.days < 1:
            raise ValueError("wait_s is 0 or more, days at least 1")


@dataclass(frozen=True, slots=True)
class Reference:
    """One instance that a peer asks about."""

    sop_class_uid: str
    uid: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and how the report goes."""

    peer_id: int  # of its entry in the registry
    peer: str
    trust: str
    called: str  # the report goes out in this name
    on_association: bool  # of the peer's; else on one of ours


@dataclass(frozen=True, slots=True)
class Claimed:
    """A request that is ours to work on for a while."""

    id: int
    transaction_uid: str
    peer_id: int
    peer: str
    trust: str
    called: str
    on_association: bool
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a peer is to hear (PS3.4 §J.3.3)."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[tuple[Reference, int], ...]  # and the Failure Reason of each


class State(Enum):
    """How far a request has come."""

    SETTLING = "settling"
    UNDELIVERED = "not delivered yet"
    GIVEN_UP = "undelivered"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Listed:
    """A request, for a person."""

    id: int
    transaction_uid: str
    peer: str
    trust: str
    asked_at: datetime
    settled_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    instances: int
    committed: int
    failed: int
    tries: int
    next_at: datetime
    because: str

    @property
    def is_open(self) -> bool:
        """Somebody will look at it, or try again."""
        return self.state in (State.SETTLING, State.UNDELIVERED)

    @property
    def state(self) -> State:
        """How far it has come."""
        if self.delivered_at is not None:
            return State.DELIVERED
        if self.given_up_at is not None:
            return State.GIVEN_UP
        return State.SETTLING if self.settled_at is None else State.UNDELIVERED


@dataclass(frozen=True, slots=True)
class Looked:
    """What the index knows of one instance that was asked about."""

    place: int
    asked_class: str
    kept_class: str | None  # None: not kept
    kept_object: int | None
    last_outcome: str | None  # of the peer's own attempts to store it
    last_object: int | None


def reason_of(looked: Looked) -> int | None:
    """Why it fails (PS3.3 §C.14.1.1); COMMITTED where its object, re-read, is sound; None: it may yet come.

    What a rejection note hides is kept as safely as anything, and so is committed: a modality that asks may
    delete its own (IHE RAD TF, IOCM: a rejection is no matter of custody).
    """
    if looked.last_outcome in ASIDE and looked.last_object != looked.kept_object:
        return PROCESSING_FAILURE  # the bytes that this peer holds are not those that are kept
    if looked.kept_class is None:
        return None
    return COMMITTED if looked.kept_class == looked.asked_class else CLASS_INSTANCE_CONFLICT
