"""What is sent where, as people see it: every delivery, why it waits or failed, and what they may do."""

from enum import Enum


class State(Enum):
    """How far a delivery is."""

    WAITING = "waiting"  # for its turn, or for its next try
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"  # no more tries until a person says so
    CANCELLED = "cancelled"  # by a person


class Priority(Enum):
    """How urgent, as DIMSE names it (PS3.7 §9.1.1.1.4)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
