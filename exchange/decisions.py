"""What people decide of what waits to reach somebody, or cannot: a delivery, a telling.

Each is a row of the table of that name, and its `state` says how it stands; the table NAME_decision holds who
decided what.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString

from psycopg import Connection
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import AlreadyDecided, NotHeld


class NotTheirs(AlreadyDecided):
    """It is in a state in which that cannot be asked of it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided."""

    at: datetime
    decided_by: str
    decision: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"at": self.at, "by": self.decided_by, "decision": self.decision}


def decisions(connection: Connection[Any], table: LiteralString, number: int) -> list[Decided]:
    """What people decided of one, the first first."""
    rows = connection.execute(
        f"select at, decided_by, decision from {table}_decision where {table}_id = %s order by id", (number,)
    )
    return [Decided(*row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something that a person may decide, and what it does to a row that is in one of these states."""

    decision: str
    table: LiteralString
    whom: LiteralString  # the column that says for whom it is
    states: Collection[Enum]
    change: LiteralString

    def make(self, pool: ConnectionPool, number: int, by: str) -> str:
        """It is done, and kept who decided it; for whom it is. Raises NotHeld and NotTheirs."""
        with mapped_errors(), pool.connection() as connection:
            row = connection.execute(
                f"update {self.table} set {self.change} where id = %s and state = any(%s)"
                f" returning {self.whom}",
                (number, [state.value for state in self.states]),
            ).fetchone()
            if row is not None:
                connection.execute(
                    f"insert into {self.table}_decision ({self.table}_id, decided_by, decision)"
                    " values (%s, %s, %s)",
                    (number, by, self.decision),
                )
                return str(row[0])
            standing = connection.execute(
                f"select state from {self.table} where id = %s", (number,)
            ).fetchone()
        if standing is None:
            raise NotHeld(f"{self.table} {number}")
        raise NotTheirs(f"{self.table} {number} is {standing[0]}: it cannot be asked to {self.decision}")
