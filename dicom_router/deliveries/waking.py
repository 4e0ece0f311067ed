"""The queue that wakes the work (procrastinate). A job names a destination and nothing else.

What is to be done stands in `delivery`. A job that is lost is made again by the sweep; one too many finds
nothing to do. No job has a lock: a worker that died with one would hold up everything for that destination.
"""

from procrastinate import App, SyncPsycopgConnector
from psycopg import Connection

QUEUE = "deliveries"
FORWARD = "forward"

#: For asking only; it uses the caller's connection.
_ASKING = App(connector=SyncPsycopgConnector())


def wake(connection: Connection, destination: str) -> None:
    """Have somebody look after a destination, once the caller's transaction has committed."""
    _ASKING.configure_task(FORWARD, queue=QUEUE, connection=connection).defer(destination=destination)
