"""People who do not exist: names, birth dates, and NHS numbers from the range kept for tests."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from imx.demo.region import SHARED_BY, SHARED_NUMBER, DemoTrust

#: 999 000 0000 to 999 999 9999 are never issued to anybody.
TEST_RANGE = 999

FAMILIES = (
    "Ashworth", "O'Neill", "Łukasik", "Bainbridge", "Müller", "Fazakerley", "Nuttall-Jones", "Brontë",
    "Okonkwo", "Rimmer", "Singh", "Ní Bhriain", "Halsall", "Sørensen", "Ferreira", "Molyneux",
)  # fmt: skip
GIVEN = {
    "F": ("Zoë", "Aoife", "Margaret", "Siân", "Priya", "Małgorzata", "Ruth", "Chloé"),
    "M": ("Łukasz", "Thomas", "José", "Rhys", "Arjun", "Björn", "Samuel", "Ciarán"),
}
#: Names in ideographs carry the Latin form beside them (PS3.5 §6.2.1.2).
IDEOGRAPHIC = (("Wang^Xiaodong=王^小東", "M"), ("Yamada^Hanako=山田^花子", "F"), ("Kim^Minsu=김^민수", "M"))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented, and the number that each trust knows them by."""

    nhs_number: str
    name: str  # as a DICOM person name: family^given (PS3.5 §6.2.1)
    birth_date: date
    sex: str  # F, M (PS3.3 §C.7.1.1)
    local_numbers: tuple[tuple[str, str], ...]  # (ODS code, hospital number)

    def local_number(self, trust: DemoTrust) -> str:
        """What a trust calls this person."""
        return dict(self.local_numbers)[trust.ods_code]


def check_digit(first_nine: str) -> int | None:
    """The tenth digit of an NHS number: modulus 11, weights 10 to 2; None where no number can be."""
    total = sum(int(digit) * weight for digit, weight in zip(first_nine, range(10, 1, -1), strict=True))
    digit = (11 - total % 11) % 11
    return None if digit == 10 else digit


def is_nhs_number(text: str) -> bool:
    """Ten digits of which the last checks the others."""
    return len(text) == 10 and text.isascii() and text.isdigit() and check_digit(text[:9]) == int(text[9])


def nhs_number(number: int) -> str:
    """The `number`th NHS number of the test range, counted over those that a check digit allows."""
    valid = (
        f"{first_nine}{digit}"
        for first_nine in range(TEST_RANGE * 1_000_000, (TEST_RANGE + 1) * 1_000_000)
        if (digit := check_digit(str(first_nine))) is not None
    )
    for index, text in enumerate(valid):
        if index == number:
            return text
    raise ValueError(f"the test range holds no NHS number {number}")


def crowd(count: int, trusts: Sequence[DemoTrust], seed: int = 2026) -> tuple[Person, ...]:
    """So many people, the same for the same seed.

    On purpose the first two, who have nothing in common, hold the same hospital number at two trusts.
    """
    chance = random.Random(seed)  # noqa: S311 - invented people, not secrets
    return tuple(_person(number, trusts, chance) for number in range(count))


def _person(number: int, trusts: Sequence[DemoTrust], chance: random.Random) -> Person:
    if number and number % 7 == 0 and number // 7 <= len(IDEOGRAPHIC):
        name, sex = IDEOGRAPHIC[number // 7 - 1]
    else:
        sex = "FM"[number % 2]
        family = FAMILIES[number % len(FAMILIES)]
        name = f"{family}^{GIVEN[sex][(number // 2 + number // len(FAMILIES)) % len(GIVEN[sex])]}"
    born = date(1931, 1, 1) + timedelta(days=chance.randrange(365 * 90))
    local = {trust.ods_code: f"{chance.randrange(200_000, 10_000_000):07d}" for trust in trusts}
    if number < len(SHARED_BY):
        local[SHARED_BY[number].ods_code] = SHARED_NUMBER
    return Person(
        nhs_number(chance.randrange(number * 40, number * 40 + 40)), name, born, sex, tuple(local.items())
    )
