"""Whether a resource that is made already is one of those sought: by its own codes, numbers and dates."""

from collections.abc import Iterable, Mapping
from typing import Any

from viewer_api.fhir.dates import holds
from viewer_api.fhir.parameters import Token, Value, tokens

#: A system and a code, or a number.
Pair = tuple[str, str]


def has_token(pairs: Iterable[Pair], value: Value) -> bool:
    """Whether one of the pairs is one of the tokens (FHIR R4 §3.1.1.4.10)."""
    held = list(pairs)
    return any(_is(pair, token) for token in tokens(value) for pair in held)


def _is(pair: Pair, token: Token) -> bool:
    system, code = pair
    return (token.system is None or token.system == system) and (
        not token.value or token.value.casefold() == code.casefold()
    )


def codes(*concepts: Mapping[str, Any]) -> list[Pair]:
    """Of CodeableConcepts."""
    return [
        (each.get("system", ""), each.get("code", ""))
        for concept in concepts
        for each in concept.get("coding", ())
    ]


def numbers(identifiers: Iterable[Mapping[str, Any]]) -> list[Pair]:
    """Of Identifiers."""
    return [(each.get("system", ""), each["value"]) for each in identifiers]


def is_at(moment: str | None, value: Value) -> bool:
    """Whether a moment is one that a date parameter means."""
    return moment is not None and holds(value, moment)
