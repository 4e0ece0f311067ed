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


class Folder(Descriptor):
    """A folder, and the way to it."""

    __slots__ = ("_parents",)

    def __init__(self, number: int, parents: tuple[Descriptor, ...]) -> None:
        super().__init__(number)
        self._parents = parents

    def settle(self) -> None:
        """The way to it survives a power cut. Flushed once: two threads at once do it twice."""
        for parent in self._parents:
            os.fsync(parent.number)
        self._parents = ()


class Folders:
    """The folders below a root. Safe between threads.

    A folder is durable once the one that names it is flushed (fsync(2)). Another process may have
    made it a moment ago and not have flushed its parent yet, so each process flushes the parents of
    each folder once, whoever made it (Folder.settle): once there is a file in it, and nobody who removes
    empty folders can.
    """

    def __init__(self, root: str) -> None:
        self._root = Descriptor(_durable_root(root))
        self._held: dict[str, Folder] = {}
        self._lock = Lock()

    @property
    def root(self) -> int:
        """The root's descriptor."""
        return self._root.number

    def open(self, name: str) -> Folder:
        """The folder of that name below the root, made where it was not. Not settled yet."""
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

    def _make(self, name: str) -> Folder:
        way = [self._root]
        *above, last = name.split("/")
        for part in above:
            way.append(Descriptor(_entered(part, way[-1])))
        return Folder(_entered(last, way[-1]), tuple(way))


def _entered(name: str, parent: Descriptor) -> int:
    """The folder of that name, made where it was not, and opened before anybody finds it empty."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent.number)
    return os.open(name, _OPEN_FOLDER, dir_fd=parent.number)


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
