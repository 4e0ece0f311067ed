"""What is said of people, taken into the directory: the one door of every feed, file and service.

In the caller's transaction, so that a message is acknowledged together with what it says.
"""

from typing import Any

from psycopg import Connection

from exchange.people.clusters import numbered, settle, take_turn
from exchange.people.person import Identifier, Record, Said
from exchange.people.records import keep
from exchange.people.rows import row_of
from exchange.people.statements import Apart, Linked, Merged, Relation, Statement, Unlinked, names

_NOTE = """
    insert into person_statement (kind, from_id, into_id, said_at, said_by) values (%s, %s, %s, %s, %s)
    on conflict do nothing returning id
"""


def tell(connection: Connection[Any], statement: Statement, said: Said) -> bool:
    """Keep what was said; whether anybody had not heard it, or something later, already.

    Whatever order statements come in, and however often, the directory comes to the same end.
    """
    take_turn(connection)
    match statement:
        case Record():
            return keep(connection, [row_of(statement, said)]) > 0
        case _:
            return _tell_relation(connection, statement, said)


def _tell_relation(connection: Connection[Any], relation: Relation, said: Said) -> bool:
    ids = numbered(connection, names(relation))
    kind, one, other = _row_of(relation)
    values = (kind, ids[one], ids[other] if other else None, said.at, said.by)
    if connection.execute(_NOTE, values).fetchone() is None:
        return False
    settle(connection, list(ids.values()))
    return True


def _row_of(relation: Relation) -> tuple[str, Identifier, Identifier | None]:
    match relation:
        case Merged(gone, into):
            return "merged", gone, into
        case Apart(number):
            return "apart", number, None
        case Linked(one, other):
            return "linked", min(one, other), max(one, other)
        case Unlinked(one, other):
            return "unlinked", min(one, other), max(one, other)
