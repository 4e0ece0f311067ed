"""Orders out of OMI^O23 and ORM^O01 (IHE RAD TF-2 §4.4, §4.13; HL7 v2.5.1 §4). Pure.

One ORC with what follows it is one order, or one more step of the order before, where it bears its number.
What is missing in one segment is taken from where older senders put it: IPC, then OBR-18 to 20, OBR-24 and
ZDS; TQ1, then ORC-7 and OBR-27.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from exchange.hl7.errors import BadField, Condition, Where
from exchange.hl7.identifiers import digits_of, is_of_nhs
from exchange.hl7.message import Field, Message, Segment, time_of
from exchange.hl7.namespace import Namespace
from exchange.order import BadOrder, Code, Order, Patient, Priority, Said, Status, Step, Verification


class Control(Enum):
    """ORC-1, HL7 Table 0119, as far as it concerns us."""

    NEW = "NW"
    CHANGE = "XO"
    CANCEL = "CA"
    CANCELLED = "OC"
    DISCONTINUE = "DC"
    DISCONTINUED = "OD"
    STATUS = "SC"

    @property
    def says_content(self) -> bool:
        """Whether what the order asks for is as this message says."""
        return self in (Control.NEW, Control.CHANGE)


#: What a control code says of the order's status.
_STATUS_OF: Mapping[Control, Status] = {
    Control.NEW: Status.SCHEDULED,
    Control.CANCEL: Status.CANCELLED,
    Control.CANCELLED: Status.CANCELLED,
    Control.DISCONTINUE: Status.DISCONTINUED,
    Control.DISCONTINUED: Status.DISCONTINUED,
}

#: ORC-5, HL7 Table 0038.
_STATUSES: Mapping[str, Status] = {
    "SC": Status.SCHEDULED, "HD": Status.SCHEDULED, "A": Status.IN_PROGRESS, "IP": Status.IN_PROGRESS,
    "CM": Status.COMPLETED, "CA": Status.CANCELLED, "DC": Status.DISCONTINUED, "RP": Status.CANCELLED,
}  # fmt: skip

#: TQ1-9, ORC-7.6 and OBR-5, HL7 Tables 0485 and 0027; IHE RAD TF-2 Appendix B.
_PRIORITIES: Mapping[str, Priority] = {
    "S": Priority.STAT, "A": Priority.HIGH, "U": Priority.HIGH, "R": Priority.ROUTINE, "P": Priority.HIGH,
    "C": Priority.HIGH, "T": Priority.MEDIUM,
}  # fmt: skip
_SEXES: Mapping[str, str] = {"M": "M", "F": "F", "O": "O", "A": "O", "N": "O"}

#: Where the fields of an order stand in a message, so that what is wrong with one can be named.
_PLACES: Mapping[str, tuple[str, int]] = {
    "number": ("ORC", 2), "placer": ("ORC", 2), "filler": ("ORC", 3), "accession": ("IPC", 1),
    "accession_issuer": ("IPC", 1), "requested_id": ("IPC", 2), "study_uid": ("IPC", 3), "id": ("IPC", 4),
    "modality": ("IPC", 5), "station_name": ("IPC", 7), "location": ("IPC", 8),
    "station_ae_title": ("IPC", 9), "date": ("TQ1", 7), "time": ("TQ1", 7), "description": ("OBR", 4),
    "value": ("OBR", 4), "scheme": ("OBR", 4), "meaning": ("OBR", 4), "reason": ("OBR", 31),
    "requesting": ("OBR", 16), "referring": ("PV1", 8), "admission": ("PV1", 19), "ward": ("PV1", 3),
    "department": ("ORC", 17), "specimens": ("SPM", 2),
    "identifier": ("PID", 3), "issuer": ("PID", 3), "nhs_number": ("PID", 3), "name": ("PID", 5),
    "birth_date": ("PID", 7), "sex": ("PID", 8),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """What a message says of one order."""

    control: Control
    order: Order
    status: Status | None  # None: it does not say
    said: Said


@dataclass(slots=True)
class _Group:
    """An ORC and what belongs to it."""

    orc: Segment
    obr: Segment | None = None
    timing: Segment | None = None
    zds: Segment | None = None
    steps: list[Segment] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)  # and their containers


def events_of(message: Message, namespace: Namespace) -> list[Event]:
    """What a message says of orders. Raises BadField."""
    groups = list(_groups(message))
    if not groups:
        raise BadField(Where("ORC"), Condition.SEGMENT_SEQUENCE, "an order message without an order")
    events: dict[tuple[str, Control], Event] = {}
    for group in groups:
        try:
            event = _event(message, group, namespace)
        except BadOrder as error:
            raise _bad_field(error, group) from None
        key = (event.order.number, event.control)
        before = events.get(key)
        if before is not None:
            event = replace(before, order=replace(before.order, steps=before.order.steps + event.order.steps))
        events[key] = event
    return list(events.values())


def _bad_field(error: BadOrder, group: _Group) -> BadField:
    name, number = _PLACES.get(error.name, ("ORC", 1))
    found = {"ORC": group.orc, "OBR": group.obr, "TQ1": group.timing}.get(name)
    where = Where(name, found.number if found else 1, number)
    missing = error.why.startswith("required")
    return BadField(where, Condition.REQUIRED_FIELD_MISSING if missing else Condition.DATA_TYPE, error.why)


def _groups(message: Message) -> Iterator[_Group]:
    """One ZDS, at the end, is of every order in the message that has none of its own (IHE RAD TF-2 §4.4)."""
    groups: list[_Group] = []
    for segment in message.segments:
        if segment.name == "ORC":
            groups.append(_Group(segment))
            continue
        if segment.name in ("OBR", "TQ1", "IPC", "ZDS") and not groups:
            raise BadField(segment.where(), Condition.SEGMENT_SEQUENCE, "it stands before any ORC")
        match segment.name:
            case "OBR":
                groups[-1].obr = groups[-1].obr or segment
            case "TQ1":
                groups[-1].timing = groups[-1].timing or segment
            case "IPC":
                groups[-1].steps.append(segment)
            case "SPM" | "SAC" if groups:
                groups[-1].specimens.append(segment)
            case "ZDS":
                groups[-1].zds = segment
    last = groups[-1].zds if groups else None
    for group in groups:
        group.zds = group.zds or last
        yield group


def _event(message: Message, group: _Group, namespace: Namespace) -> Event:
    control = _control(group.orc)
    status = _STATUSES.get(group.orc.text(5))
    if control is Control.STATUS and status is None:
        known = Condition.TABLE_VALUE_NOT_FOUND if group.orc.text(5) else Condition.REQUIRED_FIELD_MISSING
        raise BadField(group.orc.where(5), known, "a change of status needs a status that is known here")
    status = _STATUS_OF.get(control, status)
    said_at = time_of(group.orc.field(9)) or time_of(message.header.field(7))
    if said_at is None:
        raise BadField(Where("MSH", field=7), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    order = _order(message, group, namespace, said_at, with_steps=control.says_content)
    return Event(control, order, status, Said(said_at, message.control_id))


def _control(orc: Segment) -> Control:
    try:
        return Control(orc.required(1))
    except ValueError:
        raise BadField(
            orc.where(1), Condition.TABLE_VALUE_NOT_FOUND, "an order control code that is not taken here"
        ) from None


def _order(
    message: Message, group: _Group, namespace: Namespace, said_at: datetime, *, with_steps: bool
) -> Order:
    orc, obr = group.orc, group.obr
    if with_steps and obr is None:
        raise BadField(Where("OBR"), Condition.SEGMENT_SEQUENCE, "an order without an OBR")
    placer = orc.text(2) or _text(obr, 2)
    filler = orc.text(3) or _text(obr, 3)
    accession, accession_issuer = _accession(message, group, namespace, filler)
    number = filler or placer or accession
    if not number:
        raise BadField(orc.where(2), Condition.REQUIRED_FIELD_MISSING, "an order needs a number")
    first = group.steps[0] if group.steps else None
    codes = _codes(obr, 44) or _codes(obr, 4)
    visit = message.first("PV1")
    return Order(
        trust=namespace.trust,
        number=number,
        placer=placer,
        filler=filler,
        accession=accession,
        accession_issuer=accession_issuer,
        study_uid=_text(first, 3) or _text(group.zds, 1),
        requested_id=_text(first, 2) or _text(obr, 19),
        patient=_patient(message, namespace),
        description=(codes[0].meaning if codes else _text(obr, 4, 2))[:64],
        codes=codes,
        reason=(_text(obr, 31, 2) or _text(obr, 31))[:64],
        priority=_priority(group),
        requesting=_name(obr.field(16), 2) if obr else "",
        referring=_name(visit.field(8), 2) if visit else "",
        admission=_text(visit, 19),
        ward=" ".join(visit.field(3).components[:3]).strip()[:64] if visit else "",
        department=(orc.text(17, 2) or orc.text(17) or orc.text(21))[:64],
        body_site=_body_site(group),
        specimens=tuple(dict.fromkeys(_specimens(group))),
        steps=tuple(_steps(group, codes, said_at)) if with_steps else (),
    )


def _specimens(group: _Group) -> Iterator[str]:
    """Their placer's and filler's numbers (SPM-2, SAC-1 and 2), and those of their containers (SAC-3)."""
    for segment in group.specimens:
        if segment.name == "SPM":
            yield from filter(None, (segment.text(2, 1), segment.text(2, 2)))
        else:
            yield from filter(None, (segment.text(number) for number in (1, 2, 3)))


def _body_site(group: _Group) -> Code | None:
    """Where a specimen was taken from (SPM-8)."""
    sites = (_codes(each, 8) for each in group.specimens if each.name == "SPM")
    return next((codes[0] for codes in sites if codes), None)


def _accession(message: Message, group: _Group, namespace: Namespace, filler: str) -> tuple[str, str]:
    """And its issuer. An authority that is the sender itself means its trust."""
    senders = {message.header.text(3), message.header.text(4)}
    for segment in group.steps[:1]:
        if number := segment.text(1):
            authority = [segment.text(1, 2), segment.text(1, 3)]
            return number, namespace.issuer_of(*(each for each in authority if each not in senders))
    number = _text(group.obr, 18) or (filler if len(filler) <= 16 else "")
    return number, namespace.issuer


def _steps(group: _Group, codes: Sequence[Code], said_at: datetime) -> Iterator[Step]:
    """An order that names no time is to be done now."""
    obr = group.obr
    at = _start(group) or said_at
    protocol = _codes(obr, 4, first=4)
    technician = _name(obr.field(34), 2) if obr else ""
    segments: list[Segment | None] = [*group.steps] or [None]
    for segment in segments:
        own = _codes(segment, 6) or protocol or tuple(codes)
        titles = [each.text() for each in segment.repetitions(9)] if segment else []
        yield Step(
            id=_text(segment, 4) or _text(obr, 20),
            modality=(_text(segment, 5) or _text(obr, 24)).upper(),
            date=f"{at:%Y%m%d}",
            time=f"{at:%H%M%S}",
            station_ae_title=(titles[0] if titles else "") or group.orc.text(18),
            station_name=_text(segment, 7)[:16],
            location=(_text(segment, 8, 2) or _text(segment, 8))[:16],
            description=(own[0].meaning if own else _text(obr, 4, 2))[:64],
            protocol=own,
            performing=technician,
        )


def _start(group: _Group) -> datetime | None:
    places = [(group.timing, 7, 1), (group.orc, 7, 4), (group.obr, 27, 4), (group.obr, 36, 1)]
    for segment, number, component in places:
        if segment is not None and (at := time_of(segment.field(number), component)):
            return at
    return None


def _priority(group: _Group) -> Priority:
    said = _text(group.timing, 9) or group.orc.text(7, 6) or _text(group.obr, 27, 6) or _text(group.obr, 5)
    return _PRIORITIES.get(said[:1].upper(), Priority.ROUTINE)


def _patient(message: Message, namespace: Namespace) -> Patient:
    pid = message.first("PID")
    if pid is None:
        raise BadField(Where("PID"), Condition.SEGMENT_SEQUENCE, "an order without a patient")
    own: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    nhs_number = ""
    for each in pid.repetitions(3):
        number = each.text(1)
        authority = (each.text(4), each.text(4, 2))
        if not number:
            continue
        if is_of_nhs(each):
            nhs_number = digits_of(number)
            continue
        issuer = namespace.issuer_of(*authority)
        (own if issuer == namespace.issuer else others).append((number, issuer))
    found = [*own, *others] or ([(nhs_number, "NHS")] if nhs_number else [])
    if not found:
        raise BadField(pid.where(3), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
    born = time_of(pid.field(7))
    verified = pid.text(32) in ("01", "1")
    return Patient(
        identifier=found[0][0],
        issuer=found[0][1],
        name=_patient_name(pid),
        birth_date=f"{born:%Y%m%d}" if born and len(pid.text(7)) >= 8 else "",
        sex=_SEXES.get(pid.text(8).upper(), ""),
        nhs_number=nhs_number,
        nhs_status=_verification(nhs_number, verified=verified, is_said=bool(pid.text(32))),
    )


def _verification(nhs_number: str, *, verified: bool, is_said: bool) -> Verification:
    if not (nhs_number and is_said):
        return Verification.UNKNOWN
    return Verification.VERIFIED if verified else Verification.NOT_VERIFIED


def _patient_name(pid: Segment) -> str:
    return _name(pid.field(5), 1)


def _name(field: Field, first: int) -> str:
    """XPN or XCN as DICOM PN: family, given, middle, prefix, suffix, which HL7 has the other way round."""
    family, given, middle, suffix, prefix = (field.text(first + at) for at in range(5))
    return "^".join(
        part.replace("^", " ").replace("=", " ") for part in (family, given, middle, prefix, suffix)
    ).rstrip("^")


def _codes(segment: Segment | None, number: int, first: int = 1) -> tuple[Code, ...]:
    """Coded concepts of each repetition; one without a scheme is a local one (99 and more, PS3.16 §8)."""
    found = segment.repetitions(number) if segment else []
    return tuple(
        Code(
            each.text(first),
            (each.text(first + 2) or "L")[:16],
            (each.text(first + 1) or each.text(first))[:64],
        )
        for each in found
        if each.text(first)
    )


def _text(segment: Segment | None, number: int, component: int = 1) -> str:
    return segment.text(number, component) if segment else ""
