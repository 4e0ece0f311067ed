"""The port for whoever is told of studies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from exchange.telling.story import Story
from exchange.telling.thing import Saying, Step


class TellingFailed(Exception):
    """What was to be told was not; the text says what a person can mend, and holds no patient data."""


class NotHeard(TellingFailed):
    """The subscriber does not answer, or takes nothing from us now: everything for it waits."""


class Later(TellingFailed):
    """It does not take this now, and may on another try."""


class Refused(TellingFailed):
    """It, or we for it, will not take this as it is: a person looks."""


class LeftOut(Exception):
    """There is no place for this study at this subscriber, and it is not to be told; the text says why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The subscriber answers for a step from now on."""

    step: Step
    note: str = ""  # of Thing.notes, where only its answer says so


class Listener(Protocol):
    """One subscriber, spoken to by one thread. tests/contracts/listener.py holds every adapter to this.

    Telling the same again changes nothing, nor does retracting what is not there: whoever dies in the middle
    begins anew.
    """

    def sayings(self, story: Story) -> Sequence[Saying]:
        """What it should hold of a study. The same story, the same sayings. Raises LeftOut."""

    def tell(self, steps: Sequence[Step], sayings: Sequence[Saying]) -> Iterator[Heard]:
        """Take these steps in their order, or all at once; yields each as the subscriber answers for it.

        `sayings` is all that it is to hold afterwards. Raises NotHeard, Later and Refused.
        """

    def close(self) -> None:
        """Hang up."""
