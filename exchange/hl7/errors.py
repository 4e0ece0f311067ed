"""What is wrong with a message: told to its sender in MSA and ERR, and to a person. Never a value.

BadMessage
├── BadField       the sender can mend it                  AE
├── Unsupported    not what we take, or from whom          AR
├── TryAgain       we cannot now                           AR
└── KeptAside      we could not twice: a person sees to it AE
"""

from dataclasses import dataclass
from enum import Enum


class Condition(Enum):
    """HL7 Table 0357, Message Error Condition Codes."""

    SEGMENT_SEQUENCE = ("100", "Segment sequence error")
    REQUIRED_FIELD_MISSING = ("101", "Required field missing")
    DATA_TYPE = ("102", "Data type error")
    TABLE_VALUE_NOT_FOUND = ("103", "Table value not found")
    UNSUPPORTED_MESSAGE = ("200", "Unsupported message type")
    UNSUPPORTED_EVENT = ("201", "Unsupported event code")
    UNSUPPORTED_PROCESSING = ("202", "Unsupported processing id")
    INTERNAL = ("207", "Application internal error")

    @property
    def code(self) -> str:
        """Its code."""
        return self.value[0]

    @property
    def text(self) -> str:
        """In words."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a message, counted as HL7 does: from one. None: the whole that stands before."""

    segment: str
    sequence: int = 1  # which of the segments by that name
    field: int | None = None
    repetition: int = 1
    component: int | None = None

    def __str__(self) -> str:
        found = self.segment if self.field is None else f"{self.segment}-{self.field}"
        return found if self.component is None else f"{found}.{self.component}"


class BadMessage(Exception):
    """A message that is not done."""

    acknowledgement = "AE"

    def __init__(self, where: Where, condition: Condition, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.condition = condition


class BadField(BadMessage):
    """The content is wrong; the same message will always be."""


class Unsupported(BadMessage):
    """A kind of message that is not taken here, or not from this sender."""

    acknowledgement = "AR"


class TryAgain(BadMessage):
    """We cannot now; the same message may be taken later."""

    acknowledgement = "AR"

    def __init__(self, why: str) -> None:
        super().__init__(Where("MSH"), Condition.INTERNAL, why)


class KeptAside(BadMessage):
    """A fault of ours that the same message met before: it is kept, and nothing need wait behind it."""

    def __init__(self) -> None:
        super().__init__(
            Where("MSH"), Condition.INTERNAL, "a fault of this service: kept for a person to see to"
        )
