"""Original files beside the DICOM that was made of them: durable as any object, shown to few, never sent on.

An original still holds what its objects no longer do: positions, labels with names, a maker's notes. So it is
in no search, no metadata and no feed, and is withdrawn and purged with what was made of it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.encounters import note_encounter
from storage.errors import BadInput, Contended, NotHeld, ObjectMissing, ObjectsUnavailable, Unavailable
from storage.index import KeptObject
from storage.keys import fresh_key
from storage.objects import ObjectStore
from storage.origin import Origin
from storage.original import AS_IT_CAME_UID, Original, write_original_meta
from storage.receipt import Outcome

_CHUNK_BYTES = 1024 * 1024

#: Reads a file from its beginning, each time it is called.
Read = Callable[[], Iterable[bytes]]

#: Two at once that keep the same file: one of them tries again, and finds it kept.
_TRIES = 3


class ChangedMeanwhile(BadInput):
    """The file is no longer the one of which DICOM was made."""

    def __init__(self) -> None:
        super().__init__("the file has changed since it was read: it is not whole yet, or it is in use")


@dataclass(frozen=True, slots=True)
class HeldOriginal:
    """An original, and where it lies."""

    id: int
    study_uid: str
    series_uids: list[str]
    instance_uids: list[str]
    kind: str
    name: str
    size: int  # bytes
    digest: bytes  # SHA-256
    trust: str  # ODS code
    peer: str  # what it came through, or from
    kept_by: str
    kept_at: datetime
    key: str
    starts_at: int  # within the object, in bytes


_ROWS = """
    select f.id, f.study_uid, f.series_uids, f.instance_uids, f.kind, f.name, b.size - b.data_offset as size,
        f.digest, b.trust, b.peer, f.kept_by, b.received_at as kept_at, b.key, b.data_offset as starts_at
    from original f join object b on b.id = f.object_id
    where original_shows(f) and (%(trust)s = '' or heir_of(b.trust) = heir_of(%(trust)s))
"""
_ADD_OBJECT = """
    insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s) returning id
"""
_ADD = """
    insert into original (object_id, digest, study_uid, series_uids, instance_uids, kind, name, kept_by)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_SAME = """
    select b.key, b.size from original f join object b on b.id = f.object_id
    where f.study_uid = %s and f.digest = %s and f.instance_uids[1] = %s
"""


@dataclass(frozen=True, slots=True)
class Originals:
    """Keeps original files and gives them back. `trust` is that of whoever asks, "" for none."""

    objects: ObjectStore
    pool: ConnectionPool

    def keep(self, original: Original, read: Read, digest: str, origin: Origin) -> Outcome:
        """KEPT or ALREADY_KEPT: when this returns, the file is durable and can be had back.

        `digest` is of the bytes of which DICOM was made, SHA-256 in hexadecimal. Raises ChangedMeanwhile,
        Unavailable, and what `read` raises; then nothing is kept.
        """
        for _ in range(_TRIES):
            if self._has(original, bytes.fromhex(digest)):
                return Outcome.ALREADY_KEPT
            with suppress(Contended):
                self._add(original, read, digest, origin)
                return Outcome.KEPT
        raise Unavailable("several keep this file at once")

    def of_study(self, study_uid: str, trust: str = "") -> list[HeldOriginal]:
        """Of one study, in the order in which they came."""
        return self._rows(" and f.study_uid = %(study)s order by f.id", trust, study=study_uid)

    def listed(self, trust: str = "", limit: int = 100) -> list[HeldOriginal]:
        """The last ones first."""
        return self._rows(" order by f.id desc limit %(limit)s", trust, limit=limit)

    def original(self, number: int, trust: str = "") -> HeldOriginal:
        """One; of another trust's, and of what is withdrawn, there is none. Raises NotHeld."""
        found = self._rows(" and f.id = %(number)s", trust, number=number)
        if not found:
            raise NotHeld(f"original {number}")
        return found[0]

    def read(self, held: HeldOriginal, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Its bytes, as ObjectStore.read."""
        end = held.size if stop is None else min(stop, held.size)
        try:
            return self.objects.read(held.key, held.starts_at + start, held.starts_at + end)
        except ObjectMissing as error:
            raise ObjectsUnavailable("an original that has to be read is gone") from error

    def _rows(self, condition: str, trust: str, **named: Any) -> list[HeldOriginal]:
        with mapped_errors(), self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(HeldOriginal))
            return cursor.execute(_ROWS + condition, {"trust": trust, **named}).fetchall()

    def _has(self, original: Original, digest: bytes) -> bool:
        """Nobody is told "kept already" of bytes that are gone: a person must mend it (`imx verify`)."""
        values = original.study_uid, digest, original.instance_uids[0]
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(_SAME, values).fetchone()
        if row is None:
            return False
        try:
            is_whole = self.objects.size(row[0]) == row[1]
        except ObjectMissing:
            is_whole = False
        if not is_whole:
            raise ObjectsUnavailable("the original that is held of this file is damaged")
        return True

    def _add(self, original: Original, read: Read, digest: str, origin: Origin) -> None:
        """Bytes first, then rows in one transaction: as for every object (storage.ingest)."""
        self.objects.require_room()
        meta, key = write_original_meta(original, origin), fresh_key(origin.received_at)
        size = self.objects.put(key, chain((meta,), _compared(read(), digest)))
        kept = KeptObject(key, size, len(meta), bytes.fromhex(digest), AS_IT_CAME_UID)
        try:
            with mapped_errors(), self.pool.connection() as connection:
                add_rows(connection, kept, original, origin)
        except Contended:
            with suppress(Unavailable):  # what cannot be deleted now has no row, and is swept
                self.objects.delete(key)
            raise


def add_rows(connection: Connection[Any], kept: KeptObject, original: Original, origin: Origin) -> None:
    """Rows for an original whose bytes are durable."""
    row = connection.execute(
        _ADD_OBJECT,
        (
            kept.key, kept.size, kept.data_offset, kept.digest, kept.transfer_syntax_uid, origin.peer,
            origin.trust, origin.received_at,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    connection.execute(
        _ADD,
        (
            row[0], kept.digest, original.study_uid, list(original.series_uids), list(original.instance_uids),
            original.kind, original.name, original.kept_by,
        ),
    )  # fmt: skip
    note_encounter(connection, original.named, original.study_uid)


def bytes_of(file: Path) -> Read:
    """What reads a file. It raises BadInput where that cannot be read."""

    def read() -> Iterator[bytes]:
        try:
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise BadInput(f"the file cannot be read: {error.strerror}") from error

    return read


def _compared(chunks: Iterable[bytes], digest: str) -> Iterator[bytes]:
    """The same. Raises ChangedMeanwhile at the end where they are others."""
    seen = hashlib.sha256()
    for chunk in chunks:
        seen.update(chunk)
        yield chunk
    if seen.hexdigest() != digest:
        raise ChangedMeanwhile
