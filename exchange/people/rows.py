"""What the directory stores of a record: one reading of it, for a message and for a load of millions."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from exchange.people.numbers import is_nhs_number
from exchange.people.person import NHS, NumberStatus, Record, Said
from exchange.people.stored import stored_demographics
from storage.names import plain_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The columns of person_record that a source's word fills, by name."""

    issuer: str
    value: str
    nhs_number: str | None
    number_status: str
    sensitivity: str | None
    demographics: dict[str, Any]
    said_at: datetime
    said_by: str
    family: str
    given: str
    birth_date: str | None
    sex: str | None
    postcode: str | None

    @property
    def verified(self) -> str | None:
        """The NHS number by which a trust's own number is verified."""
        is_verified = self.number_status == NumberStatus.VERIFIED.value and self.issuer != NHS
        return self.nhs_number if is_verified else None


def row_of(record: Record, said: Said) -> Row:
    """What is stored of a record."""
    demographics = record.demographics
    identifier = record.identifier
    nhs_number = record.nhs_number.replace(" ", "")
    status = held_status(identifier.value if identifier.is_nhs else nhs_number, record.status)
    return Row(
        issuer=identifier.issuer,
        value=identifier.value,
        nhs_number=nhs_number or None,
        number_status=status.value,
        sensitivity=record.sensitivity.value if record.sensitivity else None,
        demographics=stored_demographics(demographics),
        said_at=said.at,
        said_by=said.by,
        family=_plain(demographics.name.family),
        given=_plain(" ".join(demographics.name.given)),
        birth_date=demographics.birth_date or None,
        sex=demographics.sex.value or None,
        postcode=demographics.postcode.replace(" ", "").upper() or None,
    )


def held_status(nhs_number: str, said: NumberStatus) -> NumberStatus:
    """What is kept of a status: nobody verified a number that has a wrong check digit, or is not there."""
    if said is NumberStatus.VERIFIED and nhs_number and not is_nhs_number(nhs_number):
        return NumberStatus.TO_BE_RESOLVED
    if not nhs_number and said in (NumberStatus.VERIFIED, NumberStatus.NOT_TRACED):
        return NumberStatus.NOT_PRESENT
    return said


@lru_cache(maxsize=50_000)
def _plain(name: str) -> str:
    return " ".join(plain_words(name))
