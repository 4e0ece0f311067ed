"""What can go wrong in the archive.

ArchiveError
├── BadInput               the sender can mend it          HTTP 400   DIMSE C000
│   ├── Unreadable         not a data set we can walk
│   ├── TooLarge           beyond the set object size
│   └── BadQuery           a search that means nothing
├── NotHeld                nothing by that UID             HTTP 404
│   └── ObjectMissing      nothing under that key
├── AlreadyDecided         somebody was quicker             HTTP 409
├── Unencodable            a syntax has no room for them   HTTP 406
├── CannotCorrect          a correction in force           HTTP 500   DIMSE C000
└── Unavailable            ask again later                 HTTP 503   DIMSE A700
    ├── NoRoom             the disk is at its watermark, or full
    ├── ObjectsUnavailable the object store does not answer, or could not flush
    └── IndexUnavailable   the database does not answer
        ├── Contended      two do the same at once; the second try finds it done
        └── NotTaken       it answers, and refuses or gives up this one statement

An error holds facts (keys, digests, tags), never a value from a data set.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class ArchiveError(Exception):
    """Anything the archive refuses or cannot do."""


class BadInput(ArchiveError):
    """The sender can mend it."""


class Unreadable(BadInput):
    """The bytes are not a DICOM data set in the transfer syntax that was named."""

    def __init__(self, why: str, offset: int | None = None) -> None:
        super().__init__(why if offset is None else f"{why}, at byte {offset}")
        self.offset = offset


class TooLarge(BadInput):
    """The object is larger than this service takes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"larger than the {limit_bytes:,} bytes that this service takes (storage.object_limit)"
        )
        self.limit_bytes = limit_bytes


class BadQuery(BadInput):
    """A search that cannot be answered as asked."""


class NotHeld(ArchiveError):
    """Nothing is kept by that identifier."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not held here: {what}")
        self.what = what


class ObjectMissing(NotHeld):
    """No object under that key."""


class AlreadyDecided(ArchiveError):
    """What was asked for has been decided otherwise meanwhile."""


class Unencodable(ArchiveError):
    """Pixels for which the wanted transfer syntax has no room, or that it would not keep as they are."""


class CannotCorrect(ArchiveError):
    """A correction in force cannot be written into this data set, and without it nothing is given out."""


class Unavailable(ArchiveError):
    """The archive cannot answer now; the same request may succeed later."""


class NoRoom(Unavailable):
    """The disk has reached its watermark, or is full."""


class ObjectsUnavailable(Unavailable):
    """The object store does not answer, or could not make bytes durable."""


class IndexUnavailable(Unavailable):
    """The database does not answer."""


class Contended(IndexUnavailable):
    """Two do the same at once; trying again finds what the other did."""


class NotTaken(IndexUnavailable):
    """The database is there, and refuses what one statement says, or gives it up: it may do so every time."""


def is_outage(error: Exception) -> bool:
    """Whether whatever is asked fails now, and not this one thing alone.

    Whoever works through many things stops at an outage, and tries again; anything else costs one of them.
    """
    return isinstance(error, Unavailable) and not isinstance(error, NotTaken)


@contextmanager
def any_fault_unreadable(what: str) -> Iterator[None]:
    """Whatever pydicom or a decoder finds wrong is Unreadable; its own words may hold values."""
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"{what}: {type(error).__name__}") from error
