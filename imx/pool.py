"""Connections to the database, as every part and command has them."""

import select

from psycopg import Connection
from psycopg_pool import ConnectionPool

from storage.connecting import STATEMENT_S, limits

#: How long an edge waits for a connection before it answers "try again".
POOL_PATIENCE_S = 10.0


def check_cheaply(connection: Connection) -> None:
    """Ask the server only when something waits on the idle connection: mostly that it was closed.

    So a database that was restarted fails nobody's first request, and nobody pays a round trip for it.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)


class LastUsedFirst(ConnectionPool[Connection]):
    """Hands out the connection that came back last, whose server process has all it needs in the caches.

    psycopg's own goes round: each instance meets the server process that has slept longest. With four
    connections for one association that took a fifth more of the processor, on both sides.
    """

    def _get_ready_connection(self, timeout: float | None) -> Connection | None:
        self._pool.rotate(1)
        return super()._get_ready_connection(timeout)


def open_pool(conninfo: str, connections: int, statement_s: float = STATEMENT_S) -> ConnectionPool:
    """It connects in the background: a database that is away is no reason not to start.

    One that hangs is not waited for longer than `statement_s`; 0 for as long as it takes.
    """
    pool = LastUsedFirst(
        conninfo,
        kwargs={"connect_timeout": 5, "application_name": "imx", **limits(conninfo, statement_s)},
        min_size=1,
        max_size=connections,
        timeout=POOL_PATIENCE_S,
        max_idle=60.0,
        reconnect_timeout=5.0,
        check=check_cheaply,
        open=False,
    )
    pool.open(wait=False)
    return pool
