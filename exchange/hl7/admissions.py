"""Who people are, out of ADT messages (HL7 v2.5.1 §3; IHE ITI-30, RAD-12; NHS ITK HL7 V2 ADT). Pure.

A message that brings a PID says all that its sender knows of the person now. One that merges, links or
renames numbers says that and nothing else: its PID often bears no more than the number, and what the person
is called comes with the next A08. Only the sender's own numbers are taken: of others it is no source.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

from exchange.hl7.errors import BadField, Condition, Where
from exchange.hl7.identifiers import NOT_OF_A_PATIENT, is_of_nhs, nhs_number_in
from exchange.hl7.message import Field, Message, Segment, time_of
from exchange.hl7.namespace import Namespace
from exchange.people.person import Demographics, Identifier, PersonName, Record, Said, Sex
from exchange.people.statements import Linked, Merged, Statement, Unlinked


class Event(Enum):
    """What an ADT message does here."""

    SAYS = "says who somebody is"
    MERGES = "merges one number into another"
    LINKS = "says that two numbers are one person"
    UNLINKS = "says that two numbers are two people"


#: What each trigger event does here (HL7 v2.5.1 §3.3; A18, A34 and A36 as older systems send them).
EVENTS: Mapping[str, Event] = {
    **dict.fromkeys(("A01", "A04", "A05", "A08", "A28", "A31"), Event.SAYS),
    # Transfers, discharges and what undoes them bring the person's PID as it is now, too.
    **dict.fromkeys(("A02", "A03", "A06", "A07", "A11", "A12", "A13", "A14", "A38"), Event.SAYS),
    **dict.fromkeys(("A18", "A34", "A36", "A40", "A47"), Event.MERGES),
    "A24": Event.LINKS,
    "A37": Event.UNLINKS,
}

#: How far ahead of ours a sender's clock may be: what is said of the far future would stand for ever.
AHEAD_LIMIT = timedelta(days=1)

#: HL7 Table 0001, and the codes of NHS PERSON GENDER that some systems send (NHS Data Dictionary).
_SEXES: Mapping[str, Sex] = {
    "F": Sex.FEMALE, "2": Sex.FEMALE, "M": Sex.MALE, "1": Sex.MALE,
    "O": Sex.OTHER, "A": Sex.OTHER, "N": Sex.OTHER, "9": Sex.OTHER,
}  # fmt: skip

#: HL7 Table 0200, as FHIR calls it (HumanName.use).
_USES: Mapping[str, str] = {"L": "official", "D": "usual", "B": "maiden", "M": "maiden", "N": "nickname"}
_OTHER_USE = "old"
#: Street, other designation, city, county (XAD.1 to XAD.4).
_ADDRESS_LINES = (1, 2, 3, 4)
#: What a Patient ID (LO) and a name (XPN) may be long.
_NUMBER_LIMIT, _TEXT_LIMIT = 64, 250
#: Numbers, and merges, of one message: each is written down, and whoever else speaks waits for that.
_MANY = 50
_DATE = re.compile(r"\d{4}(\d\d(\d\d)?)?")


def statements_of(message: Message, namespace: Namespace, now: datetime) -> tuple[Sequence[Statement], Said]:
    """What a message says of people, and when it was said. Raises BadField."""
    said = said_of(message, now)
    readers: Mapping[Event, Callable[[Message, Namespace], Sequence[Statement]]] = {
        Event.SAYS: _records, Event.MERGES: _merges, Event.LINKS: _links, Event.UNLINKS: _unlinks,
    }  # fmt: skip
    return readers[EVENTS[message.header.text(9, 2)]](message, namespace), said


def said_of(message: Message, now: datetime) -> Said:
    """When it was said: when its sender's system recorded it (EVN-2), else when the message was made (MSH-7).

    Not when the event took place (EVN-6): a clerk who enters yesterday's admission says today what somebody
    is called. Of what was recorded in one second, control IDs are the order.
    """
    event = message.first("EVN")
    at = time_of(event.field(2)) if event and len(event.text(2)) > len("YYYYMMDD") else None
    where = event.where(2) if event and at else Where("MSH", field=7)
    at = at or time_of(message.header.field(7))
    if at is None:
        raise BadField(
            where, Condition.REQUIRED_FIELD_MISSING, "no time at which this was said (EVN-2, MSH-7)"
        )
    if at > now + AHEAD_LIMIT:
        raise BadField(where, Condition.DATA_TYPE, "a time that is yet to come")
    control_id = message.control_id
    is_number = control_id.isascii() and control_id.isdigit()
    return Said(at, (control_id.zfill(20) if is_number else control_id)[:_TEXT_LIMIT])


def _records(message: Message, namespace: Namespace) -> Sequence[Statement]:
    pid = _pid(message)
    demographics = _demographics(message, pid)
    nhs = nhs_number_in(pid)
    if nhs is not None:
        _check_length(nhs.number, nhs.where.where, _NUMBER_LIMIT)
    status = namespace.feed.status_of(message, nhs.where if nhs else pid.field(3))
    sensitivity = namespace.feed.sensitivity_of(message)
    return [
        Record(number, demographics, nhs.number if nhs else "", status, sensitivity)
        for number in _own_numbers(pid, 3, namespace)
    ]


def _merges(message: Message, namespace: Namespace) -> Sequence[Statement]:
    """Each MRG and the PID before it (A40 may bring several)."""
    found: list[Statement] = []
    survivor: list[Identifier] = []
    for segment in message.segments:
        if segment.name == "PID":
            survivor = _own_numbers(segment, 3, namespace)
        elif segment.name == "MRG":
            if not survivor:
                raise BadField(segment.where(), Condition.SEGMENT_SEQUENCE, "it stands before any PID")
            gone = [each for each in _own_numbers(segment, 1, namespace) if each not in survivor]
            if not gone:
                raise BadField(segment.where(1), Condition.DATA_TYPE, "what is merged is what survives")
            found.extend(Merged(each, survivor[0]) for each in gone)
            if len(found) > _MANY:
                raise BadField(segment.where(), Condition.SEGMENT_SEQUENCE, f"more than {_MANY} merges")
    if not found:
        raise BadField(Where("MRG"), Condition.SEGMENT_SEQUENCE, "a merge without an MRG")
    return found


def _links(message: Message, namespace: Namespace) -> Sequence[Statement]:
    return [Linked(*_pair(message, namespace))]


def _unlinks(message: Message, namespace: Namespace) -> Sequence[Statement]:
    return [Unlinked(*_pair(message, namespace))]


def _pair(message: Message, namespace: Namespace) -> tuple[Identifier, Identifier]:
    """The first number of each of the two PIDs."""
    pids = list(message.all("PID"))
    if len(pids) != 2:
        raise BadField(Where("PID"), Condition.SEGMENT_SEQUENCE, "two patients are linked, each in a PID")
    one, other = (_own_numbers(each, 3, namespace)[0] for each in pids)
    if one == other:
        raise BadField(pids[1].where(3), Condition.DATA_TYPE, "a number cannot be linked with itself")
    return one, other


def _pid(message: Message) -> Segment:
    pid = message.first("PID")
    if pid is None:
        raise BadField(Where("PID"), Condition.SEGMENT_SEQUENCE, "a message about nobody")
    return pid


def _own_numbers(segment: Segment, number: int, namespace: Namespace) -> list[Identifier]:
    """The sender's own numbers in a list, in order. Raises BadField where there is none."""
    found = []
    for each in segment.repetitions(number):
        if not each.text() or is_of_nhs(each) or each.text(5).upper() in NOT_OF_A_PATIENT:
            continue
        issuer = namespace.issuer_of(each.text(4), each.text(4, 2))
        if issuer == namespace.issuer or namespace.feed.is_any_authority:
            _check_length(each.text(), each.where, _NUMBER_LIMIT)
            found.append(Identifier(each.text(), issuer))
    if not found:
        raise BadField(
            segment.where(number),
            Condition.REQUIRED_FIELD_MISSING,
            "no number of the sender's own, whose authority its entry knows (imx hl7 allow --alias)",
        )
    if len(found) > _MANY:
        raise BadField(
            segment.where(number), Condition.DATA_TYPE, f"more than {_MANY} numbers of one patient"
        )
    return list(dict.fromkeys(found))


