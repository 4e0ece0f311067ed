"""Make the index again from objects alone.

Every object carries its origin beside its bytes, so nothing else is needed; objects are taken in the
order in which they arrived, so that again the first of two different contents stays.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from psycopg_pool import ConnectionPool

from storage.errors import ArchiveError
from storage.index import KeptObject, mapped_errors
from storage.ingest import Incoming, Ingest
from storage.origin import Origin
from storage.part10 import META_LIMIT_BYTES, FileMeta, read_meta
from storage.receipt import Outcome


class Rebuilt(Enum):
    """What became of one object."""

    INDEXED = "indexed"
    ASIDE = "in quarantine"
    KNOWN = "has a row already"
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
    """Rows for every object that has none. Safe to stop and start again."""
    found: list[_Found] = []
    for listed in ingest.objects.list():
        if _has_row(pool, listed.key):
            yield Line(listed.key, Rebuilt.KNOWN)
            continue
        try:
            head = next(ingest.objects.read(listed.key, 0, META_LIMIT_BYTES), b"")
            meta = read_meta(head)
        except ArchiveError as error:
            yield Line(listed.key, Rebuilt.FOREIGN, str(error))
            continue
        if meta.origin is None:
            yield Line(listed.key, Rebuilt.FOREIGN, "no origin beside the data set")
            continue
        found.append(_Found(listed.key, listed.size, meta, meta.origin))
    for each in sorted(found, key=lambda one: (one.origin.received_at, one.key)):
        yield _index(ingest, pool, each)


def _index(ingest: Ingest, pool: ConnectionPool, found: _Found) -> Line:
    meta = found.meta
    incoming = Incoming(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)
    digest = hashlib.sha256()
    for chunk in ingest.objects.read(found.key, meta.data_offset):
        digest.update(chunk)
    kept = KeptObject(found.key, found.size, meta.data_offset, digest.digest(), meta.transfer_syntax_uid)
    _ensure_trust(pool, found.origin)
    receipt = ingest.adopt(incoming, kept, found.origin)
    if receipt.outcome is Outcome.KEPT:
        return Line(found.key, Rebuilt.INDEXED)
    return Line(found.key, Rebuilt.ASIDE, receipt.because or receipt.outcome.value)


def _has_row(pool: ConnectionPool, key: str) -> bool:
    with mapped_errors(), pool.connection() as connection:
        return connection.execute("select from object where key = %s", (key,)).fetchone() is not None


def _ensure_trust(pool: ConnectionPool, origin: Origin) -> None:
    """The registry is not in the objects: a trust that is missing gets its code as its name."""
    with mapped_errors(), pool.connection() as connection:
        connection.execute(
            "insert into trust (ods_code, name, issuer) values (%s, %s, %s) on conflict do nothing",
            (origin.trust, origin.trust, origin.issuer),
        )
