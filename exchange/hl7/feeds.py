"""What a sender's messages say of people, and where: senders differ, so each entry names the fields.

The NHS number's status stands in PID-32 in UK practice (NHS ITK, HL7 V2 ADT Message Specifications, table
0445: NSTS01 to NSTS08). Other systems append it to the number's type in PID-3.5, as `NH{status:01}`, or have
a field of their own.
"""

import re
from dataclasses import dataclass, field

from exchange.hl7.message import Field, Message
from exchange.people.person import NumberStatus, Sensitivity
from storage.errors import BadInput

_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]?)(?:\.([1-9][0-9]?))?")
_STATUS = re.compile(r"(?:NH)?\{?(?:NSTS|status:)?0?([1-8])\}?", re.IGNORECASE)

#: HL7 Table 0136 and the PDS's, of a protection indicator (PD1-12).
_SENSITIVITIES = {
    "Y": Sensitivity.RESTRICTED, "S": Sensitivity.RESTRICTED, "R": Sensitivity.RESTRICTED,
    "V": Sensitivity.VERY_RESTRICTED, "N": Sensitivity.NORMAL, "U": Sensitivity.NORMAL,
}  # fmt: skip


class BadPlace(BadInput):
    """No field of a message is written like that."""

    def __init__(self) -> None:
        super().__init__("not a field of a message: write PID-32, or PID-3.5 for a component")


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a message: PID-32, or PID-3.5 with a component: of PID-3, in the NHS number's repetition."""

    segment: str
    field: int
    component: int = 1

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Raises BadPlace."""
        found = _PLACE.fullmatch(text.strip().upper())
        if found is None:
            raise BadPlace
        return cls(found[1], int(found[2]), int(found[3] or 1))

    def __str__(self) -> str:
        written = f"{self.segment}-{self.field}"
        return f"{written}.{self.component}" if self.component > 1 else written


STATUS_PLACE = Place("PID", 32)
SENSITIVITY_PLACE = Place("PD1", 12)


@dataclass(frozen=True, slots=True)
class Feed:
    """How a sender says what we need to know of a person, and what is believed where it does not say."""

    status_place: Place = field(default=STATUS_PLACE)
    sensitivity_place: Place = field(default=SENSITIVITY_PLACE)
    status: NumberStatus = NumberStatus.NOT_TRACED  # of an NHS number whose status it does not say
    is_any_authority: bool = False  # an open service takes numbers of every authority, each by its own name

    def status_of(self, message: Message, pid_of_number: Field) -> NumberStatus:
        """Of the NHS number in a repetition of PID-3."""
        if self.status_place.segment == "PID" and self.status_place.field == 3:
            said = [pid_of_number.text(self.status_place.component)]
        else:
            said = [
                each.text(self.status_place.component) for each in _repetitions(message, self.status_place)
            ]
        found = (_STATUS.fullmatch(each.strip()) for each in said)
        return next((NumberStatus(f"0{each[1]}") for each in found if each), self.status)

    def sensitivity_of(self, message: Message) -> Sensitivity | None:
        """None where it says nothing of it."""
        for each in _repetitions(message, self.sensitivity_place):
            if each.is_null:
                return Sensitivity.NORMAL
            text = each.text(self.sensitivity_place.component)
            if text:
                return _SENSITIVITIES.get(text[:1].upper(), Sensitivity.RESTRICTED)
        return None


def _repetitions(message: Message, place: Place) -> list[Field]:
    segment = message.first(place.segment)
    return segment.repetitions(place.field) if segment else []