def _check_length(text: str, where: Where, limit: int = _TEXT_LIMIT) -> None:
    """No index takes a text of any length. Raises BadField."""
    if len(text) > limit:
        raise BadField(where, Condition.DATA_TYPE, f"longer than {limit} characters")


def _demographics(message: Message, pid: Segment) -> Demographics:
    address = min(pid.repetitions(11), key=_is_elsewhere)
    practice = message.first("PD1")
    for part in (*_ADDRESS_LINES, 5):
        _check_length(address.text(part), address.where)
    died = _date(pid.field(29))
    return Demographics(
        names=_names(pid),
        birth_date=_date(pid.field(7)),
        sex=_SEXES.get(pid.text(8).upper(), Sex.UNKNOWN),
        address=tuple(text for part in _ADDRESS_LINES if (text := address.text(part))),
        postcode=address.text(5),
        practice=practice.text(3, 3) if practice else "",
        died=died,
        is_dead=bool(died) or pid.text(30).upper() == "Y",
        birth_order=_birth_order(pid),
    )


def _is_elsewhere(address: Field) -> bool:
    """Whether it is not said to be where somebody lives (XAD.7, HL7 Table 0190: H home, P permanent)."""
    return not any(address.components) or address.text(7).upper() not in ("", "H", "P")


def _names(pid: Segment) -> tuple[PersonName, ...]:
    """PID-5, and PID-9 where older systems have aliases; the one in use first (XPN, HL7 v2.5.1 §2.A.88)."""
    found = [_name(each) for number in (5, 9) for each in pid.repetitions(number)]
    names = list(dict.fromkeys(each for each in found if each is not None))
    return tuple(sorted(names, key=lambda name: name.use not in ("official", "usual")))


def _name(field: Field) -> PersonName | None:
    family, given, others, suffix, prefix = (field.text(component) for component in range(1, 6))
    if not (family or given):
        return None
    for each in (family, given, others, suffix, prefix):
        _check_length(each, field.where)
    is_alias = field.where.field == 9
    code = field.text(7).upper()
    use = _OTHER_USE if is_alias else _USES.get(code, "official" if not code else _OTHER_USE)
    return PersonName(
        family, tuple([given, *others.split()] if given else others.split()), prefix, suffix, use
    )


def _date(field: Field) -> str:
    """YYYYMMDD, or as much of it as is said; a time behind it is left out. Raises BadField."""
    text = field.text()
    if not text:
        return ""
    time_of(field)
    found = _DATE.match(text[:8])
    assert found is not None  # time_of took it
    return found[0]


def _birth_order(pid: Segment) -> int | None:
    """PID-24 and PID-25; NHS systems write 9 for an order that nobody knows (NHS Data Dictionary)."""
    is_multiple = pid.text(24).upper() in ("Y", "1")
    order = int(text) if (text := pid.text(25)).isdecimal() and 1 <= int(text) < 9 else 0
    return order if is_multiple or order > 1 else None
