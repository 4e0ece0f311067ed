"""A statement that every instance needs, called without a cursor.

psycopg adapts each parameter, builds a cursor and polls the socket from Python: a quarter of what the router
did for an instance of 8 KB. Here parameters go to libpq as they are, and libpq waits, without the interpreter
lock.
"""

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

#: Of what PostgreSQL answers: as text, None for null.
Row = tuple[bytes | None, ...]

_TEXT, _BINARY = 0, 1

#: psycopg lets the server forget every statement after a rollback, ours too.
_UNKNOWN_STATEMENT = b"26000"  # invalid_sql_statement_name


@dataclass(slots=True)
class Answered:
    """The row of a statement, once its transaction has ended."""

    row: Row = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement with $1, $2, … that gives one row; prepared once on each connection. Safe for threads."""

    name: bytes
    sql: bytes
    _known: "WeakSet[psycopg.Connection]" = field(default_factory=WeakSet, repr=False, compare=False)

    def ask(self, connection: psycopg.Connection, values: Sequence[Any]) -> Row:
        """In the transaction that is open; where none is, in its own, committed when this returns."""
        link = connection.pgconn
        if link.transaction_status != TransactionStatus.IDLE:
            encoded, forms = _encoded(values)
            return _row(link.exec_params(self.sql, encoded, None, forms), connection)
        self._prepare(connection)
        result = link.exec_prepared(self.name, *_encoded(values))
        if result.error_field(DiagnosticField.SQLSTATE) == _UNKNOWN_STATEMENT:
            self._known.discard(connection)
            self._prepare(connection)
            result = link.exec_prepared(self.name, *_encoded(values))
        return _row(result, connection)

    @contextmanager
    def asked(self, connection: psycopg.Connection, values: Sequence[Any]) -> Iterator[Answered]:
        """The same, committed when the block ends: the server works meanwhile.

        What a pipeline sends before its Sync is one transaction (PostgreSQL, "Pipelining" in the message
        flow). Where the block raises, the connection is closed instead: no Sync reaches the server, and it
        rolls back. Where the commit fails, the connection is in no state to be used again either. Raises
        InvalidSqlStatementName where the server has forgotten the statement: it is to be asked anew.
        """
        self._prepare(connection)
        link = connection.pgconn
        answered = Answered()
        try:
            link.enter_pipeline_mode()
            link.send_query_prepared(self.name, *_encoded(values))
            _flush(link)
            yield answered
            link.pipeline_sync()
            _flush(link)
            answered.row = _row(_result_before_sync(link), connection)
            link.exit_pipeline_mode()
        except BaseException:
            connection.close()
            raise

    def _prepare(self, connection: psycopg.Connection) -> None:
        if connection not in self._known:
            prepared = connection.pgconn.prepare(self.name, self.sql)
            if prepared.status != ExecStatus.COMMAND_OK:
                raise error_from_result(prepared)
            self._known.add(connection)


def _array(texts: list[str]) -> bytes:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ("{" + ",".join(f'"{text}"' for text in quoted) + "}").encode()


#: How each type is sent. Text goes as binary: libpq would end it at a NUL, where PostgreSQL refuses one.
_FORMS: Mapping[type, tuple[int, Callable[[Any], bytes | None]]] = {
    bytes: (_BINARY, lambda value: value),
    str: (_BINARY, str.encode),
    int: (_TEXT, lambda value: b"%d" % value),
    bool: (_TEXT, lambda value: b"t" if value else b"f"),
    datetime: (_TEXT, lambda value: value.isoformat().encode()),
    list: (_TEXT, _array),
    type(None): (_TEXT, lambda value: None),
}


def _encoded(values: Sequence[Any]) -> tuple[Any, list[int]]:
    """For exec_prepared, whose types forget that a value may be None."""
    forms = [_FORMS[type(value)] for value in values]
    encoded = [encode(value) for value, (_, encode) in zip(values, forms, strict=True)]
    return encoded, [form for form, _ in forms]


def _row(result: PGresult, connection: psycopg.Connection) -> Row:
    if result.status != ExecStatus.TUPLES_OK:
        raise error_from_result(result, encoding=connection.info.encoding)
    return tuple([result.get_value(0, column) for column in range(result.nfields)])


def _flush(link: PGconn) -> None:
    """Send what libpq still holds; a server that answers meanwhile is heard, or both would wait."""
    while link.flush():
        poll = select.poll()
        poll.register(link.socket, select.POLLIN | select.POLLOUT)
        if poll.poll()[0][1] & select.POLLIN:
            link.consume_input()


def _result_before_sync(link: PGconn) -> PGresult:
    """The last result of a pipeline before its Sync: the statement's, or why its commit failed."""
    last: PGresult | None = None
    while True:
        result = _next(link)
        if result is None:
            continue  # between one result and the next
        if result.status == ExecStatus.PIPELINE_SYNC and last is not None:
            return last
        last = result


def _next(link: PGconn) -> PGresult | None:
    while link.is_busy():
        poll = select.poll()
        poll.register(link.socket, select.POLLIN)
        poll.poll()
        link.consume_input()
    return link.get_result()
