"""Where an instance came from."""

from dataclasses import dataclass
from datetime import datetime

#: Characters that are kept of a text of a peer's. The longest that the standard knows, a UID, has 64.
SAID_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent an instance, and when: kept in its row and beside its bytes.

    `issuer` is the namespace in which a bare Patient ID of this peer counts (what its entry says, else its
    trust's). It is never empty: two trusts' "123456" are two people. A bare accession number counts in its
    trust's, which is another where the peer sends NHS numbers, say.
    """

    peer: str  # calling AE title, or the account that uploaded
    trust: str  # ODS code of the peer's trust
    issuer: str
    address: str  # the peer's network address
    called: str  # AE title, or path, that was called
    received_at: datetime  # aware, UTC
    trust_issuer: str = ""  # "" where it is `issuer` as well

    @property
    def accession_issuer(self) -> str:
        """The namespace in which a bare accession number counts."""
        return self.trust_issuer or self.issuer

    def __post_init__(self) -> None:
        if not (self.trust and self.issuer):
            raise ValueError("an origin without a trust and an issuer identifies nobody")
        if self.received_at.tzinfo is None:
            raise ValueError("received_at needs a time zone")
