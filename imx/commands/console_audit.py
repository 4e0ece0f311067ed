"""Who looked at the command line, in the audit: an operator, by name."""

from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from exchange.audit import Detail
from exchange.policy import Action, Purpose
from imx.commands.options import who
from storage.driver_errors import mapped_errors

_ADD = """
    insert into audit
        (actor_kind, actor, trust, address, action, purpose, study_uid, outcome, because, detail, person)
    values ('operator', %s, '', 'local', %s, %s, %s, 'allowed', 'at the console', %s, %s)
"""


def note_at_console(
    pool: ConnectionPool, action: Action, study_uid: str | None, detail: Detail, person: UUID | None = None
) -> None:
    """When this returns, the row is committed: before the first byte is shown."""
    values = (who(), action.value, Purpose.OPERATIONS.value, study_uid, Jsonb(dict(detail)), person)
    with mapped_errors(), pool.connection() as connection:
        connection.execute(_ADD, values)
