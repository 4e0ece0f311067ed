"""Make the index again from objects alone.

Every object carries its origin beside its bytes, so nothing else is needed; objects are taken in the
order in which they arrived, so that again the first of two different contents stays.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import BadInput, Contended, NotHeld, Unreadable
from storage.index import KeptObject
from storage.ingest import Incoming, Ingest
from storage.keys import is_piece
from storage.origin import Origin
from storage.original import ORIGINAL_CLASS_UID, read_original
from storage.originals import add_rows
from storage.part10 import META_LIMIT_BYTES, FileMeta, read_meta
from storage.receipt import Outcome
from storage.tombstones import DECISION_CLASS_UID, read_decision
from storage.withdrawals import decide_again


class Rebuilt(Enum):
    """What became of one object."""

    INDEXED = "indexed"
    DECIDED = "a decision over a withdrawal, in force again"
    ORIGINAL = "an original file, beside its instances again"
    ASIDE = "in quarantine"
    KNOWN = "has a row already"
    DUPLICATE = "the same content has a row already"
    FOREIGN = "not written by us"


@dataclass(frozen=True, slots=True)
class Line:
    """One object's result."""

    key: str
    result: Rebuilt
    because: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    key: str
    size: int
    meta: FileMeta
    origin: Origin


def rebuild(ingest: Ingest, pool: ConnectionPool) -> Iterator[Line]:
    """Rows for every object that has none. Safe to stop and start again.

    An hour's objects are under one prefix, so only the keys are held, and the headers of one hour.
    """
    listed = sorted((each.key, each.size) for each in ingest.objects.list() if not is_piece(each.key))
    for _, hour in groupby(listed, key=lambda each: each[0].rpartition("/")[0]):
        found: list[_Found] = []
        sizes = dict(hour)
        known = _known(pool, list(sizes))
        for key, size in sizes.items():
            result = Line(key, Rebuilt.KNOWN) if key in known else _look(ingest, key, size)
            if isinstance(result, Line):
                yield result
            else:
                found.append(result)
        for each in sorted(found, key=lambda one: (one.origin.received_at, one.key)):
            yield _index(ingest, pool, each)


def _look(ingest: Ingest, key: str, size: int) -> _Found | Line:
    try:
        meta = read_meta(next(ingest.objects.read(key, 0, META_LIMIT_BYTES), b""))
    except (BadInput, NotHeld) as error:
        return Line(key, Rebuilt.FOREIGN, str(error))
    if meta.origin is None:
        return Line(key, Rebuilt.FOREIGN, "no origin beside the data set")
    return _Found(key, size, meta, meta.origin)


def _index(ingest: Ingest, pool: ConnectionPool, found: _Found) -> Line:
    meta = found.meta
    digest = hashlib.sha256()
    for chunk in ingest.objects.read(found.key, meta.data_offset):
        digest.update(chunk)
    kept = KeptObject(found.key, found.size, meta.data_offset, digest.digest(), meta.transfer_syntax_uid)
    if meta.sop_class_uid == DECISION_CLASS_UID:
        return _decide_again(ingest, pool, kept)
    if meta.sop_class_uid == ORIGINAL_CLASS_UID:
        return _beside_again(pool, kept, found)
    incoming = Incoming(
        meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, may_replace=meta.may_replace
    )
    _ensure_trust(pool, found.origin)
    receipt = ingest.adopt(incoming, kept, found.origin)
    match receipt.outcome:
        case Outcome.KEPT | Outcome.REPLACED:
            return Line(found.key, Rebuilt.INDEXED)
        case Outcome.ALREADY_KEPT:
            return Line(found.key, Rebuilt.DUPLICATE)
    return Line(found.key, Rebuilt.ASIDE, receipt.because or receipt.outcome.value)


def _decide_again(ingest: Ingest, pool: ConnectionPool, kept: KeptObject) -> Line:
    """What two people decided is in force again; what it hides may come before it or after."""
    try:
        decided = read_decision(b"".join(ingest.objects.read(kept.key)))
    except Unreadable as error:
        return Line(kept.key, Rebuilt.FOREIGN, str(error))
    with mapped_errors(), pool.connection() as connection:
        decide_again(connection, decided, kept)
    return Line(kept.key, Rebuilt.DECIDED)


def _beside_again(pool: ConnectionPool, kept: KeptObject, found: _Found) -> Line:
    """An original's row, of what stands before its bytes."""
    try:
        original = read_original(found.meta.beside)
    except Unreadable as error:
        return Line(kept.key, Rebuilt.FOREIGN, str(error))
    _ensure_trust(pool, found.origin)
    try:
        with mapped_errors(), pool.connection() as connection:
            add_rows(connection, kept, original, found.origin)
    except Contended:
        return Line(kept.key, Rebuilt.DUPLICATE)
    return Line(kept.key, Rebuilt.ORIGINAL)


def _known(pool: ConnectionPool, keys: list[str]) -> set[str]:
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute("select key from object where key = any (%s)", (keys,))
        return {key for (key,) in rows}


def _ensure_trust(pool: ConnectionPool, origin: Origin) -> None:
    """The registry is not in the objects: a trust that is missing gets its code as its name."""
    with mapped_errors(), pool.connection() as connection:
        connection.execute(
            "insert into trust (ods_code, name, issuer) values (%s, %s, %s) on conflict do nothing",
            (origin.trust, origin.trust, origin.accession_issuer),
        )
