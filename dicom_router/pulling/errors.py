"""What can go wrong with a source.

PullError
├── SourceAway      it does not answer, or hung up          wait, and try again
├── SourceFailed    it answered, but not with what was asked for
└── CutShort        it gave a part of the answer            ask for less at a time

The text holds statuses, and what the source says of them; never a value from a data set.
"""


class PullError(Exception):
    """A source did not do what it was asked."""


class SourceAway(PullError):
    """It cannot be reached, or the connection broke."""


class SourceFailed(PullError):
    """It refuses, or answers with something else."""


class CutShort(PullError):
    """It says that there is more than it gave."""
