"""What became of an instance that somebody asked us to keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from storage.errors import ArchiveError, BadInput, TooLarge


class Outcome(Enum):
    """What became of an instance."""

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


#: C-STORE answers (PS3.4 §B.2.3, PS3.7 §C), and failure reasons of STOW-RS (PS3.18 §I.2.2). The conformance
#: statement prints this table.
STORE_STATUS: Mapping[Outcome, int] = {
    Outcome.KEPT: 0x0000,
    Outcome.ALREADY_KEPT: 0x0000,
    Outcome.REPLACED: 0x0000,
    Outcome.DIFFERENT: 0xC001,  # ours: kept aside, a person chooses
    Outcome.MISPLACED: 0xC001,  # the same
    Outcome.WITHOUT_UIDS: 0xC000,  # cannot understand
    Outcome.UNREADABLE: 0xC000,
    Outcome.NOT_AS_SAID: 0xA900,  # data set does not match SOP class
    Outcome.TRY_AGAIN: 0xA700,  # out of resources: the same request may succeed later
    # Out of resources too, for no other class of B.2.3 fits a sound object that is too big for us. A code of
    # its own within A7xx, so that a sender which tries again on A700 can tell that this one would not help.
    Outcome.TOO_LARGE: 0xA710,
    Outcome.REFUSED: 0x0124,  # not authorised
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The archive's answer. When it is returned, what it says is durable."""

    outcome: Outcome
    sop_instance_uid: str
    because: str = ""  # for the sender's log: facts, never a value from the data set
    study_uid: str = ""  # of an instance that the archive answers for
    series_uid: str = ""


def outcome_of(error: ArchiveError) -> Outcome:
    """What an error of the archive means for the instance it met."""
    match error:
        case TooLarge():
            return Outcome.TOO_LARGE
        case BadInput():
            return Outcome.UNREADABLE
        case _:
            return Outcome.TRY_AGAIN
