"""What a message tells of a document (HL7 v2.5.1 §9.6, MDM): which one, and what was done to it."""

from dataclasses import dataclass
from enum import Enum

from exchange.people.person import Identifier


class Act(Enum):
    """What was done to a document: the trigger events of MDM, in pairs without and with its content."""

    ORIGINAL = "original"  # T01, T02
    STATUS = "status"  # T03, T04
    ADDENDUM = "addendum"  # T05, T06: a document of its own, added to its parent
    EDIT = "edit"  # T07, T08: the same document, changed
    REPLACEMENT = "replacement"  # T09, T10: a document of its own, in place of its parent
    CANCEL = "cancel"  # T11


class Availability(Enum):
    """TXA-19 (HL7 Table 0273). CA, deleted, is told as a withdrawal."""

    AVAILABLE = "AV"  # for patient care
    UNAVAILABLE = "UN"
    OBSOLETE = "OB"  # another document stands in its place


@dataclass(frozen=True, slots=True)
class Notice:
    """Numbers count with the system that gave them out."""

    number: Identifier  # TXA-12
    act: Act
    parent: Identifier | None = None  # TXA-13: to what it is added, or in whose place it is
    availability: Availability = Availability.AVAILABLE
