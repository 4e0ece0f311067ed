"""Keys of objects: made here, of the hour and chance, never of anything a sender wrote."""

import re
from datetime import UTC, datetime
from secrets import token_hex

#: UTC year/month/day/hour, 128 random bits; .dcm for an object of the archive, .tus for a piece of an upload.
_KEY = re.compile(
    r"[0-9]{4}/(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])/([01][0-9]|2[0-3])/[0-9a-f]{32}\.(dcm|tus)"
)
_PIECE = ".tus"


def fresh_key(at: datetime) -> str:
    """A key that nobody else has, filed under the hour of `at`.

    A folder holds an hour's objects, and a new parent folder (which must be flushed too) is rare.
    """
    return f"{_fresh(at)}.dcm"


def fresh_piece_key(at: datetime) -> str:
    """The same, for a piece of a file that is being uploaded: no DICOM, whatever its bytes say."""
    return f"{_fresh(at)}{_PIECE}"


def is_key(text: str) -> bool:
    """Whether one of these could have made it. Nothing else reaches a path or a bucket."""
    return _KEY.fullmatch(text) is not None


def is_piece(key: str) -> bool:
    """Whether it is a piece's."""
    return key.endswith(_PIECE)


def checked(key: str) -> str:
    """The key, when it is one; a caller with another has a fault, and no path is made of it."""
    if not is_key(key):
        raise ValueError("not a key of the object store")
    return key


def _fresh(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc.year:04}/{utc.month:02}/{utc.day:02}/{utc.hour:02}/{token_hex(16)}"
