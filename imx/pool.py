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


def open_pool(conninfo: str, connections: int, statement_s: float = STATEMENT_S) -> ConnectionPool:
    """It connects in the background: a database that is away is no reason not to start.

    One that hangs is not waited for longer than `statement_s`; 0 for as long as it takes.
    """
    pool = ConnectionPool(
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
