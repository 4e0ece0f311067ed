"""How long a connection waits for a database that hangs: never for ever."""

from psycopg.conninfo import conninfo_to_dict

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
