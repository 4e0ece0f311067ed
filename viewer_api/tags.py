"""Entity tags of what is made from instances (RFC 9110 §8.8.3)."""

import hashlib
from collections.abc import Mapping, Sequence

from starlette.requests import Request

from storage.archive import Stored
from storage.corrections import Correction

#: Raised when the same instance is drawn otherwise than before, so that nobody keeps an old picture.
_EDITION = "1"


def tag_of(
    instances: Sequence[Stored], corrections: Mapping[int, tuple[Correction, ...]], asked: object
) -> str:
    """By the objects, which never change under their keys, what corrects them, and what was asked for."""
    digest = hashlib.sha256(f"{_EDITION} {asked!r}".encode())
    for each in instances:
        digest.update(f" {each.key}".encode())
        for correction in corrections.get(each.id, ()):
            digest.update(f" {correction.made_at.isoformat()} {correction.attributes!r}".encode())
    return f'W/"{digest.hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the reader has it already (RFC 9110 §13.1.2: compared weakly)."""
    known = [each.strip() for each in ",".join(request.headers.getlist("if-none-match")).split(",")]
    return bool(tag) and ("*" in known or tag in known or tag.removeprefix("W/") in known)
