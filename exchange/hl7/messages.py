"""Every message and what became of it: for replays, and for the person who mends what was kept aside."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import NotHeld

#: Identifiers of a message are bounded when they are written down.
_SAID_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Came:
    """One message, and from whom."""

    address: str
    trust: str | None
    type: str
    control_id: str
    raw: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.raw).digest()


@dataclass(frozen=True, slots=True)
class Aside:
    """A message as a list shows it."""

    id: int
    at: datetime
    address: str
    trust: str | None
    type: str
    control_id: str
    answer: str
    because: str


def was_taken(connection: Connection[Any], came: Came) -> bool:
    """Whether these very bytes were taken from this trust before."""
    row = connection.execute(
        "select exists (select from hl7_message where trust = %s and control_id = %s and answer = 'AA'"
        " and digest = %s)",
        (came.trust, _storable(came.control_id), came.digest),
    ).fetchone()
    return bool(row and row[0])


def note_taken(connection: Connection[Any], came: Came) -> None:
    """In the transaction that makes durable what it says."""
    _note(connection, came, "AA", "", keep=False)


def _note(connection: Connection[Any], came: Came, answer: str, because: str, *, keep: bool) -> None:
    connection.execute(
        "insert into hl7_message (address, trust, type, control_id, digest, answer, because, raw)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            came.address, came.trust, _storable(came.type), _storable(came.control_id), came.digest, answer,
            because, came.raw if keep else None,
        ),
    )  # fmt: skip


def _storable(text: str) -> str:
    return text[:_SAID_LIMIT].replace("\0", "").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class PostgresMessages:
    """What was kept aside."""

    pool: ConnectionPool

    def keep_aside(self, came: Came, answer: str, because: str) -> bool:
        """With its bytes, once: a sender that repeats itself adds nothing. Whether it is new."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select exists (select from hl7_message where raw is not null and settled_at is null"
                " and digest = %s and address = %s)",
                (came.digest, came.address),
            ).fetchone()
            is_new = not (row and row[0])
            if is_new:
                _note(connection, came, answer, because, keep=True)
        return is_new

    def kept_aside(self, limit: int = 1000) -> Sequence[Aside]:
        """What waits for a person, the newest last."""
        return self._list("raw is not null and settled_at is null", limit)

    def all(self, limit: int = 1000) -> Sequence[Aside]:
        """Every message, the newest last."""
        return self._list("true", limit)

    def raw(self, message_id: int) -> bytes:
        """The bytes of one that was kept aside. Raises NotHeld."""
        return self.came(message_id).raw

    def came(self, message_id: int) -> Came:
        """One that was kept aside, as it came. Raises NotHeld."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select address, trust, type, control_id, raw from hl7_message"
                " where id = %s and raw is not null",
                (message_id,),
            ).fetchone()
        if row is None:
            raise NotHeld(f"message {message_id}, kept aside")
        return Came(*row)

    def settle(self, message_id: int, by: str) -> bool:
        """A person has dealt with it; False where nothing waited."""
        with mapped_errors(), self.pool.connection() as connection:
            settled = connection.execute(
                "update hl7_message set settled_at = now(), settled_by = %s"
                " where id = %s and raw is not null and settled_at is null",
                (by, message_id),
            )
        return settled.rowcount > 0

    def _list(self, condition: str, limit: int) -> Sequence[Aside]:
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select id, at, address, trust, type, control_id, answer, because from hl7_message"
                f" where {condition} order by id desc limit %s",
                (limit,),
            ).fetchall()
        return [Aside(*row) for row in reversed(rows)]
