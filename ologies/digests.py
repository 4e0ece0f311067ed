"""What tells one file from every other."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_all(digests: Sequence[str]) -> str:
    """Of a file and those that belong to it, from theirs; a single one's own."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
