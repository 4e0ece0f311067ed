"""What an instance calls its patient and its order when it leaves for another trust.

Two trusts' "123456" are two people, and many a PACS matches by the bare number. So another trust is given
its own number where the person is linked, else one that begins with the ODS code of whose it is; the issuer
stands beside it, and the original in Other Patient IDs Sequence and Original Attributes.
"""

import hashlib
from base64 import b32encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exchange.people.numbers import is_nhs_number
from exchange.trusts import Trust, successors
from storage.corrections import Correction, Member

ACCESSION = "00080050"
ISSUER_OF_ACCESSION = "00080051"
PATIENT_ID = "00100020"
ISSUER_OF_PATIENT_ID = "00100021"
QUALIFIERS = "00100024"  # Issuer of Patient ID Qualifiers Sequence
OTHER_PATIENT_IDS = "00101002"
RETIRED_OTHER_PATIENT_IDS = "00101000"

#: Characters of LO and SH (PS3.5 §6.2).
LO_LIMIT, SH_LIMIT = 64, 16

#: Whose numbers are the same everywhere: the NHS number's issuer, by its name and its OID.
NATIONAL = frozenset({"NHS", "2.16.840.1.113883.2.1.4.1"})


@dataclass(frozen=True, slots=True)
class Number:
    """An identifier and its namespace, which is never empty."""

    text: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Journey:
    """From the trust that owns what is sent to the trust that receives it."""

    owner: Trust
    receiver: Trust
    trusts: Collection[Trust]  # all that we know

    def prefix(self, issuer: str) -> str:
        """Says whose a number is, once for each namespace: RBL-, and RBL-HOSPITAL1- for one of RBL's own."""
        home = self.home_of(issuer)
        return f"{home.ods_code}-" if home else f"{self.owner.ods_code}-{issuer}-"

    def home_of(self, issuer: str) -> Trust | None:
        """The trust whose namespace it is."""
        return next((each for each in self.trusts if each.issuer == issuer), None)

    def is_at_home(self, issuer: str) -> bool:
        """Whether the receiver's own bare numbers are of this namespace."""
        return issuer == self.receiver.issuer

    def keeps_its_number(self, number: Number) -> bool:
        """Whether it means the same person there: its trust was merged into that one, or it is national."""
        home = self.home_of(number.issuer)
        if home is not None and self.receiver.ods_code in successors(home.ods_code, self.trusts):
            return True
        return number.issuer in NATIONAL and is_nhs_number(number.text)


def foreign_identity(
    members: Mapping[str, Member], journey: Journey, at: datetime, linked: str | None = None
) -> Correction | None:
    """How a data set changes on this journey; None where it leaves as it is.

    `members` are its identity and study attributes as DICOM JSON, corrections in force applied. `linked` is
    the receiver's own Patient ID of this person, where it is known. The answer goes on top of the corrections
    in force; applied to what it has been applied to, it changes nothing.
    """
    changed = dict(_patient(members, journey, linked))
    changed.update(_order(members, journey))
    return Correction(dict(sorted(changed.items())), "COERCE", at) if changed else None


def _patient(
    members: Mapping[str, Member], journey: Journey, linked: str | None
) -> Iterator[tuple[str, Member]]:
    number = Number(
        _text(members, PATIENT_ID).strip(),
        _text(members, ISSUER_OF_PATIENT_ID).strip()
        or _designator(members, QUALIFIERS)
        or journey.owner.issuer,
    )
    if not number.text or journey.is_at_home(number.issuer):
        return
    stated = _text(members, ISSUER_OF_PATIENT_ID).strip()
    if linked is None and journey.keeps_its_number(number):
        if stated != number.issuer:
            yield ISSUER_OF_PATIENT_ID, {"vr": "LO", "Value": [number.issuer]}
        return
    if linked is not None:
        receiver = journey.receiver
        yield PATIENT_ID, {"vr": "LO", "Value": [linked]}
        yield ISSUER_OF_PATIENT_ID, {"vr": "LO", "Value": [receiver.issuer]}
        yield QUALIFIERS, {"vr": "SQ", "Value": [_qualifiers(receiver)]}
    else:
        foreign = foreign_number(number, journey, LO_LIMIT)
        if foreign == number.text and stated:
            return  # it says already whose it is
        yield PATIENT_ID, {"vr": "LO", "Value": [foreign]}
        yield ISSUER_OF_PATIENT_ID, {"vr": "LO", "Value": [number.issuer]}
        if not _items(members, QUALIFIERS):
            home = journey.home_of(number.issuer) or journey.owner
            yield QUALIFIERS, {"vr": "SQ", "Value": [_qualifiers(home)]}
    yield OTHER_PATIENT_IDS, {"vr": "SQ", "Value": _with_original(members, number, journey)}
    if members.get(RETIRED_OTHER_PATIENT_IDS, {}).get("Value"):
        yield RETIRED_OTHER_PATIENT_IDS, {"vr": "LO"}  # bare numbers, of nobody knows whom


