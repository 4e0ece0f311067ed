"""Unique identifiers (PS3.5 §9)."""

import re

_UID = re.compile(r"[0-9.]{1,64}")


def is_uid(text: str) -> bool:
    """Digits and dots, at most 64 (PS3.5 §9.1). Leading zeros are sent, and harmless."""
    return _UID.fullmatch(text) is not None
