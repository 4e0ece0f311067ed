"""A link: whose study it is, and by what evidence; or why nobody knows."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from exchange.people.person import Identifier

#: Who decided what nobody had to.
LINKER = "imx linker"


class LinkState(Enum):
    """What is known of whose study it is."""

    LINKED = "linked"
    AMBIGUOUS = "ambiguous"  # several people could be meant, or likeness alone points to one
    UNMATCHED = "unmatched"  # nobody we know
    CONFLICTING = "conflicting"  # the number says one person, and something else says it is not


class Verdict(Enum):
    """What one fact says."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    UNKNOWN = "not known"  # on one of both sides


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact, compared: for the person who looks at it."""

    fact: str  # "NHS number", "birth date", "given name" …
    verdict: Verdict
    words: str  # "the study says …": shown to reviewers, never logged


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Whom one way of naming the patient in a study means, as it stands now (corrections applied)."""

    identifiers: tuple[Identifier, ...]  # the Patient ID and Other Patient IDs, each with its issuer
    name: str  # DICOM person name, all its groups (PS3.5 §6.2.1)
    birth_date: str  # YYYYMMDD, "" where it says none
    sex: str  # F, M, O or ""
    trust: str  # ODS code of the sender's
    postcode: str = ""
    study_date: str = ""  # YYYYMMDD, or the day on which it came


@dataclass(frozen=True, slots=True)
class Decided:
    """What the rules, or a person, say of a study."""

    state: LinkState
    person_id: int | None  # directory number, of whom it is linked to
    evidence: tuple[Evidence, ...]
    proposed: tuple[int, ...] = ()  # people who could be meant, the likeliest first


@dataclass(frozen=True, slots=True)
class Link:
    """How it stands."""

    study_uid: str
    decided: Decided
    at: datetime
    by: str
    is_by_hand: bool
