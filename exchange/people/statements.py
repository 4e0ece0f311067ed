"""What a source may say, besides what it knows of one of its numbers: how two of them stand to each other.

They are the same whoever says them: a patient administration system (HL7 v2 A40, A47, A24, A37), the NHS of a
number that was superseded, or a person who mends what one of them said.
"""

from dataclasses import dataclass

from exchange.people.person import Identifier, Record
from storage.errors import BadInput


class BadStatement(BadInput):
    """What cannot be said of two numbers."""


@dataclass(frozen=True, slots=True, order=True)
class Merged:
    """One number gave way to another (A40, A47, a superseded NHS number): whoever it named is `into` now.

    That `into` was named as surviving ends whatever it gave way to before. An NHS number gives way to another
    one only, and no trust's own number to one: that is what its source says of it (Record).
    """

    gone: Identifier
    into: Identifier

    def __post_init__(self) -> None:
        if self.gone == self.into:
            raise BadStatement("a number cannot be merged into itself")
        if self.gone.is_nhs is not self.into.is_nhs:
            raise BadStatement("an NHS number is not merged with another kind of number")


@dataclass(frozen=True, slots=True, order=True)
class Apart:
    """A number stands for itself again: a merge was a mistake."""

    number: Identifier


@dataclass(frozen=True, slots=True, order=True)
class Linked:
    """Two trusts' numbers are one person, and both stay in use (A24). In either order it says the same."""

    one: Identifier
    other: Identifier

    def __post_init__(self) -> None:
        _check_pair(self.one, self.other)


@dataclass(frozen=True, slots=True, order=True)
class Unlinked:
    """They are not (A37)."""

    one: Identifier
    other: Identifier

    def __post_init__(self) -> None:
        _check_pair(self.one, self.other)


def _check_pair(one: Identifier, other: Identifier) -> None:
    if one == other:
        raise BadStatement("a number cannot be linked with itself")
    if one.is_nhs or other.is_nhs:
        raise BadStatement("NHS numbers are not linked: a number has one by what its source holds")


#: How two numbers stand to each other.
Relation = Merged | Apart | Linked | Unlinked

#: Anything that can be said of people.
Statement = Record | Relation


def names(relation: Relation) -> tuple[Identifier, ...]:
    """Of which numbers it speaks."""
    match relation:
        case Merged(gone, into):
            return (gone, into)
        case Apart(number):
            return (number,)
        case Linked(one, other) | Unlinked(one, other):
            return (one, other)
