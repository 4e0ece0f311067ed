"""Whom somebody looks for, as they typed it; and what it means. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime

from exchange.people.finding import Criteria, Day, Text, Token
from exchange.people.numbers import is_nhs_number
from exchange.people.person import NHS

_LONGEST = 64
_WRITTEN = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %m %Y", "%d %B %Y", "%d %b %Y", "%d-%b-%Y")


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of the form, as text."""

    nhs_number: str = ""
    family: str = ""
    given: str = ""
    birth_date: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> "Typed":
        """From what the form sent, or what `as_json` made: its own fields and no others."""
        return cls(**{each.name: form[each.name].strip() for each in fields(cls) if each.name in form})

    def as_json(self) -> dict[str, str]:
        """Those that are filled in."""
        return {name: text for name, text in asdict(self).items() if text}


@dataclass(frozen=True, slots=True)
class Meant:
    """What it means: criteria, or what is wrong with each field, in words."""

    criteria: Criteria = field(default_factory=Criteria)
    errors: Mapping[str, str] = field(default_factory=dict)


def mean(typed: Typed) -> Meant:
    """An NHS number names one person; without it, a family name and a birth date do nearly always."""
    errors = {
        name: f"Enter no more than {_LONGEST} characters"
        for name, text in asdict(typed).items()
        if len(text) > _LONGEST
    }
    if typed.nhs_number and not errors:
        number = re.sub(r"[\s-]", "", typed.nhs_number)
        if not is_nhs_number(number):
            return Meant(errors={"nhs_number": "Check the NHS number: one of its ten digits is wrong"})
        return Meant(Criteria(identifiers=((Token(number, NHS),),)))
    if not typed.as_json():
        return Meant(errors={"nhs_number": "Enter an NHS number, or a family name and a date of birth"})
    born = _day(typed.birth_date)
    if not typed.family:
        errors.setdefault("family", "Enter the family name")
    if born is None:
        errors.setdefault("birth_date", "Enter the date of birth, such as 27/3/1971")
    if errors or born is None:
        return Meant(errors=errors)
    return Meant(
        Criteria(
            families=((Text(typed.family),),),
            givens=((Text(typed.given),),) if typed.given else (),
            births=((Day(f"{born:%Y%m%d}"),),),
        )
    )


def _day(text: str) -> date | None:
    for form in _WRITTEN:
        try:
            found = datetime.strptime(text, form).date()  # noqa: DTZ007 -- a day, wherever it is
        except ValueError:
            continue
        return found if found.year >= 1800 else None
    return None
