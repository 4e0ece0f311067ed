"""A request to take a study, a series or an instance out of use, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from storage.errors import BadInput
from storage.stored import Resource


class NotYours(BadInput):
    """It is another trust's, or one's own request."""


class Standing(Enum):
    """How a request stands."""

    WAITING = "waiting"
    EXPIRED = "expired"  # nobody decided in time
    REJECTED = "rejected"
    APPROVED = "approved"
    UNDONE = "undone"  # an approved request to restore it
    PURGED = "purged"  # approved, and its bytes are gone


@dataclass(frozen=True, kw_only=True)
class WithdrawalSettings:
    """What is withdrawn by two people (DELETE, imx withdrawals)."""

    retention_days: int = 90  # that the bytes stay, and can be brought back
    request_days: int = 14  # that a request waits for a second person

    def __post_init__(self) -> None:
        if not 1 <= self.request_days <= 3650 or not 1 <= self.retention_days <= 36500:
            raise ValueError(
                "withdrawal.request_days and withdrawal.retention_days are 1 or more, and no centuries"
            )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A request, and what became of it."""

    id: int
    restores: int | None  # the withdrawal that it asks to undo
    level: str
    study_uid: str
    series_uid: str | None
    instance_uid: str | None
    trusts: Sequence[str]
    instances: int
    because: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    keep_until: datetime | None
    undone_at: datetime | None
    purged_at: datetime | None
    is_expired: bool

    @property
    def resource(self) -> Resource:
        """What it is about."""
        return Resource(self.study_uid, self.series_uid, self.instance_uid)

    @property
    def standing(self) -> Standing:
        """How it stands."""
        match self.decision:
            case "reject":
                return Standing.REJECTED
            case None:
                return Standing.EXPIRED if self.is_expired else Standing.WAITING
        if self.purged_at:
            return Standing.PURGED
        return Standing.UNDONE if self.undone_at else Standing.APPROVED
