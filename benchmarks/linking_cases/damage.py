"""What goes wrong with what a study says, and how often."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.linking_cases.case import Case, clean
from benchmarks.linking_cases.region import Region, Someone
from benchmarks.population import TRUSTS


def _another_digit(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice([each for each in "0123456789" if each != text[at]]) + text[at + 1 :]


def _mistyped_number(case: Case, region: Region) -> None:
    """One digit of one number: another person's, or nobody's."""
    at = region.chance.randrange(len(case.numbers)) if case.numbers else None
    if at is not None:
        case.numbers[at] = replace(
            case.numbers[at], value=_another_digit(case.numbers[at].value, region.chance)
        )


def _numbers_of(other: Someone, case: Case, region: Region) -> None:
    case.numbers = list(clean(other, region.chance).numbers)


def _relatives_number(case: Case, region: Region) -> None:
    _numbers_of(region.relative_of(case.whose), case, region)


def _strangers_number(case: Case, region: Region) -> None:
    """A wrong wristband, a wrong line of a worklist, a number that was given to somebody new."""
    _numbers_of(region.anybody(), case, region)


def _one_strangers_number(case: Case, region: Region) -> None:
    case.numbers.append(region.relative_of(case.whose).record(region.chance).identifier)


def _no_number(case: Case, region: Region) -> None:
    case.numbers = []


def _other_trusts_issuer(case: Case, region: Region) -> None:
    """A number that counts in the wrong namespace: the peer's entry is wrong."""
    issuer = region.chance.choice(TRUSTS)
    case.numbers = [each if each.is_nhs else replace(each, issuer=issuer) for each in case.numbers]


def _initial(case: Case, region: Region) -> None:
    case.given = case.given[:1]


def _no_given(case: Case, region: Region) -> None:
    case.given = ""


def _no_name(case: Case, region: Region) -> None:
    case.family = case.given = ""


def _middle_name(case: Case, region: Region) -> None:
    case.given = case.whose.said.name.given[-1]


def _mistyped_given(case: Case, region: Region) -> None:
    if len(case.given) > 2:
        at = region.chance.randrange(1, len(case.given) - 1)
        case.given = case.given[:at] + case.given[at + 1] + case.given[at] + case.given[at + 2 :]


def _short_form(case: Case, region: Region) -> None:
    first = case.given.split(" ")[0].capitalize()
    case.given = SHORT_FORMS.get(first, case.given)


def _changed_family(case: Case, region: Region) -> None:
    case.family = region.anybody().said.name.family


def _doubled_family(case: Case, region: Region) -> None:
    case.family += "-" + region.anybody().said.name.family


def _swapped_names(case: Case, region: Region) -> None:
    case.family, case.given = case.given, case.family


def _no_separator(case: Case, region: Region) -> None:
    case.separator = " "


def _placeholder(case: Case, region: Region) -> None:
    case.given = region.chance.choice(
        ("BABY", "BABY BOY", "BABY GIRL", "TWIN 1", "TWIN 2", "INFANT", "UNKNOWN")
    )


def _relatives_given(case: Case, region: Region) -> None:
    """The twin's, the mother's: typed for the wrong one."""
    case.given = " ".join(region.relative_of(case.whose).said.name.given[:1])


def _no_birth_date(case: Case, region: Region) -> None:
    case.birth_date = ""


def _swapped_birth_date(case: Case, region: Region) -> None:
    if case.birth_date[6:] <= "12":
        case.birth_date = case.birth_date[:4] + case.birth_date[6:] + case.birth_date[4:6]


def _mistyped_birth_date(case: Case, region: Region) -> None:
    if case.birth_date:
        case.birth_date = _another_digit(case.birth_date, region.chance)


def _no_sex(case: Case, region: Region) -> None:
    case.sex = region.chance.choice(("", "O"))


def _other_sex(case: Case, region: Region) -> None:
    case.sex = {"F": "M", "M": "F"}.get(case.sex, "")


def _two_patients(case: Case, region: Region) -> None:
    """Instances of two people under one Study Instance UID."""
    case.also.append(clean(region.relative_of(case.whose), region.chance))


#: How often each happens to a study. The last ones may make it whole again: so it is in archives.
DAMAGE: Mapping[str, tuple[float, Callable[[Case, Region], None]]] = {
    "a stranger's number": (0.01, _strangers_number),
    "a relative's number": (0.02, _relatives_number),
    "one number more, a relative's": (0.005, _one_strangers_number),
    "a mistyped number": (0.02, _mistyped_number),
    "a number in another trust's namespace": (0.005, _other_trusts_issuer),
    "no number": (0.02, _no_number),
    "a relative's given name": (0.01, _relatives_given),
    "a short form": (0.04, _short_form),
    "an initial": (0.03, _initial),
    "the middle name": (0.02, _middle_name),
    "a mistyped given name": (0.01, _mistyped_given),
    "BABY or the like": (0.01, _placeholder),
    "no given name": (0.01, _no_given),
    "another family name": (0.03, _changed_family),
    "a second family name": (0.01, _doubled_family),
    "no separator": (0.01, _no_separator),
    "swapped names": (0.005, _swapped_names),
    "no name": (0.003, _no_name),
    "no birth date": (0.015, _no_birth_date),
    "day and month swapped": (0.005, _swapped_birth_date),
    "a mistyped birth date": (0.01, _mistyped_birth_date),
    "no sex": (0.05, _no_sex),
    "another sex": (0.005, _other_sex),
    "two patients": (0.005, _two_patients),
}

#: As people are called; not the rules' own table.
SHORT_FORMS = {
    "Margaret": "Maggie", "Patricia": "Pat", "Susan": "Sue", "Christine": "Chris", "Elizabeth": "Liz",
    "Rebecca": "Becky", "Jessica": "Jess", "Deborah": "Debbie", "Jacqueline": "Jackie", "Nicola": "Nikki",
    "Robert": "Bob", "David": "Dave", "Michael": "Mick", "Stephen": "Steve", "Christopher": "Chris",
    "James": "Jim", "Daniel": "Danny", "Matthew": "Matt", "Thomas": "Tom", "Joshua": "Josh", "Joseph": "Joe",
    "William": "Bill", "Samuel": "Sam", "Benjamin": "Ben", "Anthony": "Tony", "Philip": "Phil",
}  # fmt: skip
