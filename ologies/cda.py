"""What the header of an HL7 CDA document says of itself and its patient (CDA R2 §4.2; PS3.3 §A.45.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from ologies.case import Sex
from ologies.dataset import NHS_NUMBER_OID
from ologies.errors import Damaged
from ologies.settled import Said

#: In memory, as a tree; a letter with its pictures has a few megabytes.
CDA_LIMIT_BYTES = 64 * 1024 * 1024

_V3 = "{urn:hl7-org:v3}"
_SEXES = {"M": Sex.MALE, "F": Sex.FEMALE}
_TIMES = ("%Y%m%d%H%M%S%z", "%Y%m%d%H%M%z", "%Y%m%d%H%M%S", "%Y%m%d%H%M")


@dataclass(frozen=True, slots=True)
class Header:
    """A CDA's."""

    identifier: str  # HL7 Instance Identifier (0040,E001): root^extension
    title: str
    said: Said


def read_header(content: bytes) -> Header:
    """Raises Damaged for what is no CDA, with entities or without an identifier of its own."""
    if len(content) > CDA_LIMIT_BYTES:
        raise Damaged(f"it is longer than a CDA is taken to be ({CDA_LIMIT_BYTES:,} bytes)")
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Damaged(f"it is no CDA that can be read ({type(error).__name__})") from error
    own = _first(root, "id")
    if own is None or not own.get("root"):
        raise Damaged("the CDA has no identifier of its own")
    identifier = "^".join(filter(None, (own.get("root"), own.get("extension"))))
    title = _first(root, "title")
    return Header(identifier[:1024], _plain(title), _said(root))


def _said(root: Any) -> Said:
    role = _first(root, "recordTarget", "patientRole")
    patient = None if role is None else _first(role, "patient")
    name = None if patient is None else _first(patient, "name")
    effective = _first(root, "effectiveTime")
    at = _moment(effective.get("value", "")) if effective is not None else None
    if role is None or patient is None:
        return Said(at=at)
    gender = _first(patient, "administrativeGenderCode")
    born = _first(patient, "birthTime")
    return Said(
        identifier=_identifier(role),
        family="" if name is None else _plain(_first(name, "family")),
        given="" if name is None else _plain(_first(name, "given")),
        birth_date=None if born is None else _day(born.get("value", "")),
        sex=None if gender is None else _SEXES.get(gender.get("code", "")),
        at=at,
    )


def _identifier(role: Any) -> str:
    """Their NHS number; a case has no OIDs with which others could be compared."""
    numbers = (
        each.get("extension") or "" for each in _each(role, "id") if each.get("root") == NHS_NUMBER_OID
    )
    return next(numbers, "")


def _each(inside: Any, name: str) -> Iterator[Any]:
    yield from inside.iterfind(f"{_V3}{name}")


def _first(inside: Any, *path: str) -> Any:
    for name in path:
        inside = None if inside is None else next(_each(inside, name), None)
    return inside


def _plain(element: Any) -> str:
    """What LO may hold of its text."""
    text = "" if element is None else "".join(element.itertext())
    plain = "".join(each if each.isprintable() and each not in "\\^=" else " " for each in text)
    return " ".join(plain.split())[:64]


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    for layout in _TIMES:
        try:
            return datetime.strptime(text, layout)  # noqa: DTZ007 -- what says no zone has none
        except ValueError:
            continue
    return None
