"""What can go wrong with a file that is to become DICOM.

OlogyError
├── NotUnderstood   no specialty here reads such a file
├── Damaged         one that is known, but broken or lying
├── NoRoom          the disk is full: the same file may do later
├── NotInstalled    sound, but an optional part of this program is wanted for it
├── BadCase         the case cannot be read
└── Asked           something is missing, or the case and the file disagree: a person answers

An error holds names of fields and of formats, never a value about a person.
"""

from collections.abc import Sequence


class OlogyError(Exception):
    """A file that does not become DICOM; the message says what would mend it."""


class NotUnderstood(OlogyError):
    """No specialty here reads such a file."""

    def __init__(self, understood: Sequence[str]) -> None:
        super().__init__(understood)
        self.understood = tuple(understood)

    def __str__(self) -> str:
        return "this is none of what is understood here: " + "; ".join(self.understood)


class Damaged(OlogyError):
    """The file is of a known kind, but what it says of itself does not hold."""


class NoRoom(OlogyError):
    """There is no room for what is made on the way."""

    def __str__(self) -> str:
        return "the disk is full: make room, then try it again"


class NotInstalled(OlogyError):
    """The file is sound, but an optional part of this program is wanted for it."""


class BadCase(OlogyError):
    """The case is not JSON of the shape that docs/wrapping.md shows."""


class Asked(OlogyError):
    """What a person has to say before the file can be wrapped.

    `missing` and `contradicted` name fields of the case, such as `person.birth_date`.
    """

    def __init__(self, missing: Sequence[str], contradicted: Sequence[str]) -> None:
        super().__init__(missing, contradicted)
        self.missing = tuple(missing)
        self.contradicted = tuple(contradicted)

    def __str__(self) -> str:
        parts = []
        if self.missing:
            parts.append("the case does not say " + ", ".join(self.missing))
        if self.contradicted:
            parts.append("the case and the file disagree about " + ", ".join(self.contradicted))
        return "; ".join(parts)
