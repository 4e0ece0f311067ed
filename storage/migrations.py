"""The schema, applied in order.

Files in `schema/` are named NNNN_noun.sql and never change once they have landed. The queue brings its own
(ADR 0020).
"""

from importlib import resources

import psycopg

from storage.queue_schema import PREFIX, queue_files, whole_schema

#: Held while migrating, so that processes which start together apply each file once.
_LOCK = 0x696D78  # "imx"


def migrate(conninfo: str) -> list[str]:
    """Bring the database up to this version; the names of what was applied, often none.

    Also notices that the rows have moved to another database cluster (a restore), whose transaction
    numbers begin again, and opens a new epoch of the change feed.
    """
    with psycopg.connect(conninfo) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(
            "create table if not exists migration "
            "(name text primary key, applied_at timestamptz not null default now())"
        )
        applied = {name for (name,) in connection.execute("select name from migration")}
        fresh = [(name, sql) for name, sql in files() if name not in applied]
        is_without_queue = not any(name.startswith(PREFIX) for name in applied)
        for name, sql in fresh:
            if not (is_without_queue and name.startswith(PREFIX)):
                connection.execute(sql)
            connection.execute("insert into migration (name) values (%s)", (name,))
        if is_without_queue:
            connection.execute(whole_schema())
        _open_epoch(connection)
    return [name for name, _ in fresh]


def is_current(conninfo: str) -> bool:
    """Whether the database has every migration of this version. Raises psycopg.OperationalError."""
    with psycopg.connect(conninfo, connect_timeout=2) as connection:
        if connection.execute("select to_regclass('migration')").fetchone() == (None,):
            return False
        applied = {name for (name,) in connection.execute("select name from migration")}
    return applied >= {name for name, _ in files()}


def files() -> list[tuple[str, str]]:
    """Every migration's name and text, in order: ours, then the queue's."""
    folder = resources.files("storage") / "schema"
    ours = sorted(
        (entry.name, entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".sql")
    )
    return ours + queue_files()


def _open_epoch(connection: psycopg.Connection) -> None:
    connection.execute(
        """
        insert into feed (epoch, system_identifier)
        select 1, system_identifier from pg_control_system()
        on conflict (only_row) do update
            set epoch = feed.epoch + 1, opened_at = now(), system_identifier = excluded.system_identifier
            where feed.system_identifier <> excluded.system_identifier
        """
    )
