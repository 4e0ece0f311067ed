"""What reports say as the database stores it, and from it."""

import hashlib
import json
from typing import Any

from pydantic import TypeAdapter

from exchange.reports.report import Content, Told

_CONTENT = TypeAdapter(Content)


def content_of(stored: Any) -> Content:
    """From a row's JSON."""
    return _CONTENT.validate_python(stored)


def stored_content(content: Content) -> dict[str, Any]:
    """For a row's JSON; what nobody said is left out."""
    found: dict[str, Any] = _CONTENT.dump_python(content, mode="json", exclude_defaults=True)
    return found


def digest_of(told: Told) -> bytes:
    """The same of what was said twice."""
    said = [told.status.value, told.said.at.isoformat(), told.said.by, stored_content(told.content)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()
