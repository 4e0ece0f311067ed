"""Callers that were turned away: counted by kind, so that a co-ordinator sees them and can admit them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Reason(Enum):
    """Why an association did not begin."""

    UNKNOWN_PEER = "unknown peer"  # no entry by that AE title and address
    CALLED_TITLE = "called title"  # it called an AE title that is not ours, or not ours for it
    PLAIN = "plain"  # known, but it must come over TLS
    CERTIFICATE = "certificate"  # known, but it showed another certificate, or none
    TLS = "tls"  # no handshake: nothing is known but the address
    FLOOD = "flood"  # more associations than its limits allow
    OTHER = "other"  # a limit of the whole service, a protocol that we do not speak


@dataclass(frozen=True, slots=True)
class Refusal:
    """One caller that was turned away, and why."""

    reason: Reason
    calling: str  # "" where it was not heard
    called: str
    address: str
    because: str
    is_tls: bool = False
    fingerprint: str = ""  # SHA-256 of the certificate that it showed


@dataclass(frozen=True, slots=True)
class Refused:
    """All refusals of one kind."""

    id: int
    last: Refusal
    first_at: datetime
    last_at: datetime
    times: int

    @property
    def is_admissible(self) -> bool:
        """Whether an entry in the registry would let it in."""
        return bool(self.last.calling) and self.last.reason in _ADMISSIBLE


_ADMISSIBLE = frozenset({Reason.UNKNOWN_PEER, Reason.PLAIN, Reason.CERTIFICATE, Reason.CALLED_TITLE})