def _order(members: Mapping[str, Member], journey: Journey) -> Iterator[tuple[str, Member]]:
    stated = _designator(members, ISSUER_OF_ACCESSION)
    number = Number(_text(members, ACCESSION).strip(), stated or journey.owner.issuer)
    if not number.text or journey.is_at_home(number.issuer):
        return
    if not journey.keeps_its_number(number):
        foreign = foreign_number(number, journey, SH_LIMIT)
        if foreign == number.text and stated:
            return
        yield ACCESSION, {"vr": "SH", "Value": [foreign]}
    if not stated:
        yield (
            ISSUER_OF_ACCESSION,
            {"vr": "SQ", "Value": [{"00400031": {"vr": "UT", "Value": [number.issuer]}}]},
        )


def foreign_number(number: Number, journey: Journey, limit: int) -> str:
    """The number as another trust may have it: prefixed; where that is too long, a digest of it is.

    An accession number has 16 characters and often uses all of them. A cut one could be another's, and one
    without its prefix would be.
    """
    prefix = journey.prefix(number.issuer)
    code = f"{prefix.partition('-')[0]}-"
    if number.text.startswith(code):
        return number.text
    if len(prefix) + len(number.text) <= limit:
        return prefix + number.text
    digest = b32encode(hashlib.sha256(f"{number.issuer}\0{number.text}".encode()).digest()).decode()
    return code + digest[: min(26, limit - len(code))]


def _with_original(members: Mapping[str, Member], number: Number, journey: Journey) -> Sequence[Any]:
    items = _items(members, OTHER_PATIENT_IDS)
    if any(
        (_text(item, PATIENT_ID), _text(item, ISSUER_OF_PATIENT_ID)) == (number.text, number.issuer)
        for item in items
    ):
        return items
    original = {
        PATIENT_ID: {"vr": "LO", "Value": [number.text]},
        ISSUER_OF_PATIENT_ID: {"vr": "LO", "Value": [number.issuer]},
        "00100022": {"vr": "CS", "Value": ["TEXT"]},
        QUALIFIERS: {
            "vr": "SQ",
            "Value": _items(members, QUALIFIERS)
            or [_qualifiers(journey.home_of(number.issuer) or journey.owner)],
        },
    }
    return [*items, original]


def _qualifiers(trust: Trust) -> Member:
    """A medical record number of this trust (PS3.3 §10.14, HL7 v2 table 0203)."""
    return {
        "00400035": {"vr": "CS", "Value": ["MR"]},
        "00400036": {"vr": "SQ", "Value": [{"00400031": {"vr": "UT", "Value": [trust.ods_code]}}]},
    }


def _items(members: Mapping[str, Member], tag: str) -> list[Any]:
    return list(members.get(tag, {}).get("Value", ()))


def _text(members: Mapping[str, Member], tag: str) -> str:
    values = members.get(tag, {}).get("Value")
    return values[0] if values and isinstance(values[0], str) else ""


def _designator(members: Mapping[str, Member], tag: str) -> str:
    """Of an HL7v2 Hierarchic Designator macro (PS3.3 §10.14), as the index reads it."""
    return next((_text(item, "00400032") or _text(item, "00400031") for item in _items(members, tag)[:1]), "")
