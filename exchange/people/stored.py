"""Demographics as the directory stores them, and from it."""

from typing import Any

from pydantic import TypeAdapter

from exchange.people.person import Demographics

_DEMOGRAPHICS = TypeAdapter(Demographics)


def demographics_of(stored: Any) -> Demographics:
    """From a row's JSON."""
    return _DEMOGRAPHICS.validate_python(stored)


def stored_demographics(said: Demographics) -> dict[str, Any]:
    """For a row's JSON; what nobody said is left out."""
    found: dict[str, Any] = _DEMOGRAPHICS.dump_python(said, mode="json", exclude_defaults=True)
    return found
