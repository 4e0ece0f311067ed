"""The port for what takes instances from us."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.leaving import Leaving


@dataclass(frozen=True, slots=True)
class Sent:
    """What a destination answered for one instance."""

    uid: str
    is_kept: bool  # it answers for it from now on
    because: str = ""  # why not, or what it warns of
    is_ill: bool = False  # it can take nothing now, this instance or another: out of space, overloaded


class DestinationFailed(Exception):
    """It did not do what it should; the text says what a person can mend, and holds no patient data."""


class NotReached(DestinationFailed):
    """It cannot be spoken to, or takes nothing from us now."""


class CutOff(DestinationFailed):
    """It stopped in the middle: what it had not yet answered for, it may or may not have."""


class Destination(Protocol):
    """One destination, spoken to by one thread. tests/contracts/destination.py holds every adapter to this.

    It may keep a connection between two calls. Sending the same instance again is harmless.
    """

    def send(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        """Send each once. Yields as the destination answers; what it has not answered for, it may lack.

        May be closed after any answer. Raises NotReached and CutOff.
        """

    def holds(self, instances: Sequence[Leaving]) -> frozenset[str] | None:
        """The UIDs of those that it says it holds; None where it cannot be asked. Raises NotReached."""

    def close(self) -> None:
        """Hang up."""
