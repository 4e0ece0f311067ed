"""A folder for what is only on the way, gone with the process that made it, whatever that dies of."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "imx-converting-"


@contextmanager
def scratch_folder(base: Path) -> Iterator[Path]:
    """A new one in `base`. Those that dead processes left there are removed first. Raises OSError."""
    _remove_abandoned(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _remove_abandoned(base: Path) -> None:
    """The kernel lets go of a folder's lock when its process dies."""
    for folder in base.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another's, or removed meanwhile
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(held)
