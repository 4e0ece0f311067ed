"""What HL7 v2 ADT can say of a corrected study to an archive that has it, and what it cannot. Pure.

ADT speaks of patients, never of one study (HL7 v2.5.1 §3.3, IHE RAD TF-2 §4.12, PIR). Two things that a
correction does are true of a patient: a number gave way to another (A40), and somebody's details were wrong
under their own number (A08). That one study is another person's is neither. A40 would give all that is
theirs to the other; A08 would rename them; A43 moves a whole number and A45 a visit, with all that is filed
under it, and archives do not take them (PIR has neither).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from exchange.linking.as_told import AsTold
from exchange.people.alike import plain
from exchange.people.person import Identifier, Person


class Trigger(Enum):
    """By which event it is said."""

    UPDATE = "A08"  # update patient information
    MERGE = "A40"  # merge patient, patient identifier list


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message: somebody's number and details as they stand, and the number that gave way to it."""

    trigger: Trigger
    number: Identifier  # as the archive has it
    gone: Identifier | None
    person: Person  # by whom the directory knows the number


class CannotBeSaid(Exception):
    """No message says this, and nothing more than this; the text says why, and holds no patient data."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the directory and the ledger know of a number that a copy bore, or that its study bears now."""

    survivors: Mapping[Identifier, Identifier]  # of numbers that gave way
    people: Mapping[Identifier, Person]
    still_borne: frozenset[Identifier]  # numbers that other studies at that destination bear here


def announcements(
    before: Sequence[AsTold], after: Sequence[AsTold], known: Known
) -> tuple[Announcement, ...]:
    """All that makes a copy right, one of each identity that changed. Raises CannotBeSaid."""
    if len(before) != len(after):
        raise CannotBeSaid("instances with other details have come since")
    found = [_announcement(*each, known) for each in zip(before, after, strict=True)]
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _announcement(before: AsTold, after: AsTold, known: Known) -> Announcement | None:
    is_same_number = before.told == after.told
    if is_same_number and _said(before) == _said(after):
        return None
    person = known.people.get(after.own)
    if person is None:
        raise CannotBeSaid("the directory does not know the number that the study bears now")
    if is_same_number:
        if _said(after) != _details(person):
            raise CannotBeSaid("the study says other details than the directory does")
        return Announcement(Trigger.UPDATE, after.told, None, person)
    if known.survivors.get(before.own) != after.own:
        raise CannotBeSaid("it is another person’s, and ADT moves no study by itself")
    if before.own in known.still_borne:
        raise CannotBeSaid("another study there bears the number still")
    return Announcement(Trigger.MERGE, after.told, before.told, person)


def _said(told: AsTold) -> tuple[str, str, str]:
    """Name, birth date and sex, as a data set says them."""
    [name] = told.members.get("00100010", {}).get("Value") or [{}]
    of_day = told.members.get("00100030", {}).get("Value") or [""]
    of_sex = told.members.get("00100040", {}).get("Value") or [""]
    alphabetic = (name or {}).get("Alphabetic", "")
    return _plain(alphabetic), str(of_day[0] or ""), str(of_sex[0] or "")


def _details(person: Person) -> tuple[str, str, str]:
    said = person.demographics
    born = said.birth_date if len(said.birth_date) == 8 else ""
    return _plain(said.name.dicom), born, said.sex.value


def _plain(name: str) -> str:
    """However it is written: a study may have no room for its accents."""
    return "^".join(map(plain, name.split("^"))).rstrip("^")
