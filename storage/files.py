"""Objects as local files."""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from time import monotonic

from storage.cached_files import read_cached
from storage.errors import NoRoom, ObjectMissing, ObjectsUnavailable
from storage.folders import Descriptor, Folder, Folders
from storage.keys import checked, is_key
from storage.objects import Bytes, Listed

#: What an unfinished put is called behind its key: a name of its own, since a crash leaves it until
#: `abort_stale` drops it, and must not be in the way of the next put.
_UNFINISHED = re.compile(r"\.[0-9a-f]{8}\.part")

READ_BYTES = 1024 * 1024

#: A large object is sent to the disk while it arrives, in steps of this size, and its pages are given
#: back, so that one slide does not push everybody else's studies out of the page cache.
WRITEBACK_BYTES = 16 * 1024 * 1024

#: The disk is told to begin after this much, so that little is left to flush at the end.
BEGIN_BYTES = 256 * 1024

#: How long a look at the free space counts.
_LOOK_S = 1.0

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
#: To put a file into a folder that others remove whenever it is empty, as sync and clean-up tools do.
_TRIES = 10
_KEY_LENGTH = len("2026/01/01/00/") + 32 + len(".dcm")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileObjects:
    """Bytes in files below `root`, one an object, named by their keys. Safe between threads and processes.

    A put writes <key>.<chance>.part, flushes it (fdatasync(2)), renames it and flushes the folder. Once
    renamed it stays: it may have taken the place of the same bytes, put before. Nothing is taken while fewer
    than `watermark_bytes` are free.
    """

    def __init__(self, root: Path, watermark_bytes: int) -> None:
        self._path = os.fspath(root)
        self._watermark_bytes = watermark_bytes
        self._looked_at = -_LOOK_S
        self._free_bytes = 0
        try:
            self._folders = Folders(self._path)
        except OSError as error:
            raise _refusal(error) from error

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        """See ObjectStore.put."""
        folder_name, name = checked(key).rsplit("/", 1)
        self.require_room()
        part = f"{name}.{token_hex(4)}.part"
        try:
            folder, file = self._create(folder_name, part)
        except OSError as error:
            raise _refusal(error) from error
        try:
            size = self._write(file.number, chunks)
            try:
                folder.settle()
                os.fdatasync(file.number)
                if size > WRITEBACK_BYTES:
                    os.posix_fadvise(file.number, 0, 0, os.POSIX_FADV_DONTNEED)
                os.rename(part, name, src_dir_fd=folder.number, dst_dir_fd=folder.number)
            except OSError as error:
                raise _refusal(error) from error
        except BaseException:
            _remove(part, folder)
            raise
        try:
            os.fsync(folder.number)
        except OSError as error:
            raise _refusal(error) from error
        return size

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See ObjectStore.read. An object that is deleted meanwhile is still read to its end."""
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError("a range is counted from the start")
        file = self._open(key)
        try:
            size = os.fstat(file.number).st_size
            end = size if stop is None else min(stop, size)
            first = _pread(file, start, end)
        except OSError as error:
            raise _refusal(error) from error
        if start + len(first) >= end:
            return iter((first,) if first else ())
        return _rest(file, first, start, end)

    def at_hand(self, key: str, start: int, stop: int | None) -> bytes | None:
        """See ObjectStore.at_hand."""
        return read_cached(self._folders.root, checked(key), start, stop, READ_BYTES)

    def size(self, key: str) -> int:
        """See ObjectStore.size."""
        try:
            return os.stat(checked(key), dir_fd=self._folders.root).st_size
        except OSError as error:
            raise self._absence(key, error) from error

    def list(self) -> Iterator[Listed]:
        """See ObjectStore.list. Files that are not ours are passed over."""
        for key, found in self._walk():
            if is_key(key):
                yield Listed(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def delete(self, key: str) -> None:
        """See ObjectStore.delete."""
        try:
            os.unlink(checked(key), dir_fd=self._folders.root)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _refusal(error) from error

    def abort_stale(self, older_than: datetime) -> int:
        """See ObjectStore.abort_stale. A put that still writes is not old: its file changes."""
        dropped = 0
        for name, found in self._walk():
            if _is_unfinished(name) and found.st_mtime < older_than.timestamp():
                try:
                    os.unlink(name, dir_fd=self._folders.root)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise _refusal(error) from error
                dropped += 1
        return dropped

    def room(self) -> int:
        """See ObjectStore.room. As it was at most a second ago."""
        now = monotonic()
        if now - self._looked_at >= _LOOK_S:
            try:
                found = os.fstatvfs(self._folders.root)
            except OSError as error:
                raise _refusal(error) from error
            self._free_bytes = found.f_bavail * found.f_frsize
            self._looked_at = now
        return self._free_bytes

    def require_room(self) -> None:
        """See ObjectStore.require_room."""
        if self.room() < self._watermark_bytes:
            raise NoRoom(f"fewer than {self._watermark_bytes:,} bytes are free (storage.watermark)")

    def _create(self, folder_name: str, part: str) -> tuple[Folder, Descriptor]:
        for _ in range(_TRIES):
            try:
                folder = self._folders.open(folder_name)
                return folder, Descriptor(os.open(part, _CREATE, 0o600, dir_fd=folder.number))
            except FileNotFoundError as error:  # somebody removed the empty folder that we hold, or one above
                self._folders.forget(folder_name)
                gone = error
        raise gone

    def _write(self, file: int, chunks: Iterable[Bytes]) -> int:
        """Everything, in the order it comes. What `chunks` raises is its own and passes through."""
        size = 0
        begun = sent = 0
        for chunk in chunks:
            try:
                written = os.write(file, chunk)
                if written < len(chunk):
                    with memoryview(chunk) as rest:
                        while written < len(chunk):
                            written += os.write(file, rest[written:])
                size += written
                if size - begun >= BEGIN_BYTES:
                    # Linux starts to write dirty pages and drops clean ones, without waiting
                    os.posix_fadvise(file, begun, size - begun, os.POSIX_FADV_DONTNEED)
                    begun = size
                if size - sent >= WRITEBACK_BYTES:
                    self.require_room()
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                    sent = size
            except OSError as error:
                raise _refusal(error) from error
        return size

    def _open(self, key: str) -> Descriptor:
        try:
            return Descriptor(os.open(checked(key), os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folders.root))
        except OSError as error:
            raise self._absence(key, error) from error

    def _absence(self, key: str, error: OSError) -> ObjectMissing | NoRoom | ObjectsUnavailable:
        """A file that is not there is missing; not so when the whole root is gone."""
        if error.errno == errno.ENOENT and os.fstat(self._folders.root).st_nlink > 0:
            return ObjectMissing(key)
        return _refusal(error)

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every file below the root, by its name from there; what vanishes meanwhile is left out."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(os.path.join(self._path, folder)) as entries:
                    for entry in entries:
                        name = folder + entry.name
                        if entry.is_dir():
                            folders.append(name + "/")
                            continue
                        try:
                            found = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        if stat.S_ISREG(found.st_mode):
                            yield name, found
            except FileNotFoundError as error:
                if not folder:
                    raise _refusal(error) from error
            except OSError as error:
                raise _refusal(error) from error


def _is_unfinished(name: str) -> bool:
    key, behind = name[:_KEY_LENGTH], name[_KEY_LENGTH:]
    return is_key(key) and _UNFINISHED.fullmatch(behind) is not None


def _pread(file: Descriptor, start: int, end: int) -> bytes:
    if start >= end:
        return b""
    read = os.pread(file.number, min(READ_BYTES, end - start), start)
    if not read:
        raise OSError(errno.EIO, "the file is shorter than it was")
    return read


def _rest(file: Descriptor, chunk: bytes, start: int, end: int) -> Iterator[bytes]:
    while True:
        yield chunk
        start += len(chunk)
        if start >= end:
            return
        try:
            chunk = _pread(file, start, end)
        except OSError as error:
            raise _refusal(error) from error


def _remove(name: str, folder: Descriptor) -> None:
    """As far as it can be done: the put has failed already, and `abort_stale` or the sweep comes after."""
    try:
        os.unlink(name, dir_fd=folder.number)
    except OSError:
        return


def _refusal(error: OSError) -> NoRoom | ObjectsUnavailable:
    if error.errno in _FULL:
        return NoRoom("the disk is full, or a limit on files is reached")
    return ObjectsUnavailable(f"the files do not answer: {errno.errorcode.get(error.errno or 0, 'unknown')}")
