"""What a trust asks for: an order (imaging service request), its procedure and the steps it is scheduled in.

The words are DICOM's (PS3.3 §C.4.10 to §C.4.15, PS3.4 §K.6.1.2); HL7 and the API both end in this.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import NAMESPACE_OID, uuid5

from pydantic import TypeAdapter


class Status(Enum):
    """Where an order stands, in the words of whoever placed it, or of the modality."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done, so that a worklist shows it."""
        return self in (Status.SCHEDULED, Status.IN_PROGRESS)


class Priority(Enum):
    """Requested Procedure Priority (0040,1003)."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Verification(Enum):
    """NHS number status (NHS Data Dictionary, NHS NUMBER STATUS INDICATOR CODE)."""

    VERIFIED = "01"
    NOT_VERIFIED = "02"
    UNKNOWN = ""


class BadOrder(ValueError):
    """An order that cannot be: the text names the field, never its value."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


#: Bounds of values that end in DICOM attributes (PS3.5 §6.2), by field.
_LENGTHS = {
    "accession": 16, "requested_id": 16, "placer": 64, "filler": 64, "number": 64, "description": 64,
    "reason": 64, "admission": 64, "ward": 64, "department": 64, "id": 16, "station_name": 16, "location": 16,
    "body_part": 16, "modality": 16, "station_ae_title": 16, "value": 64, "scheme": 16, "meaning": 64,
    "identifier": 64, "issuer": 64, "accession_issuer": 64, "name": 324, "referring": 324, "requesting": 324,
}  # fmt: skip
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_DATE = re.compile(r"[0-9]{8}")
_TIME = re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}(\.[0-9]{1,6})?)?)?")
_CODE = re.compile(r"[A-Z0-9_ ]*")


def _check(holder: object, *names: str) -> None:
    for name in names:
        text = getattr(holder, name)
        if len(text) > _LENGTHS[name]:
            raise BadOrder(name, f"longer than {_LENGTHS[name]} characters")
        if not text.isprintable() or "\\" in text:
            raise BadOrder(name, "holds a backslash or a control character")


def _check_form(holder: object, name: str, form: re.Pattern[str], what: str) -> None:
    text = getattr(holder, name)
    if text and not form.fullmatch(text):
        raise BadOrder(name, f"not {what}")


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 §8)."""

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        _check(self, "value", "scheme", "meaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Whom it is for, as the order's sender says."""

    identifier: str
    issuer: str = ""  # "": the sender's own; always set once the order is kept
    name: str = ""  # DICOM PN: component groups with "=", components with "^"
    birth_date: str = ""  # YYYYMMDD
    sex: str = ""  # M, F, O or ""
    nhs_number: str = ""
    nhs_status: Verification = Verification.UNKNOWN

    def __post_init__(self) -> None:
        _check(self, "identifier", "issuer", "name")
        _check_form(self, "birth_date", _DATE, "a date (YYYYMMDD)")
        _check_form(self, "sex", re.compile("[MFO]"), "M, F or O")
        _check_form(self, "nhs_number", re.compile("[0-9]{10}"), "an NHS number of ten digits")
        if not self.identifier:
            raise BadOrder("identifier", "required, and empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A scheduled procedure step: what one modality is to do, and when."""

    modality: str
    date: str  # YYYYMMDD, local
    time: str  # HHMMSS.FFFFFF, or less
    id: str = ""  # "": made from the order's
    station_ae_title: str = ""
    station_name: str = ""
    location: str = ""
    description: str = ""
    protocol: tuple[Code, ...] = ()
    performing: str = ""  # Scheduled Performing Physician's Name
    body_part: str = ""

    def __post_init__(self) -> None:
        _check(
            self, "modality", "id", "station_ae_title", "station_name", "location", "description", "body_part"
        )
        _check_form(self, "date", _DATE, "a date (YYYYMMDD)")
        _check_form(self, "time", _TIME, "a time (HHMMSS)")
        _check_form(self, "modality", _CODE, "a modality")
        if not (self.modality and self.date and self.time):
            raise BadOrder("modality" if not self.modality else "date", "required, and empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One requested procedure. `number` is how its trust calls it: the filler's number, else the placer's."""

    trust: str  # ODS code
    number: str
    patient: Patient
    steps: tuple[Step, ...] = ()
    placer: str = ""
    filler: str = ""
    accession: str = ""
    accession_issuer: str = ""  # "": the trust's own; always set once the order is kept
    study_uid: str = ""  # "": one that is always the same for this order
    requested_id: str = ""  # Requested Procedure ID
    description: str = ""
    codes: tuple[Code, ...] = ()
    reason: str = ""
    priority: Priority = Priority.ROUTINE
    requesting: str = ""  # Requesting Physician, DICOM PN
    referring: str = ""
    admission: str = ""
    ward: str = ""  # Current Patient Location
    department: str = ""  # Requesting Service
    body_site: Code | None = None
    specimens: tuple[str, ...] = ()  # numbers of specimens and their containers, as on their labels
    shared_with: frozenset[str] = field(default=frozenset())  # ODS codes whose worklists show it, too

    def __post_init__(self) -> None:
        _check(
            self, "number", "placer", "filler", "accession", "accession_issuer", "requested_id",
            "description", "reason", "requesting", "referring", "admission", "ward", "department",
        )  # fmt: skip
        for each in self.specimens:
            if not each or len(each) > 64 or not each.isprintable() or "\\" in each:
                raise BadOrder("specimens", "not a number of at most 64 characters")
        _check_form(self, "study_uid", _UID, "a UID")
        if len(self.study_uid) > 64:
            raise BadOrder("study_uid", "not a UID")
        if not self.number:
            raise BadOrder("number", "required, and empty")


#: Orders as JSON, and from it.
ORDERS = TypeAdapter(Order)


def uid_for(trust: str, number: str) -> str:
    """The Study Instance UID of an order that brought none (PS3.5 §B.2): always the same."""
    return f"2.25.{uuid5(NAMESPACE_OID, f'imx order {trust} {number}').int}"


@dataclass(frozen=True, slots=True)
class Said:
    """When something was said of an order, and in which message: later words go before earlier ones."""

    at: datetime
    by: str  # message control ID, or who did it

    @property
    def order(self) -> tuple[datetime, str]:
        """What makes the later of two."""
        return self.at, self.by
