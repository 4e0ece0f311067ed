"""The index's writing side: rows in PostgreSQL, each instance in one transaction."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.facts import Identity
from storage.header import Header
from storage.origin import SAID_LIMIT, Origin
from storage.prepared import Prepared, Row
from storage.receipt import Outcome
from storage.rejection_notes import KEY_OBJECT_SELECTION, RejectionNote, lock_studies, write_note


@dataclass(frozen=True, slots=True)
class KeptObject:
    """One durable Part 10 object."""

    key: str
    size: int  # bytes, of the whole file
    data_offset: int  # where the data set begins
    digest: bytes  # SHA-256 of the data set as received
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Held:
    """The instance that holds a UID already, and where it lies."""

    instance_id: int
    object_id: int
    study_uid: str
    series_uid: str
    object: KeptObject


@dataclass(frozen=True, slots=True)
class Misplaced:
    """The series belongs to another study."""

    study_uid: str


Answer = Held | Misplaced | None


@dataclass(slots=True)
class Pending:
    """An answer that is known once its transaction has ended."""

    answer: Answer = None


@dataclass(frozen=True, slots=True)
class PostgresIndex:
    """Rows for what is kept. Safe for many threads; each call takes a connection of the pool."""

    pool: ConnectionPool

    def keep(self, kept: KeptObject, origin: Origin, header: Header, staged: bytes | None = None) -> Answer:
        """Rows for an instance whose bytes are durable, or come along as `staged`: committed at once.

        None for a new instance; or what has its place already, and then nothing is written. What a rejection
        note names is hidden by the same commit. Raises Contended where two do the same at once.
        """
        values = (*_keep_values(kept, origin, header), staged)
        with mapped_errors():
            if header.note is not None:
                return self._keep_note(values, origin, header, header.note)
            connection = self.pool.getconn()
            try:
                row = _KEEP.ask(connection, values)
            finally:
                self.pool.putconn(connection)
            return self._answer(row)

    def _keep_note(
        self, values: tuple[Any, ...], origin: Origin, header: Header, note: RejectionNote
    ) -> Answer:
        with self.pool.connection() as connection:
            lock_studies(connection, {header.study.uid, *note.study_uids})
            row = _KEEP.ask(connection, values)
            answer = self._answer(row, connection)
            if answer is None:
                write_note(connection, int(row[0] or 0), note, *_origin_values(origin)[:2])
            return answer

    @contextmanager
    def keeping(self, kept: KeptObject, origin: Origin, header: Header) -> Iterator[Pending]:
        """The same, committed when the block ends, for bytes that become durable within it.

        The database works meanwhile. A block that raises leaves no row; one that ends well has its answer
        in what it was given.
        """
        values = (*_keep_values(kept, origin, header), None)
        pending = Pending()
        with mapped_errors():
            connection = self.pool.getconn()
            try:
                with _KEEP.asked(connection, values) as answered:
                    yield pending
            finally:
                self.pool.putconn(connection)
            pending.answer = self._answer(answered.row)

    def _answer(self, row: Row, connection: psycopg.Connection | None = None) -> Answer:
        """What `keep` said (storage/schema: keep_answer), with what is held read where it says so."""
        instance_id, held_object, held_study = row
        if held_object is not None:
            with nullcontext(connection) if connection else self.pool.connection() as reading:
                return _held(reading, int(instance_id or 0), int(held_object))
        return Misplaced(held_study.decode()) if held_study is not None else None

    def set_aside(
        self,
        kept: KeptObject,
        origin: Origin,
        sop_class_uid: str,
        sop_instance_uid: str,
        outcome: Outcome,
        because: str,
        diff: Sequence[dict[str, str]] = (),
        contested_study: str | None = None,
    ) -> bool:
        """Into quarantine until a person chooses; False where the same bytes wait there under another key.

        The study of which it is other content, if any, is marked contested for every reader.
        """
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                _SET_ASIDE,
                (
                    *_object_values(kept), *_origin_values(origin), _storable(sop_class_uid),
                    _storable(sop_instance_uid), outcome.value, because, orjson.dumps(list(diff)).decode(),
                    contested_study,
                ),
            ).fetchone()  # fmt: skip
        return bool(row and row[0])

    def replace(self, kept: KeptObject, origin: Origin, header: Header, held: Held) -> bool:
        """The newer content becomes current; False where another did so meanwhile."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                _REPLACE,
                (
                    *_object_values(kept), *_origin_values(origin), held.instance_id, held.object_id,
                    *identity_values(header.identity, origin), *instance_values(header),
                ),
            ).fetchone()  # fmt: skip
            is_current = bool(row and row[0])
            if is_current:
                _sent_again(connection, origin, header.instance.uid)
                if header.instance.sop_class == KEY_OBJECT_SELECTION:
                    write_note(connection, held.instance_id, header.note, *_origin_values(origin)[:2])
        return is_current

    def note_kept_again(self, origin: Origin, sop_class_uid: str, sop_instance_uid: str) -> None:
        """One row for an instance that was kept already; what its retention had hidden shows again."""
        with mapped_errors(), self.pool.connection() as connection:
            _note_arrival(connection, origin, sop_class_uid, sop_instance_uid, Outcome.ALREADY_KEPT)
            _sent_again(connection, origin, sop_instance_uid)

    def note_arrival(
        self, origin: Origin, sop_class_uid: str, sop_instance_uid: str, outcome: Outcome, because: str = ""
    ) -> None:
        """One row for an attempt that left nothing."""
        with mapped_errors(), self.pool.connection() as connection:
            _note_arrival(connection, origin, sop_class_uid, sop_instance_uid, outcome, because)


