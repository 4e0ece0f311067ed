"""Which order a study answers: one pure decision. In doubt it asks a person.

A study answers an order by its Study Instance UID, or by its accession number with that number's issuer; and
only where every Patient ID in it, with its issuer, and every birth date agree with the order's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exchange.order import Code, Order, Status
from storage.corrections import Member

Attributes = dict[str, Member]


@dataclass(frozen=True, slots=True)
class Whose:
    """How a study names its patient, as it stands now."""

    identifier: str
    issuer: str
    birth_date: str  # "" where it says none


@dataclass(frozen=True, slots=True)
class Study:
    """What a study says of itself, as it stands now."""

    uid: str
    accession: str
    accession_issuer: str
    whose: tuple[Whose, ...]
    holds: frozenset[str]  # tags of the attributes that have a value, of the study and its series


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order that bears the study's UID, or its accession number with the issuer."""

    id: int
    order: Order
    status: Status
    answered_by: frozenset[str]  # studies that are tied to it


@dataclass(frozen=True, slots=True)
class Tied:
    """It answers this order."""

    order_id: int
    because: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """It may answer these; a person decides."""

    order_ids: tuple[int, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Unrelated:
    """It answers no order that is known."""


Verdict = Tied | Doubt | Unrelated


def which(study: Study, candidates: Sequence[Candidate]) -> Verdict:
    """Which of the orders it answers, and why."""
    named = [each for each in candidates if each.order.study_uid == study.uid]
    how = "Study Instance UID"
    if not named and study.accession:
        wanted = (study.accession, study.accession_issuer)
        named = [each for each in candidates if (each.order.accession, each.order.accession_issuer) == wanted]
        how = "accession number and issuer"
    if not named:
        return Unrelated()
    if len(named) > 1:
        return Doubt(tuple(each.id for each in named), f"several orders bear its {how}")
    [found] = named
    if because := _against(study, found):
        return Doubt((found.id,), f"by {how}, but {because}")
    return Tied(found.id, f"{how}, Patient ID with issuer and birth date agree")


def _against(study: Study, candidate: Candidate) -> str:
    """What speaks against it; "" where nothing does."""
    patient = candidate.order.patient
    if not study.whose:
        return "the study names no patient"
    for each in study.whose:
        if (each.identifier, each.issuer) != (patient.identifier, patient.issuer):
            return "the Patient ID or its issuer is another"
        if not (each.birth_date and patient.birth_date):
            return "one of them has no birth date"
        if each.birth_date != patient.birth_date:
            return "the birth date is another"
    if candidate.status in (Status.CANCELLED, Status.DISCONTINUED):
        return f"the order is {candidate.status.value}"
    if candidate.answered_by - {study.uid}:
        return "another study answers the order already"
    return ""


#: Tags of the study that `taken` may give it.
TAKEN = frozenset({"00080050", "00080051", "00080090", "00081030", "00081032", "00100021"})


def taken(study: Study, order: Order) -> Attributes:
    """What a study takes of the order that it answers: only what it does not say itself.

    Text beyond ASCII is left where it is: the study's instances may be in a character set without it.
    """
    known: Attributes = {"00100021": _text("LO", order.patient.issuer)}
    if not study.accession or study.accession == order.accession:
        known["00080050"] = _text("SH", order.accession)
        if order.accession:
            known["00080051"] = _sequence({"00400031": _text("UT", order.accession_issuer)})
    known["00080090"] = _name(order.referring)
    known["00081030"] = _text("LO", order.description)
    known["00081032"] = _codes(order.codes)
    known["00400275"] = _sequence(_request(order))
    # An issuer is kept for every study in the index, whether or not its instances bear one.
    return {
        tag: member
        for tag, member in known.items()
        if (tag not in study.holds or tag == "00100021") and "Value" in member and _is_ascii(member)
    }


def _request(order: Order) -> Attributes:
    """An item of the Request Attributes Sequence (PS3.3 Table 10-9)."""
    members = {
        "00080050": _text("SH", order.accession),
        "0020000D": _text("UI", order.study_uid),
        "00321060": _text("LO", order.description),
        "00321064": _codes(order.codes),
        "00401001": _text("SH", order.requested_id),
    }
    return {tag: member for tag, member in members.items() if "Value" in member and _is_ascii(member)}


def _codes(codes: tuple[Code, ...]) -> Member:
    items = [
        {
            "00080100": _text("SH", each.value[:16]),
            "00080102": _text("SH", each.scheme),
            "00080104": _text("LO", each.meaning),
        }
        for each in codes
    ]
    return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}


def _text(vr: str, text: str) -> Member:
    return {"vr": vr, "Value": [text]} if text else {"vr": vr}


def _name(text: str) -> Member:
    return {"vr": "PN", "Value": [{"Alphabetic": text.partition("=")[0]}]} if text else {"vr": "PN"}


def _sequence(item: Attributes) -> Member:
    return {"vr": "SQ", "Value": [item]}


def _is_ascii(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, dict):
        return all(map(_is_ascii, value.values()))
    return all(map(_is_ascii, value)) if isinstance(value, list) else True
