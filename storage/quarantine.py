"""What is kept aside until a person chooses, and the choosing.

Nothing is deleted by a choice: what was current becomes a kept version, what was aside stays aside, settled.
Every choice can be undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from storage.compare import Difference, Encoded
from storage.driver_errors import mapped_errors
from storage.errors import AlreadyDecided, BadInput, NotHeld, ObjectMissing, ObjectsUnavailable, Unreadable
from storage.header import Header, read_header
from storage.index import IDENTITY_MARKS, INSTANCE_MARKS, identity_values, instance_values
from storage.objects import ObjectStore
from storage.origin import Origin
from storage.part10 import META_LIMIT_BYTES, read_meta
from storage.receipt import Outcome
from storage.rejection_notes import KEY_OBJECT_SELECTION, write_note


class Choice(Enum):
    """What a person decides of something that was kept aside."""

    KEEP = "keep"  # what was kept first stays current
    TAKE = "take"  # this becomes current, and the other a kept version


@dataclass(frozen=True, slots=True)
class Aside:
    """One object that was kept aside."""

    id: int
    sop_instance_uid: str
    outcome: str  # storage.receipt.Outcome, in words
    because: str
    study_uid: str | None  # the study that it contests
    peer: str
    trust: str
    received_at: datetime
    size: int
    diff: Sequence[dict[str, str]]  # tags that differ, and how; no values
    held_from: str | None  # the peer and trust from which the current content came
    held_at: datetime | None
    decision: Choice | None
    decided_by: str | None
    decided_at: datetime | None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What tells it from the current content, as the comparison said when it came."""
        return tuple(Difference(**one) for one in self.diff)


_ASIDE = """
    select q.id, q.sop_instance_uid, q.outcome, a.because, q.study_uid, a.peer, a.trust, o.received_at,
        o.size, q.diff, held.peer || ' of ' || held.trust as held_from, held.received_at as held_at,
        q.decision, q.decided_by, q.decided_at
    from quarantine q join arrival a on a.id = q.arrival_id join object o on o.id = q.object_id
    left join instance i on i.id = q.instance_id left join object held on held.id = i.object_id
"""
_MAKE_CURRENT = f"select make_current(%s,%s,%s,%s, {IDENTITY_MARKS}, {INSTANCE_MARKS})"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Decisions over what is kept aside. Every verb raises Unavailable when a part is away."""

    pool: ConnectionPool
    objects: ObjectStore

    def waiting(self, trust: str | None = None, limit: int = 1_000) -> list[Aside]:
        """What nobody has decided yet, the oldest first; of what one trust sent, where it is named."""
        return self._asides(
            "where q.decided_at is null and (%s::text is null or a.trust = %s) order by q.id limit %s",
            trust,
            trust,
            limit,
        )

    def aside(self, number: int) -> Aside:
        """Raises NotHeld."""
        found = self._asides("where q.id = %s", number)
        if not found:
            raise NotHeld(f"number {number} in quarantine")
        return found[0]

    def decide(self, number: int, choice: Choice, by: str) -> Aside:
        """Settle one. Raises AlreadyDecided, and BadInput where it cannot become current."""
        aside = self.aside(number)
        if choice is Choice.TAKE and aside.outcome != Outcome.DIFFERENT.value:
            raise BadInput(
                f"number {number} ({aside.outcome}) cannot become current: it is no other content of a kept"
                " instance. Have it sent again with right UIDs, and decide: keep"
            )
        with mapped_errors(), self.pool.connection() as connection:
            row = _locked(connection, number)
            if row["decided_at"] is not None:
                raise AlreadyDecided(f"number {number} is decided: {row['decision']}")
            if choice is Choice.TAKE:
                held = _object_of(connection, row["instance_id"])
                self._make_current(connection, row["instance_id"], held, row["object_id"])
            connection.execute("select quarantine_decided(%s, %s, %s)", (number, choice.value, by))
        return self.aside(number)

    def undo(self, number: int, by: str) -> Aside:
        """As it was before the decision. Raises AlreadyDecided where there is none to undo, or where yet
        another content became current since."""
        with mapped_errors(), self.pool.connection() as connection:
            row = _locked(connection, number)
            if row["decided_at"] is None:
                raise AlreadyDecided(f"number {number} is not decided")
            if row["decision"] == Choice.TAKE.value:
                former = connection.execute(
                    "select object_id from version where instance_id = %s order by id desc limit 1",
                    (row["instance_id"],),
                ).fetchone()
                if former is None or _object_of(connection, row["instance_id"]) != row["object_id"]:
                    raise AlreadyDecided(f"number {number} is no longer current: decide over the newer one")
                self._make_current(connection, row["instance_id"], row["object_id"], former[0])
                # It waits aside again, and is no version.
                connection.execute("delete from version where object_id = %s", (row["object_id"],))
            connection.execute("select quarantine_decided(%s, null, %s)", (number, by))
        return self.aside(number)

    def _asides(self, condition: str, *values: object) -> list[Aside]:
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute(_ASIDE + condition, values).fetchall()
        return [Aside(**row | {"decision": row["decision"] and Choice(row["decision"])}) for row in rows]

    def _make_current(self, connection: Connection, instance_id: int, held: int, chosen: int) -> None:
        header, origin = self._read(connection, chosen)
        row = connection.execute(
            _MAKE_CURRENT,
            (
                instance_id, held, chosen, origin.trust,
                *identity_values(header.identity, origin), *instance_values(header),
            ),
        ).fetchone()  # fmt: skip
        if not (row and row[0]):
            raise AlreadyDecided("the instance has other content now: look again")
        if header.instance.sop_class == KEY_OBJECT_SELECTION:
            write_note(connection, instance_id, header.note, origin.peer, origin.trust)

    def _read(self, connection: Connection, object_id: int) -> tuple[Header, Origin]:
        """What the index needs of an object that is kept. Read from its bytes: nobody stored it."""
        row = connection.execute(
            "select key, size, data_offset, transfer_syntax from object where id = %s", (object_id,)
        ).fetchone()
        assert row is not None
        key, size, offset, syntax = row

        def fetch(start: int, stop: int) -> bytes:
            return b"".join(self.objects.read(key, offset + start, offset + stop))

        try:
            meta = read_meta(b"".join(self.objects.read(key, 0, min(offset, META_LIMIT_BYTES))))
            header = read_header(Encoded(syntax, size - offset, fetch).source(), syntax, offset)
        except ObjectMissing as error:
            raise ObjectsUnavailable("an object that has to be read is gone (imx verify)") from error
        if meta.origin is None:
            raise Unreadable("no origin beside the data set")
        return header, meta.origin


def _locked(connection: Connection, number: int) -> dict[str, Any]:
    """The row, held until the transaction ends. Raises NotHeld."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("select * from quarantine_locked(%s)", (number,)).fetchone()
    if row is None or row["id"] is None:
        raise NotHeld(f"number {number} in quarantine")
    return row


def _object_of(connection: Connection, instance_id: int) -> int:
    row = connection.execute("select object_id from instance where id = %s", (instance_id,)).fetchone()
    assert row is not None
    held: int = row[0]
    return held
