"""What of a record is shown to whom, by default: data that an administrator edits. Pure.

It is no permission: who may see what is decided by exchange.policy, and before this is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from exchange.record.specialty import Specialty
from storage.errors import BadInput


class Audience(Enum):
    """Who reads."""

    PRACTITIONER = "practitioner"
    PERSON = "person"  # whose record it is
    CARER = "carer"


class Part(Enum):
    """What is shown of a study, besides what and when it was."""

    PICTURES = "pictures"
    DETAILS = "details"  # which trust holds it, its accession number, how many images
    REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class View:
    """What is shown."""

    specialties: tuple[Specialty, ...]
    has_pictures: bool
    has_reports: bool
    has_unverified: bool  # reports that nobody has verified yet
    order: tuple[Part, ...]  # of what is shown of a study

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that are shown, in their order."""
        hidden = {Part.PICTURES: not self.has_pictures, Part.REPORTS: not self.has_reports}
        return tuple(each for each in self.order if not hidden.get(each, False))


@dataclass(frozen=True, slots=True)
class KeptView:
    """A view as it stands. Version 1 is as we deliver it."""

    audience: Audience
    view: View
    version: int
    changed_at: datetime
    changed_by: str


class BadView(BadInput):
    """A view that cannot be; `problems` says what is wrong, by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in problems.items()))
        self.problems = problems


_VIEW = TypeAdapter(View)


def view_from(said: Any) -> View:
    """What was typed or sent, checked. Raises BadView."""
    try:
        view = _VIEW.validate_python(said)
    except ValidationError as error:
        raise BadView({".".join(map(str, each["loc"])): each["msg"] for each in error.errors()}) from error
    problems = {}
    if not view.specialties:
        problems["specialties"] = "choose at least one"
    elif len(set(view.specialties)) < len(view.specialties):
        problems["specialties"] = "each is named once"
    if sorted(each.value for each in view.order) != sorted(each.value for each in Part):
        problems["order"] = "each part has one place"
    if view.has_unverified and not view.has_reports:
        problems["has_unverified"] = "reports that nobody has verified are shown only where reports are"
    if problems:
        raise BadView(problems)
    return view


def view_as_json(view: View) -> dict[str, Any]:
    """As it is stored and sent."""
    found: dict[str, Any] = _VIEW.dump_python(view, mode="json")
    return found
