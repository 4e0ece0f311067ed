"""What can go wrong with the PDS. Nothing here names a person.

PdsError
├── PdsUnavailable   it is away, busy or limits us: ask again later
├── PdsUnreadable    it answers, and nobody can read what: of others it may answer well
└── PdsRefused       it does not take who we are, or how we ask: a person mends that
"""

from storage.errors import Unavailable


class PdsError(Unavailable):
    """The PDS did not answer who somebody is."""


class PdsUnavailable(PdsError):
    """It does not answer, or asks for patience. `after_s` is how much, where it says."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(f"the PDS {why}")
        self.after_s = after_s


class PdsUnreadable(PdsError):
    """It answers what is none of what it should be."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the PDS {why}")


class PdsRefused(PdsError):
    """It answers that it will not; `code` is its own (Spine-ErrorOrWarningCode)."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the PDS refuses: {status} {code}")
        self.status = status
        self.code = code
