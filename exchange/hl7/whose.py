"""Whom a message names in PID: every identifier with its issuer, the name and the birth date. Pure."""

from exchange.hl7.errors import BadField, Condition
from exchange.hl7.identifiers import NOT_OF_A_PATIENT, digits_of, is_of_nhs
from exchange.hl7.message import Segment, time_of
from exchange.hl7.namespace import Namespace
from exchange.people.numbers import is_nhs_number
from exchange.people.person import Identifier

#: Of a name that is shown: longer ones are text in the wrong place.
_NAME_LIMIT = 324
#: Of a Patient ID and its issuer (LO).
_LIMIT = 64


def identifiers_of(pid: Segment, namespace: Namespace) -> tuple[Identifier, ...]:
    """PID-3. An NHS number whose check digit is wrong names nobody and is left out. Raises BadField."""
    found: list[Identifier] = []
    for each in pid.repetitions(3):
        number, authority = each.text(1), (each.text(4), each.text(4, 2))
        if is_of_nhs(each):
            digits = digits_of(number)
            if is_nhs_number(digits):
                found.append(Identifier.nhs(digits))
        elif number and each.text(5).upper() not in NOT_OF_A_PATIENT:
            issuer = namespace.issuer_of(*authority)
            if max(len(number), len(issuer)) > _LIMIT:
                raise BadField(each.where, Condition.DATA_TYPE, f"longer than {_LIMIT} characters")
            found.append(Identifier(number, issuer))
    return tuple(dict.fromkeys(found))


def name_of(pid: Segment) -> str:
    """PID-5 as a DICOM person name; "" where it names nobody."""
    family, given, others, suffix, prefix = (pid.text(5, component) for component in range(1, 6))
    return "^".join((family, given, others, prefix, suffix)).rstrip("^")[:_NAME_LIMIT]


def birth_date_of(pid: Segment) -> str:
    """PID-7 as YYYYMMDD; "" where it says less. Raises BadField."""
    born = time_of(pid.field(7))
    return f"{born:%Y%m%d}" if born and len(pid.text(7)) >= 8 else ""
