"""Folders that survive a power cut, held open while they are written to."""

import os
from contextlib import suppress
from threading import Lock

#: Folders held open at once: this hour's, the last one's, and some that a retry or a test reached for.
_HELD = 8

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Descriptor:
    """An open file or folder that closes when nobody holds it any more."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)


class Folders:
    """The folders below a root, made durable before they are handed out. Safe between threads.

    A folder is durable once the one that names it is flushed (fsync(2)). Another process may have
    made it a moment ago and not have flushed its parent yet, so each process flushes the parents of
    each folder once, whoever made it.
    """

    def __init__(self, root: str) -> None:
        self._root = Descriptor(_durable_root(root))
        self._held: dict[str, Descriptor] = {}
        self._lock = Lock()

    @property
    def root(self) -> int:
        """The root's descriptor."""
        return self._root.number

    def open(self, name: str) -> Descriptor:
        """The folder of that name below the root, made and flushed where it was not."""
        held = self._held.get(name)
        if held is not None:
            return held
        made = self._make(name)
        with self._lock:
            while len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            self._held[name] = made
        return made

    def forget(self, name: str) -> None:
        """It was removed behind our back: make it anew the next time."""
        with self._lock:
            self._held.pop(name, None)

    def _make(self, name: str) -> Descriptor:
        parent = self._root
        for part in name.split("/"):
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=parent.number)
            os.fsync(parent.number)
            parent = Descriptor(os.open(part, _OPEN_FOLDER, dir_fd=parent.number))
        return parent


def _durable_root(root: str) -> int:
    """Open the root. Whatever had to be made of its path is flushed, each in its parent."""
    path = os.path.abspath(root)
    to_flush = [path]
    while not os.path.isdir(to_flush[-1]):
        to_flush.append(os.path.dirname(to_flush[-1]))
    for folder in reversed(to_flush):
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        with suppress(PermissionError):  # a parent that is not ours to read was not made by us either
            parent = Descriptor(os.open(os.path.dirname(folder), _OPEN_FOLDER))
            os.fsync(parent.number)
    return os.open(path, _OPEN_FOLDER)
