"""A folder: STUDY/SERIES/INSTANCE.dcm, each file whole or absent."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import time

from dicom_router.deliveries.destinations.part10 import file_of
from dicom_router.deliveries.destinations.port import CutOff, NotReached, Sent
from dicom_router.storing import Reader
from storage.errors import ArchiveError
from storage.file_names import as_name
from storage.leaving import Leaving
from storage.stored import Stored

#: Where files are written before they get their names; beside the studies, so on the same disk.
UNFINISHED = ".imx-unfinished"

#: What a writer that died left there is dropped after this long.
STALE_S = 24 * 3600.0


class FolderDestination:
    """See Destination. A file is written under another name, flushed, renamed, and its folder flushed."""

    def __init__(self, root: Path, reader: Reader) -> None:
        self._root = root
        self._unfinished = root / UNFINISHED
        self._reader = reader

    def send(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        """See Destination.send."""
        self._prepare()
        for each in instances:
            try:
                self._write(each)
            except ArchiveError as error:
                yield Sent(each.stored.uid, is_kept=False, because=f"it cannot be read here: {error}")
            except OSError as error:
                raise CutOff(f"cannot write into the folder: {error.strerror}") from error
            else:
                yield Sent(each.stored.uid, is_kept=True)

    def holds(self, instances: Sequence[Leaving]) -> frozenset[str]:
        """See Destination.holds."""
        return frozenset(each.stored.uid for each in instances if self._path(each.stored).is_file())

    def close(self) -> None:
        """Nothing is open between two calls."""

    def _prepare(self) -> None:
        try:
            if not self._root.is_dir():  # a share that is not mounted is no place to make folders in
                raise NotReached("the folder is not there: is its disk mounted?")
            self._unfinished.mkdir(exist_ok=True)
            for entry in self._unfinished.iterdir():
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < time() - STALE_S:
                        entry.unlink()
        except OSError as error:
            raise NotReached(f"cannot use the folder: {error.strerror}") from error

    def _write(self, leaving: Leaving) -> None:
        path = self._path(leaving.stored)
        temporary = self._unfinished / token_hex(16)
        try:
            with temporary.open("xb") as file:
                for piece in file_of(leaving, self._reader):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            for folder in (path.parent.parent, path.parent):
                if not folder.is_dir():
                    folder.mkdir(exist_ok=True)
                    _flush(folder.parent)
            temporary.rename(path)
            _flush(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _path(self, stored: Stored) -> Path:
        names = (as_name(stored.study_uid), as_name(stored.series_uid), f"{as_name(stored.uid)}.dcm")
        return self._root.joinpath(*names)


def _flush(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