def _note_arrival(
    connection: psycopg.Connection,
    origin: Origin,
    sop_class_uid: str,
    sop_instance_uid: str,
    outcome: Outcome,
    because: str = "",
) -> None:
    connection.execute(
        "insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome,"
        " because) values (%s,%s,%s,%s,%s,%s,%s,%s)",
        (
            *_origin_values(origin)[:4], _storable(sop_class_uid), _storable(sop_instance_uid),
            outcome.value, _storable(because),
        ),
    )  # fmt: skip


def _sent_again(connection: psycopg.Connection, origin: Origin, uid: str) -> None:
    peer, trust = _origin_values(origin)[:2]
    connection.execute("select sent_again(%s, %s, %s)", (uid, peer, trust))


_OBJECT_MARKS = "%s,%s,%s,%b,%s"
_ORIGIN_MARKS = "%s,%s,%s,%s,%s"
IDENTITY_MARKS = "%s,%s,%s,%s,%s,%b,%b"
INSTANCE_MARKS = "%s,%s,%s,%s,%b,%s,%b,%b,%b,%s"
_KEEP_PARAMETERS = 47
_KEEP = Prepared(
    b"keep",
    b"select (k).instance_id, (k).held_object, (k).held_study from keep(%b) k"
    % b",".join(b"$%d" % number for number in range(1, _KEEP_PARAMETERS + 1)),
)
_REPLACE = (
    f"select replace_content({_OBJECT_MARKS}, {_ORIGIN_MARKS}, %s,%s, {IDENTITY_MARKS}, {INSTANCE_MARKS})"
)
_SET_ASIDE = f"select set_aside({_OBJECT_MARKS}, {_ORIGIN_MARKS}, %s,%s,%s,%s,%s,%s)"


def _object_values(kept: KeptObject) -> tuple[Any, ...]:
    return kept.key, kept.size, kept.data_offset, kept.digest, _storable(kept.transfer_syntax_uid)


def _origin_values(origin: Origin) -> tuple[Any, ...]:
    texts = (origin.peer, origin.trust, origin.address, origin.called)
    return *map(_storable, texts), origin.received_at


@lru_cache(maxsize=1024)
def _storable(text: str) -> str:
    """What a peer says of itself and of what it sends, as text that PostgreSQL and its indexes take."""
    return text[:SAID_LIMIT].replace("\0", "").encode("utf-8", "replace").decode()


def identity_values(identity: Identity, origin: Origin) -> tuple[Any, ...]:
    """For IDENTITY_MARKS. The issuer is the data set's, else that of the peer's trust: never empty."""
    issuer = identity.issuer or origin.issuer
    members = dict(identity.members)
    if "Value" not in members.get("00100021", {}):
        members["00100021"] = {"vr": "LO", "Value": [issuer]}
    json = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)[1:-1]
    digest = hashlib.sha256(origin.trust.encode() + b"\0" + json).digest()
    return identity.identifier, issuer, identity.name, identity.birth_date, identity.sex, digest, json


def _keep_values(kept: KeptObject, origin: Origin, header: Header) -> tuple[Any, ...]:
    study, series = header.study, header.series
    return (
        *_object_values(kept), *_origin_values(origin), *identity_values(header.identity, origin),
        study.uid, study.date, study.time, study.accession, study.accession_issuer or origin.accession_issuer,
        study.study_id, study.description, study.referring, study.json,
        series.uid, series.modality, series.number, series.description, series.body_part, series.date,
        series.performed_date, series.performed_time, series.json,
        header.instance.uid, *instance_values(header),
    )  # fmt: skip


def instance_values(header: Header) -> tuple[Any, ...]:
    """For INSTANCE_MARKS."""
    instance = header.instance
    return (
        instance.sop_class, instance.number, instance.frames.count, int(instance.frames.form),
        instance.frames.packed, list(instance.problems), instance.json_before, instance.json_patient,
        instance.json_after, instance.json_whole,
    )  # fmt: skip


def _held(connection: psycopg.Connection, instance_id: int, object_id: int) -> Held:
    row = connection.execute(
        "select st.uid, se.uid, o.key, o.size, o.data_offset, o.digest, o.transfer_syntax"
        " from instance i join series se on se.id = i.series_id join study st on st.id = se.study_id"
        " join object o on o.id = %s where i.id = %s",
        (object_id, instance_id),
    ).fetchone()
    assert row is not None
    study_uid, series_uid, *kept = row
    return Held(instance_id, object_id, study_uid, series_uid, KeptObject(*kept))
