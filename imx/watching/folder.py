"""The watched folder: what lies in it, and where it goes once it was tried."""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from imx.cases import case_beside
from imx.watching.sightings import Look
from ologies.case import read_case
from ologies.errors import BadCase, NotUnderstood
from ologies.recognition import recognise
from ologies.wrapping import files_beside

#: A file with this behind its name says that the one without it is whole.
READY = ".ready"

#: What programs put behind the name of a file that they still write; they rename it once it is whole.
PARTIAL = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", "~")

#: Where files go, within the folder: so that to move one is to rename it.
DONE, FAILED = "done", "failed"

#: Behind the name of a file that failed: why, in words.
REASON = ".reason.txt"

#: What is to be moved together, written down first.
_MOVE = ".imx-move-"


@dataclass(frozen=True, slots=True)
class Unit:
    """A file, and what comes and goes with it: its case, its signals, the mark that it is ready."""

    file: Path
    others: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.file, *self.others)


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder of this machine or on a network share. Every verb raises OSError where it is away."""

    root: Path

    def looks(self) -> dict[Path, Look]:
        """Every file that may be taken one day, in folders as well; links are not followed."""
        return dict(self._walk(self.root, is_root=True))

    def move(self, where: str, looks: Mapping[Path, Look]) -> None:
        """Files that go together, to DONE or FAILED, and only as they looked: one that changed since stays.

        What was to go where is written down first: where a process dies in between, `finish_moves` goes on. A
        case that stayed behind would be the next one's that has the file's name.
        """
        note = self.root / f"{_MOVE}{uuid4().hex}"
        files = [
            [str(path.relative_to(self.root)), look.size, look.modified_ns] for path, look in looks.items()
        ]
        note.write_text(json.dumps({"where": where, "files": files}))
        self._finish(note)

    def finish_moves(self) -> None:
        """What a process that died had begun, or what could not be moved then."""
        for note in self.root.glob(f"{_MOVE}*"):
            with suppress(OSError):  # it stays, and keeps no other file waiting
                self._finish(note)

    def say(self, file: Path, because: str | None) -> None:
        """Why it failed, beside where it goes; None takes back what was said of an earlier try."""
        place = self._place(FAILED, file)
        reason = place.with_name(place.name + REASON)
        if because is None:
            reason.unlink(missing_ok=True)
        else:
            self._make(reason.parent)
            reason.unlink(missing_ok=True)  # never through a link that somebody put there
            with reason.open("x") as written:
                written.write(because + "\n")

    def _finish(self, note: Path) -> None:
        for path, place, look in self._noted(note):
            self._make(place.parent)
            with suppress(FileNotFoundError):  # it went before, or another watcher was quicker
                if look_at(path) == look:
                    path.rename(_free(place))
        note.unlink(missing_ok=True)

    def _noted(self, note: Path) -> Iterator[tuple[Path, Path, Look]]:
        """What a note says that goes where; whoever writes into the folder may have written that, too."""
        try:
            said = json.loads(note.read_text())
            for name, size, modified_ns in said["files"]:
                path = self.root / name
                if (
                    said["where"] in (DONE, FAILED)
                    and ".." not in Path(name).parts
                    and self._holds(path.parent)
                ):
                    yield path, self._place(said["where"], path), Look(int(size), int(modified_ns))
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            return  # it died while it wrote that down: nothing is moved yet

    def _place(self, where: str, path: Path) -> Path:
        return self.root / where / path.relative_to(self.root)

    def _make(self, folder: Path) -> None:
        """A folder below ours. Raises OSError where a link leads out of it."""
        folder.mkdir(parents=True, exist_ok=True)
        if not self._holds(folder):
            raise PermissionError(errno.EPERM, "a link leads out of the watched folder")

    def _holds(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self.root.resolve())

    def _walk(self, folder: Path, *, is_root: bool = False) -> Iterator[tuple[Path, Look]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or (is_root and entry.name in (DONE, FAILED)):
                    continue
                path = folder / entry.name
                with suppress(FileNotFoundError):  # gone meanwhile
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        yield from self._walk(path)
                    elif stat.S_ISREG(found.st_mode) and not entry.name.lower().endswith(PARTIAL):
                        yield path, Look(found.st_size, found.st_mtime_ns)


def look_at(path: Path) -> Look:
    """What it looks like now. Raises OSError."""
    found = path.stat(follow_symlinks=False)
    return Look(found.st_size, found.st_mtime_ns)


def units(files: Iterable[Path], belonging_to: Callable[[Path], tuple[Path, ...] | None]) -> list[Unit]:
    """What of these files goes together; `belonging_to` is `belonging`."""
    there = set(files)
    known = {path: belonging_to(path) for path in sorted(there) if not _is_beside(path, there)}
    taken = {other for others in known.values() for other in others or ()}
    return [
        Unit(path, (*others, *(each for each in (case_beside(path), ready(path)) if each in there)))
        for path, others in known.items()
        if others is not None and path not in taken
    ]


def belonging(path: Path) -> tuple[Path, ...] | None:
    """What a file is nothing without; None where it is itself the case of one that is yet to come.

    Raises Damaged where some of it is not there, or not yet.
    """
    if path.suffix == ".json":
        with suppress(BadCase):
            read_case(path)
            return None
    with suppress(NotUnderstood):  # to wrap it says so
        return files_beside(path, recognise(path))
    return ()


def ready(path: Path) -> Path:
    """The mark that it is whole."""
    return path.with_name(path.name + READY)


def _is_beside(path: Path, there: set[Path]) -> bool:
    """A case or a mark: of a file that is there, or that is yet to come."""
    return path.suffix == READY or (path.suffix == ".json" and path.with_suffix("") in there)


def _free(place: Path) -> Path:
    """A name that no earlier file has."""
    free, number = place, 1
    while free.exists():
        number += 1
        free = place.with_name(f"{place.stem} ({number}){place.suffix}")
    return free
