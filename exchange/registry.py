"""Who we know: trusts, and the peers (DICOM application entities) of each."""

from dataclasses import dataclass
from enum import Enum


class DuplicatePolicy(Enum):
    """What a peer's entry says of the same SOP Instance UID with other content."""

    REFUSE = "refuse"  # kept aside, failure 0xC001, a person chooses
    WARN = "warn"  # kept aside, the sender hears a warning (0xB000)
    REPLACE = "replace"  # the newer becomes current, the older a kept version


@dataclass(frozen=True, slots=True)
class Trust:
    """An organisation that owns what its peers send."""

    ods_code: str
    name: str
    issuer: str  # namespace of its bare identifiers; the ODS code unless set otherwise
    place: str = ""  # one of the nine places of Cheshire and Merseyside


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM application entity and what it may do here."""

    ae_title: str
    trust: Trust
    host: str | None = None  # the address it must come from; None for any
    port: int | None = None  # where it listens, when it does
    may_store: bool = True
    may_read: bool = False
    duplicates: DuplicatePolicy = DuplicatePolicy.REFUSE
    association_limit: int | None = None  # at one time; None: the service's own limit
    private_sop_classes: tuple[
        str, ...
    ] = ()  # private storage classes taken from this peer, beyond the standard's
