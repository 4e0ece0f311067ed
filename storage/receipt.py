"""What became of an instance that somebody asked us to keep."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What became of an instance. `dicom_router.store` maps each to a C-STORE status."""

    KEPT = "kept"
    ALREADY_KEPT = "already kept"  # same UID, same content
    DIFFERENT = "different content"  # same UID, other content: kept aside, the first stays
    MISPLACED = "other study"  # same UID in another series or study: kept aside
    WITHOUT_UIDS = "without UIDs"  # no usable study, series or instance UID: kept aside
    NOT_AS_SAID = "not as said"  # SOP class or instance differ from the command: kept aside
    UNREADABLE = "unreadable"  # not a data set: kept aside
    REPLACED = "replaced"  # the peer's entry says its newer instance becomes current
    TRY_AGAIN = "try again"  # nothing was claimed: no room, or a part is away
    TOO_LARGE = "too large"
    REFUSED = "refused"  # the policy said no

    @property
    def is_kept(self) -> bool:
        """The archive answers for this content from now on."""
        return self in (Outcome.KEPT, Outcome.ALREADY_KEPT, Outcome.REPLACED)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The archive's answer. When it is returned, what it says is durable."""

    outcome: Outcome
    sop_instance_uid: str
    because: str = ""  # for the sender's log: facts, never a value from the data set
