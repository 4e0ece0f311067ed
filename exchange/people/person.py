"""A person as the directory knows them (FHIR Patient, HL7 v2 PID).

The words are the NHS Data Dictionary's. Dates are DICOM's YYYYMMDD, or as much of it as is known.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Self
from uuid import UUID

#: The issuer of NHS numbers, as DICOM and HL7 name it (CX.4).
NHS = "NHS"

#: The issuer of what the PDS bore out of trusts' numbers: nobody goes by these (exchange.people.pds).
TRACES = "PDS trace"


class NumberStatus(Enum):
    """NHS NUMBER STATUS INDICATOR CODE (NHS Data Dictionary; UKCore-NHSNumberVerificationStatusEngland)."""

    VERIFIED = "01"  # present and verified
    NOT_TRACED = "02"  # present, not traced
    TRACE_REQUIRED = "03"
    NO_MATCH = "04"  # trace attempted: no match, or several
    TO_BE_RESOLVED = "05"  # a conflict
    IN_PROGRESS = "06"
    NOT_PRESENT = "07"  # and not required
    POSTPONED = "08"  # a baby under six weeks


class Sensitivity(Enum):
    """Who may hear where somebody lives (v3-Confidentiality, as PDS says it)."""

    NORMAL = "N"
    RESTRICTED = "R"
    VERY_RESTRICTED = "V"


class Sex(Enum):
    """As DICOM says it (Patient's Sex, (0010,0040)); what nobody said is UNKNOWN."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A number and who gave it out: without its issuer it names nobody."""

    value: str
    issuer: str

    @classmethod
    def nhs(cls, number: str) -> Self:
        """An NHS number, ten digits."""
        return cls(number, NHS)

    @property
    def is_nhs(self) -> bool:
        """Whether it is an NHS number."""
        return self.issuer == NHS


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name (FHIR HumanName). `use` is FHIR's: official, usual, maiden, old …"""

    family: str
    given: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    use: str = "official"

    @property
    def dicom(self) -> str:
        """As a DICOM person name (PS3.5 §6.2.1): the first given name, then the others as middle names."""
        first, others = (self.given[0], " ".join(self.given[1:])) if self.given else ("", "")
        return "^".join((self.family, first, others, self.prefix, self.suffix)).rstrip("^")


@dataclass(frozen=True, slots=True)
class Demographics:
    """What one source says of somebody. The first name is the one in use."""

    names: tuple[PersonName, ...] = ()
    birth_date: str = ""  # YYYYMMDD, YYYYMM, YYYY or ""
    sex: Sex = Sex.UNKNOWN
    address: tuple[str, ...] = ()  # lines
    postcode: str = ""
    practice: str = ""  # ODS code of the general practice
    died: str = ""  # YYYYMMDD, or "" for whoever lives
    is_dead: bool = False  # also where nobody knows when
    birth_order: int | None = (
        None  # of a multiple birth, 0 where nobody says which; None: not known to be one
    )

    @property
    def name(self) -> PersonName:
        """The one in use."""
        return self.names[0] if self.names else PersonName("")


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """When something was said, and in which message: what was said later stands, whenever it comes."""

    at: datetime
    by: str  # message control ID, file name or who did it


@dataclass(frozen=True, slots=True)
class Record:
    """What a source says of one identifier that it gave out."""

    identifier: Identifier
    demographics: Demographics
    nhs_number: str = ""
    status: NumberStatus = NumberStatus.NOT_PRESENT
    sensitivity: Sensitivity | None = Sensitivity.NORMAL  # None: it says nothing of that


@dataclass(frozen=True, slots=True)
class Known:
    """An identifier by which a person is known, and what its source holds of their NHS number."""

    identifier: Identifier
    status: NumberStatus


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, by the identifier for which all their others stand.

    `identifier` is their NHS number where one is verified, else a trust's own number that nothing verified
    joins to anybody.
    """

    id: int
    uid: UUID
    identifier: Identifier
    status: (
        NumberStatus  # of their NHS number: the NHS's own word, else VERIFIED where any source holds it so
    )
    sensitivity: Sensitivity
    demographics: Demographics
    others: tuple[Known, ...] = field(default=())  # superseded and local numbers, by issuer and value
    #: When what is known of them changed last: any of their records, or which those are.
    changed_at: datetime | None = field(default=None, compare=False)

    @property
    def nhs_number(self) -> str:
        """Empty for somebody without one that is verified."""
        return self.identifier.value if self.identifier.is_nhs else ""

    @property
    def is_verified(self) -> bool:
        """Whether the directory holds status 01 for their NHS number now."""
        return self.identifier.is_nhs and self.status is NumberStatus.VERIFIED
