"""The archive's door for what is pulled: each instance in the name of the source and its trust."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dicom_router.pulling.pace import Pace
from storage.ingest import Door, Incoming
from storage.objects import Bytes
from storage.origin import Origin
from storage.receipt import Receipt

#: What was called, in the origin of an instance that we fetched ourselves.
CALLED = "pull"


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose instances a source gives."""

    name: str  # AE title of the peer, or the name that was given
    trust: str  # ODS code
    issuer: str  # of its bare identifiers
    address: str
    may_replace: bool = False  # its newer content becomes current
    trust_issuer: str = ""  # of its bare accession numbers, where that is another


@dataclass(frozen=True, slots=True)
class Taking:
    """A source.Take."""

    door: Door
    sender: Sender
    pace: Pace

    def __call__(self, incoming: Incoming, chunks: Iterable[Bytes]) -> Receipt:
        """Keep one instance."""
        sender = self.sender
        origin = Origin(
            peer=sender.name,
            trust=sender.trust,
            issuer=sender.issuer,
            address=sender.address,
            called=CALLED,
            received_at=datetime.now(UTC),
            trust_issuer=sender.trust_issuer,
        )
        incoming = replace(incoming, may_replace=sender.may_replace)
        return self.door.accept(incoming, self.pace.through(chunks), origin)
