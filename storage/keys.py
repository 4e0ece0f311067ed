"""Keys of objects: made here, of the hour and chance, never of anything a sender wrote."""

import re
from datetime import UTC, datetime
from uuid import uuid4

#: UTC year/month/day/hour, 128 random bits, .dcm.
_KEY = re.compile(r"[0-9]{4}/(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])/([01][0-9]|2[0-3])/[0-9a-f]{32}\.dcm")


def fresh_key(at: datetime) -> str:
    """A key that nobody else has, filed under the hour of `at`.

    A folder holds an hour's objects, and a new parent folder (which must be flushed too) is rare.
    """
    return f"{at.astimezone(UTC):%Y/%m/%d/%H}/{uuid4().hex}.dcm"


def is_key(text: str) -> bool:
    """Whether `fresh_key` could have made it. Nothing else reaches a path or a bucket."""
    return _KEY.fullmatch(text) is not None


def checked(key: str) -> str:
    """The key, when it is one; a caller with another has a fault, and no path is made of it."""
    if not is_key(key):
        raise ValueError("not a key of the object store")
    return key
