"""The archive's writing side, with a sender before it and eyes on what it holds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset

from storage.elements import EXPLICIT_LITTLE
from storage.index import PostgresIndex
from storage.ingest import Incoming, Ingest
from storage.objects import Bytes, ObjectStore
from storage.origin import Origin
from storage.receipt import Receipt
from storage.staging import StagedObjects, move_staged
from tests.storage.strategies import write


def origin(trust: str = "RBN", *, peer: str = "CT1", at: datetime | None = None) -> Origin:
    return Origin(peer, trust, trust, "10.0.0.1", "IMX", at or datetime.now(UTC))


@dataclass
class Shelf:
    """An archive on one database and one object store."""

    pool: ConnectionPool
    store: ObjectStore
    objects: StagedObjects = field(init=False)
    ingest: Ingest = field(init=False)

    def __post_init__(self) -> None:
        self.objects = StagedObjects(self.store, self.pool)
        self.ingest = Ingest(self.objects, PostgresIndex(self.pool))

    def send(
        self,
        dataset: Dataset,
        syntax: str = EXPLICIT_LITTLE,
        origin: Origin | None = None,
        *,
        may_replace: bool = False,
        chunks: Iterable[Bytes] | None = None,
    ) -> Receipt:
        """As an edge would, in one piece unless `chunks` say otherwise."""
        incoming = Incoming(
            str(dataset.get("SOPClassUID", "1.2")),
            str(dataset.get("SOPInstanceUID", "1.2")),
            syntax,
            may_replace,
        )
        return self.send_bytes(
            incoming, chunks if chunks is not None else [write(dataset, syntax).data], origin
        )

    def send_bytes(
        self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin | None = None
    ) -> Receipt:
        return self.ingest.accept(incoming, chunks, origin or _now())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.pool.connection() as connection:
            return connection.execute(query, values or None).fetchall()

    def one(self, query: str, *values: object) -> Any:
        """The single value that a query answers."""
        ((value,),) = self.rows(query, *values)
        return value

    def move(self) -> None:
        """What is staged, into the store, as the worker does it."""
        move_staged(self.objects, timedelta(0))

    def keys(self) -> set[str]:
        """Of every object, in the store or waiting for it."""
        waiting = {key for (key,) in self.rows("select key from staged")}
        return waiting | {listed.key for listed in self.store.list()}

    def keys_of_rows(self) -> set[str]:
        return {key for (key,) in self.rows("select key from object where swept_at is null")}

    def outcomes(self) -> list[str]:
        """Of every attempt, in order."""
        return [outcome for (outcome,) in self.rows("select outcome from arrival order by id")]

    def read(self, key: str, start: int = 0) -> bytes:
        return b"".join(self.objects.read(key, start))


def _now() -> Origin:
    return origin()
