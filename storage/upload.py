"""A file that comes in pieces and becomes DICOM once it is whole: its states, its row, what can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from storage.errors import AlreadyDecided, NoRoom, NotHeld


class State(Enum):
    """Where an upload is."""

    RECEIVING = "receiving"
    WHOLE = "whole"  # all bytes are here, and nobody has said whose it is
    WAITING = "waiting"  # to be converted
    CONVERTING = "converting"
    ASKED = "asked"  # something is missing or contradicted: a person mends the case
    REFUSED = "refused"  # it does not become DICOM as it is
    KEPT = "kept"  # what was made of it is in the archive
    REMOVED = "removed"  # only its bytes are still to be deleted


#: In which a case may be given, again or for the first time.
OPEN = (State.RECEIVING, State.WHOLE, State.WAITING, State.ASKED, State.REFUSED)


@dataclass(frozen=True, kw_only=True)
class UploadSettings:
    """How much is taken, and for how long what is not finished is kept."""

    size_limit: int = 64 * 1000**3  # of one file
    person_limit: int = 512 * 1000**3  # of all that one person has not had kept or removed yet
    count_limit: int = 5000  # the same, in files
    keep_s: float = 7 * 24 * 60 * 60.0  # after the last piece, or the last word of a person


@dataclass(frozen=True, slots=True)
class Uploader:
    """Whose an upload is, and for which trust it is kept."""

    kind: str  # exchange.policy.ActorKind
    name: str
    own_trust: str
    trust: str
    issuer: str
    address: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two requests one person's."""
        return self.kind, self.name, self.own_trust


@dataclass(frozen=True, slots=True)
class Upload:
    """One, as it stands."""

    id: UUID
    actor: str
    trust: str
    issuer: str
    address: str
    name: str
    metadata: str
    length: int
    received: int
    state: State
    of_case: Mapping[str, Any] | None
    made: Mapping[str, Any] | None
    done: int
    changed: int
    created_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))


@dataclass(frozen=True, slots=True)
class Named:
    """What its sender says of a file."""

    name: str
    metadata: str = ""  # as it was sent
    batch: str = ""  # of those that belong together; "": it stands alone
    path: str = ""  # among them, with slashes


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are durable, and where they lie."""

    key: str
    size: int


class NoSuchUpload(NotHeld):
    """None by that number, or another person's: which of the two is not said."""

    def __init__(self) -> None:
        super().__init__("an upload by that address")


class WrongOffset(AlreadyDecided):
    """The piece does not begin where the last one ended (tus 1.0.0: 409)."""

    def __init__(self) -> None:
        super().__init__("the upload stands at another offset: ask for it (HEAD), and go on from there")


class TakenOver(AlreadyDecided):
    """A later request sends this upload now."""

    def __init__(self) -> None:
        super().__init__("another request sends this upload now")


class PersonsLimit(NoRoom):
    """This person has as much here, unfinished, as one may."""
