"""Whether a file is whole: it has looked the same for a while, and nobody has it open to write.

By polling, since no notice comes of what another machine writes to a network share; by how long we have seen
it so, since a file server's clock is not ours.
"""

import errno
import fcntl
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Look:
    """What a file looks like from outside."""

    size: int
    modified_ns: int


class Sightings:
    """Since when each file has looked as it does."""

    def __init__(self) -> None:
        self._since: dict[Path, tuple[Look, float]] = {}

    def note(self, looks: Mapping[Path, Look], now: float) -> None:
        """What is there now; `now` in seconds of any clock that never goes back."""
        before = self._since
        self._since = {
            path: before[path] if path in before and before[path][0] == look else (look, now)
            for path, look in looks.items()
        }

    def look(self, path: Path) -> Look:
        """As it was seen last."""
        return self._since[path][0]

    def quiet_s(self, path: Path, now: float) -> float:
        """For how long it has looked so."""
        return now - self._since[path][1]


def is_being_written(path: Path) -> bool:
    """Whether somebody on this machine has it open to write, as far as the kernel tells.

    It leases a file only where nobody has (fcntl(2), F_SETLEASE): on local file systems, to the file's owner.
    Whoever opens it while we hold the lease has us sent SIGIO, so a process that would not ignore that does
    not ask.
    """
    if signal.getsignal(signal.SIGIO) is not signal.SIG_IGN:
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(file)
    return False
