"""Migrated databases for tests, each as good as new.

To make one and to drop it again costs more than most tests do with it. So one that a test gives back is
emptied, under another name, and given to the next; one whose schema was touched is dropped.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Composed, Identifier, Literal

from storage.migrations import migrate

#: Uses of one database: what is deleted stays in its files, and a planner sees how long they are.
_USES = 20

#: Databases of this process are numbered.
_numbers = count(1)

#: Where any change of the schema shows, in how many rows there are and which transaction wrote the last.
_CATALOGUES = (
    "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_event_trigger", "pg_extension", "pg_index",
    "pg_namespace", "pg_policy", "pg_proc", "pg_rewrite", "pg_sequence", "pg_trigger", "pg_type",
)  # fmt: skip
_SCHEMA = SQL(" union all ").join(
    SQL("select {}, count(*), max(xmin::text::bigint) from {}").format(Literal(each), Identifier(each))
    for each in _CATALOGUES
)
_SETTINGS = """
    select count(*) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
    where d.datname = current_database()
"""
_WRITTEN = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind = 'r' and pg_relation_size(c.oid) > 0 order by 1
"""
_SEQUENCES = "select sequencename, start_value, last_value from pg_sequences where schemaname = 'public'"

#: Where its next number comes from: its start, and the last it gave, if it gave any.
_Sequence = tuple[int, int | None]


@dataclass(slots=True)
class _Database:
    name: str
    uses: int = 0


@dataclass(frozen=True, slots=True)
class _Pristine:
    """What a migrated database is."""

    schema: list[tuple[Any, ...]]
    rows: Mapping[str, str]  # of a table, as JSON
    sequences: Mapping[str, _Sequence]

    @classmethod
    def of(cls, connection: psycopg.Connection) -> "_Pristine":
        rows = {}
        for table in _written(connection):
            name = Identifier(table)
            found = connection.execute(SQL("select json_agg(t)::text from {} t").format(name)).fetchone()
            if found and found[0]:
                rows[table] = str(found[0])
        return cls(_schema(connection), rows, _sequences(connection))

    def is_restored(self, connection: psycopg.Connection) -> bool:
        """Whether it could be: no more than rows and numbers had changed."""
        if _schema(connection) != self.schema:
            return False
        connection.execute("set local session_replication_role = replica")  # no triggers, no foreign keys
        connection.execute(SQL("; ").join(self._statements(_written(connection))))
        for name, sequence in _sequences(connection).items():
            start, last = self.sequences[name]
            if sequence != (start, last):
                value, is_given = (start, False) if last is None else (last, True)
                connection.execute("select setval(%s::regclass, %s, %s)", (name, value, is_given))
        return True

    def _statements(self, written: list[str]) -> Iterator[Composed]:
        for table in written:
            yield SQL("delete from {}").format(Identifier(table))
        for table, rows in self.rows.items():
            yield SQL(
                "insert into {0} overriding system value"
                " select * from json_populate_recordset(null::{0}, {1})"
            ).format(Identifier(table), Literal(rows))


@dataclass
class Databases:
    """Those of one server, made from a migrated one."""

    server: str  # conninfo of its `postgres` database
    template: str
    _pristine: _Pristine
    _spare: list[_Database] = field(default_factory=list)

    @classmethod
    def of(cls, server: str, template: str) -> "Databases":
        """With a template of that name, which is made now."""
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(SQL("create database {}").format(Identifier(template)))
        migrate(make_conninfo(server, dbname=template))
        with psycopg.connect(make_conninfo(server, dbname=template)) as connection:
            return cls(server, template, _Pristine.of(connection))

    @contextmanager
    def one(self) -> Iterator[str]:
        """Conninfo of one, which is taken back afterwards from whoever is still connected."""
        taken = self._spare.pop() if self._spare else self._made()
        try:
            yield make_conninfo(self.server, dbname=taken.name)
        finally:
            taken.uses += 1
            if taken.uses < _USES and self._is_emptied(taken):
                self._spare.append(taken)
            else:
                self._drop(taken)

    def _made(self) -> _Database:
        made = _Database(_new_name())
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(
                SQL("create database {} template {} strategy file_copy").format(
                    Identifier(made.name), Identifier(self.template)
                )
            )
        return made

    def _is_emptied(self, used: _Database) -> bool:
        """Whether it is as it was made. It has a new name first: nobody who was there finds it again."""
        before, used.name = used.name, _new_name()
        try:
            with psycopg.connect(self.server, autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s",
                    (before,),
                )
                connection.execute(
                    SQL("alter database {} rename to {}").format(Identifier(before), Identifier(used.name))
                )
        except psycopg.Error:  # somebody came back at once, or the test dropped it
            used.name = before
            return False
        with psycopg.connect(make_conninfo(self.server, dbname=used.name)) as connection:
            return self._pristine.is_restored(connection)

    def _drop(self, used: _Database) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(SQL("drop database if exists {} with (force)").format(Identifier(used.name)))


def _new_name() -> str:
    return f"test_{os.getpid()}_{next(_numbers)}"


def _schema(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return [*connection.execute(_SCHEMA).fetchall(), *connection.execute(_SETTINGS).fetchall()]


def _written(connection: psycopg.Connection) -> list[str]:
    """Tables that have, or had, rows."""
    return [str(name) for (name,) in connection.execute(_WRITTEN).fetchall()]


def _sequences(connection: psycopg.Connection) -> dict[str, _Sequence]:
    return {name: (start, last) for name, start, last in connection.execute(_SEQUENCES).fetchall()}
