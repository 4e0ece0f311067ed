"""Which of the numbers in a list of them is the NHS's (CX, HL7 v2.5.1 §2.A.14)."""

from dataclasses import dataclass

from exchange.hl7.message import Field, Segment

#: How UK systems say that a number is the NHS's: by type (CX.5, HL7 Table 0203), perhaps with its status
#: behind it, or by authority (CX.4).
_NHS_TYPES = ("NH", "NHS")
_NHS_AUTHORITIES = frozenset({"NHS", "NHSNBR", "2.16.840.1.113883.2.1.4.1"})
#: Types that name no patient but an account, a visit, a document (HL7 Table 0203).
NOT_OF_A_PATIENT = frozenset({"AN", "AM", "ANON", "BA", "DL", "PPN", "SS", "VN", "VS"})


@dataclass(frozen=True, slots=True)
class NhsNumber:
    """An NHS number, as it was sent, and where."""

    number: str  # digits, without the spaces and dashes that people write
    where: Field


def is_of_nhs(each: Field) -> bool:
    """Whether a repetition of a list is of the NHS."""
    return each.text(5).partition("{")[0].upper() in _NHS_TYPES or not _NHS_AUTHORITIES.isdisjoint(
        (each.text(4).upper(), each.text(4, 2))
    )


def nhs_number_in(pid: Segment) -> NhsNumber | None:
    """The first of PID-3."""
    for each in pid.repetitions(3):
        if each.text() and is_of_nhs(each):
            return NhsNumber(digits_of(each.text()), each)
    return None


def digits_of(number: str) -> str:
    """Without the spaces and dashes with which people write an NHS number."""
    return number.replace(" ", "").replace("-", "")
