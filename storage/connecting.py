"""Connections to the database: how long each waits for one that hangs, and those for reading."""

from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

#: For an edge, whose peer waits. A lock is given up sooner: then the answer says so.
STATEMENT_S = 20.0

#: A server that no longer acknowledges what it is sent is gone after this long.
_UNHEARD_MS = 20_000
_SILENT_S = 10


def limits(conninfo: str, statement_s: float = STATEMENT_S) -> dict[str, str | int]:
    """Parameters for a connection besides its conninfo; 0 seconds for statements without a limit."""
    statement_ms = round(statement_s * 1000)
    given = conninfo_to_dict(conninfo).get("options") or ""
    ours = f"-c statement_timeout={statement_ms} -c lock_timeout={statement_ms // 2}"
    return {
        "options": f"{given} {ours}".strip(),
        "keepalives_idle": _SILENT_S,
        "tcp_user_timeout": _UNHEARD_MS,
    }


def open_pool(
    conninfo: str, size: int, patience_s: float, statement_s: float = STATEMENT_S
) -> AsyncConnectionPool:
    """Connections for reading. The caller opens and closes it within its event loop.

    Who waits longer than `patience_s` for one, or than `statement_s` for an answer, hears that the database
    is away. Statements are prepared when first asked: the shapes of searches are few, long, and come again,
    and to parse and plan one anew takes as long as to answer it.
    """
    return AsyncConnectionPool(
        conninfo,
        min_size=min(2, size),
        max_size=size,
        open=False,
        timeout=patience_s,
        kwargs={"autocommit": True, "prepare_threshold": 0, **limits(conninfo, statement_s)},
    )
