"""Orders as worklist items (PS3.4 Table K.6-1): one for each scheduled procedure step, as DICOM JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from dicom_router.data_sets import Members
from exchange.order import Code, Order, Status, Step
from exchange.orders import Placed
from storage.query import Path, vr_of

#: Scheduled Procedure Step Status (0040,0020), PS3.3 §C.4.10.
_STEP_STATUS: Mapping[Status, str] = {Status.SCHEDULED: "SCHEDULED", Status.IN_PROGRESS: "STARTED"}

#: Of an NHS number, in the Other Patient IDs Sequence.
NHS = "NHS"

Member = dict[str, Any]

#: Attributes of Table K.6-1 that no order here says anything of: asked for, they come without a value.
_UNSAID = (
    "00080054 00101020 00101030 00102000 00102110 001021B0 001021C0 0032000A 00380004 00380050 00380500"
    " 00400012 00401004 00401400 00402400 00403001"
).split()


def worklist_items(placed: Placed) -> Iterator[Members]:
    """What a worklist holds of an order: its steps that are not performed, attributes in ascending order."""
    for step in placed.order.steps:
        if step.id in placed.done_steps:
            continue
        members = {**_of_order(placed.order), "00400100": _sequence(_of_step(step, placed.status))}
        yield dict(sorted(members.items()))


def knows(path: Path) -> bool:
    """Whether an item may hold this attribute, so that it is matched and returned."""
    return f"{path[0]:08X}" in _KNOWN and (
        path[0] != 0x00400100 or len(path) < 2 or path[1] in _KNOWN_OF_STEP
    )


def asked_of(members: Members, asked: Mapping[Path, object]) -> Members:
    """Those attributes that were asked for; what has no value is there without one (PS3.4 §K.4.1.1.3.2)."""
    inside: dict[int, dict[Path, object]] = {}
    for path in asked:
        deeper = inside.setdefault(path[0], {})
        if len(path) > 1:
            deeper[path[1:]] = None
    found: Member = {}
    for tag, keys in sorted(inside.items()):
        member = members.get(f"{tag:08X}", {"vr": vr_of((tag,))})
        if keys and member.get("Value"):
            items = [asked_of(item, keys) for item in member["Value"]]
            member = {"vr": "SQ", "Value": items}
        found[f"{tag:08X}"] = member
    return found


def _of_order(order: Order) -> dict[str, Member]:
    patient = order.patient
    return {
        "00080050": _text("SH", order.accession),
        "00080051": _sequence({"00400031": _text("UT", order.accession_issuer)}),
        "00080090": _name(order.referring),
        "00081110": {"vr": "SQ"},
        "00081120": {"vr": "SQ"},
        "00100010": _name(patient.name),
        "00100020": _text("LO", patient.identifier),
        "00100021": _text("LO", patient.issuer),
        "00100030": _text("DA", patient.birth_date),
        "00100040": _text("CS", patient.sex),
        "00101002": _other_numbers(patient.nhs_number),
        "0020000D": _text("UI", order.study_uid),
        "00321032": _name(order.requesting),
        "00321060": _text("LO", order.description),
        "00321064": _codes(order.codes),
        "00380010": _text("LO", order.admission),
        "00380300": _text("LO", order.ward),
        "00401001": _text("SH", order.requested_id),
        "00401002": _text("LO", order.reason),
        "00401003": _text("SH", order.priority.value),
        "00402016": _text("LO", order.placer),
        "00402017": _text("LO", order.filler),
    }


def _of_step(step: Step, status: Status) -> dict[str, Member]:
    return {
        "00080060": _text("CS", step.modality),
        "00180015": _text("CS", step.body_part),
        "00321070": {"vr": "LO"},
        "00400001": _text("AE", step.station_ae_title),
        "00400002": _text("DA", step.date),
        "00400003": _text("TM", step.time),
        "00400006": _name(step.performing),
        "00400007": _text("LO", step.description),
        "00400008": _codes(step.protocol),
        "00400009": _text("SH", step.id),
        "00400010": _text("SH", step.station_name),
        "00400011": _text("SH", step.location),
        "00400012": {"vr": "LO"},
        "00400020": _text("CS", _STEP_STATUS.get(status, "")),
        "00400400": {"vr": "LT"},
    }


def _other_numbers(nhs_number: str) -> Member:
    """The patient's NHS number, where the order says it."""
    if not nhs_number:
        return {"vr": "SQ"}
    return _sequence(
        {"00100020": _text("LO", nhs_number), "00100021": _text("LO", NHS), "00100022": _text("CS", "TEXT")}
    )


def _codes(codes: tuple[Code, ...]) -> Member:
    items = [
        {"00080100": _text("SH", each.value[:16]), "00080102": _text("SH", each.scheme),
         "00080104": _text("LO", each.meaning)}
        for each in codes
    ]  # fmt: skip
    return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}


def _text(vr: str, text: str) -> Member:
    return {"vr": vr, "Value": [text]} if text else {"vr": vr}


def _name(text: str) -> Member:
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False))
    return (
        {"vr": "PN", "Value": [{name: group for name, group in groups.items() if group}]}
        if text
        else {"vr": "PN"}
    )


def _sequence(item: Mapping[str, Member]) -> Member:
    return {"vr": "SQ", "Value": [item]}


_EXAMPLE = Step(modality="OT", date="20260101", time="00")
_KNOWN_OF_STEP = frozenset(int(tag, 16) for tag in _of_step(_EXAMPLE, Status.SCHEDULED))
_KNOWN = frozenset(
    """00080005 00080050 00080051 00080090 00081110 00081120 00100010 00100020 00100021 00100030 00100040
    00101002 0020000D 00321032 00321060 00321064 00380010 00380300 00400100 00401001 00401002 00401003
    00402016 00402017""".split()
).union(_UNSAID)
