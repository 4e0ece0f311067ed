"""Association limits that hold across processes, and free themselves when a process dies.

A slot is a numbered file under a lock that the kernel drops with its holder (flock).
"""

import fcntl
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


class SlotsUnavailable(Exception):
    """The folder of slots cannot be used."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place, held until it is freed or its process ends.

    A child made by fork shares the lock: fork first, take slots afterwards.
    """

    descriptor: int

    def free(self) -> None:
        """Let another have it."""
        os.close(self.descriptor)


def take_slot(folder: Path, limit: int) -> Slot | None:
    """A free slot of the `limit` in `folder`, or None when all are held."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(limit):
            descriptor = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            else:
                return Slot(descriptor)
    except OSError as error:
        raise SlotsUnavailable(f"cannot lock in {folder}: {error.strerror}") from error
    return None


def folder_of_all(slots_folder: Path) -> Path:
    """Where all associations of the service take a slot."""
    return slots_folder / "all"


def folder_of_peer(slots_folder: Path, ae_title: str) -> Path:
    """Where one peer's associations take a slot. An AE title may hold what a file name may not."""
    return slots_folder / "peers" / sha256(ae_title.encode()).hexdigest()[:32]
