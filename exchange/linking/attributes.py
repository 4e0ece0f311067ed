"""What a study says of its patient once it is another's: the attributes of a correction. Pure.

Nothing that was said of the one whose identifiers it bore is left standing beside the name of the other.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence

from pydicom.datadict import dictionary_VR

from exchange.outgoing import (
    ISSUER_OF_PATIENT_ID,
    OTHER_PATIENT_IDS,
    PATIENT_ID,
)
from exchange.people.person import NHS, Identifier, Person
from storage.corrections import Member
from storage.errors import BadInput
from storage.facts import IDENTITY

NAME, BIRTH_DATE, SEX, AGE = "00100010", "00100030", "00100040", "00101010"

#: What a worklist says of a person besides who they are (PS3.3 §C.2.4, §C.3.2): of somebody else it is
#: dangerous. Size and weight stay: who did the study measured or asked them.
_OF_SOMEBODY = (
    "00102000", "00102110", "00102160", "00102180", "001021A0", "001021B0", "001021C0", "001021D0",
    "001021F0", "00104000", "00380010", "00380014", "00380050", "00380500",
)  # fmt: skip
#: Attributes that a correction of identity may name: what is looked for in the study.
OF_THE_PATIENT = IDENTITY | frozenset(_OF_SOMEBODY) | {AGE}

#: Letters that no decomposition makes plain.
_PLAIN = str.maketrans({
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ħ": "h", "Ħ": "H",
    "ı": "i", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ß": "ss", "’": "'", "‘": "'",
})  # fmt: skip


class CannotBeWritten(BadInput):
    """A name that the characters of a study have no way to say, or that nobody told us."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the study cannot be given their name: {why}")


def number_for(
    person: Person,
    issuers: Sequence[str],
    gone: Collection[Identifier] = (),
    borne: Identifier | None = None,
) -> Identifier:
    """By which number a study of theirs names them: one of the study's own trust, else the NHS number.

    The one that it bears already, `borne`, stays where it is theirs. `issuers` are the trust's, the most
    wanted first; `gone` are numbers that gave way to others. Somebody with neither is named by the number by
    which the directory knows them.
    """
    known = sorted({person.identifier, *(each.identifier for each in person.others)} - set(gone))
    if borne in known and borne.issuer in issuers:
        return borne
    for issuer in issuers:
        own = next((each for each in known if each.issuer == issuer), None)
        if own is not None:
            return own
    return person.identifier


def attributes_for(
    person: Person,
    number: Identifier,
    held: Collection[str],
    age: str,
    can_write: Callable[[str], bool],
) -> Mapping[str, Member]:
    """DICOM JSON. `held` are the tags of OF_THE_PATIENT that have a value; `age` is theirs then, or "".

    Raises CannotBeWritten.
    """
    said = person.demographics
    emptied = sorted(OF_THE_PATIENT.intersection(held))
    changed: dict[str, Member] = {tag: {"vr": dictionary_VR(int(tag, 16))} for tag in emptied}
    changed[NAME] = {"vr": "PN", "Value": [{"Alphabetic": _written(said.name.dicom, can_write)}]}
    changed[PATIENT_ID] = {"vr": "LO", "Value": [number.value]}
    changed[ISSUER_OF_PATIENT_ID] = {"vr": "LO", "Value": [number.issuer]}
    is_whole = len(said.birth_date) == 8
    changed[BIRTH_DATE] = {"vr": "DA", "Value": [said.birth_date]} if is_whole else {"vr": "DA"}
    changed[SEX] = {"vr": "CS", "Value": [said.sex.value]} if said.sex.value else {"vr": "CS"}
    if AGE in changed and age:
        changed[AGE] = {"vr": "AS", "Value": [age]}
    if person.nhs_number and not number.is_nhs:
        item = {
            PATIENT_ID: {"vr": "LO", "Value": [person.nhs_number]},
            ISSUER_OF_PATIENT_ID: {"vr": "LO", "Value": [NHS]},
            "00100022": {"vr": "CS", "Value": ["TEXT"]},
        }
        changed[OTHER_PATIENT_IDS] = {"vr": "SQ", "Value": [item]}
    return dict(sorted(changed.items()))


def age_at(birth_date: str, study_date: str) -> str:
    """Patient's Age (0010,1010) as AS (PS3.5 §6.2); "" where either day is not known in full.

    >>> age_at("19710304", "20260301")
    '054Y'
    >>> age_at("20260115", "20260301")
    '001M'
    """
    if len(birth_date) != 8 or len(study_date) != 8 or study_date < birth_date:
        return ""
    months = (int(study_date[:4]) - int(birth_date[:4])) * 12 + int(study_date[4:6]) - int(birth_date[4:6])
    months -= study_date[6:] < birth_date[6:]
    return f"{months:03}M" if months < 24 else f"{months // 12:03}Y"


def _written(name: str, can_write: Callable[[str], bool]) -> str:
    """With its accents where the study has room for them, else without."""
    if not name:
        raise CannotBeWritten("nobody has told the directory what they are called")
    if name.isascii() or can_write(name):
        return name
    bare = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    plain = bare.translate(_PLAIN)
    if not plain.isascii():
        raise CannotBeWritten("its character set has no such letters")
    return plain
