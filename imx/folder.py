"""The data folder of one machine: who holds it, and what lies where in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imx.errors import SetupError


class FolderHeld(SetupError):
    """Another service uses the data folder."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Everything that `imx serve` keeps on this machine lies below `path`."""

    path: Path

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    def create(self) -> None:
        """Make it if it is not there. Others may pass through, to reach what is theirs, not look."""
        try:
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"cannot make the data folder {self.path} ({error.strerror}): choose another with --data"
            ) from error

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the folder for as long as this lasts; the kernel lets go when the process dies.

        Yields whether the last holder was killed: what it started may still be on its way out.
        Raises FolderHeld when another process holds it.
        """
        self.create()
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SetupError(f"cannot use the data folder {self.path}: {error.strerror}") from error
        try:
            is_ours = _locked(descriptor)
            last = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if not is_ours:
                raise FolderHeld(
                    f"another service (process {last or 'unknown'}) uses the data folder {self.path}: "
                    "stop it, or choose another with --data"
                )
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield bool(last)
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether a service runs on it."""
        try:
            with self.held():
                return False
        except FolderHeld:
            return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
