"""What is wrong with the details that somebody filled in, at the field where it can be mended. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ologies.case import Case
from viewer_api.laboratory.fields import FIELDS

#: What a part of the case says of itself (ologies.case), by a word of it, and the field that it is about.
_OF_PARTS: Mapping[str, tuple[str, str]] = {
    "nhs_number": ("person.nhs_number", "Check the NHS number: 10 digits, and one of them is wrong"),
    "an identifier": ("person.issuer", "Say which trust gave the hospital number, and enter the number"),
    "accession number counts": ("encounter.issuer", "Say which trust gave the visit or accession number"),
}


def problems_in(said: Mapping[str, Any]) -> dict[str, str]:
    """Words for a person by the path of a field; "" where it is none of the page's. Empty: all is well."""
    try:
        Case.model_validate_json(orjson.dumps(said))
    except ValidationError as error:
        return dict(_problem(each) for each in error.errors(include_url=False, include_input=False))
    return {}


def _problem(found: ErrorDetails) -> tuple[str, str]:
    for word, problem in _OF_PARTS.items():
        if word in found["msg"]:
            return problem
    path = ".".join(map(str, found["loc"]))
    field = next((each for each in FIELDS if f"{each.path}.".startswith(f"{path}.")), None) or next(
        (each for each in FIELDS if path.startswith(f"{each.path}.")), None
    )
    if field is None:
        return "", f"{path} cannot be read"
    return field.path, f"Check “{field.label}”: it is too long, or not of the form that is needed"
