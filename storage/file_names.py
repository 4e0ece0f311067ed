"""UIDs as names of files and folders."""

import hashlib
import re


def as_name(uid: str) -> str:
    """A UID as a file name: one that is not digits and dots (PS3.5 §9.1) never becomes part of a path."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)*", uid) and len(uid) <= 64:
        return uid
    return "odd-" + hashlib.sha256(uid.encode()).hexdigest()[:32]
