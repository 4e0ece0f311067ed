"""How many database connections each process may hold, and all of them together."""

from imx.settings import Settings

#: Database connections that one process may hold.
ROUTER_CONNECTIONS = 12
READING_CONNECTIONS = 6  # of a router, besides
API_CONNECTIONS = 16
WORKER_CONNECTIONS = 26
FORWARDING_READERS = 2  # of a worker, besides
QUEUE_CONNECTIONS = 3  # the same
HL7_CONNECTIONS = 4
WATCH_CONNECTIONS = 3

#: The HTTP edge stores, and reads objects that still wait in the database, through connections of its own.
API_OBJECT_CONNECTIONS = 6

#: Commands, checks and a person with psql.
SPARE_CONNECTIONS = 6

#: The worker's statements may take their time, but not for ever.
WORKER_STATEMENT_S = 600.0


def connections_wanted(settings: Settings) -> int:
    """How many database connections the service may hold at its busiest."""
    edges = settings.dicom.processes * (ROUTER_CONNECTIONS + READING_CONNECTIONS)
    edges += settings.http.processes * (API_CONNECTIONS + API_OBJECT_CONNECTIONS)
    edges += HL7_CONNECTIONS if settings.hl7.is_set else 0
    edges += WATCH_CONNECTIONS if settings.watch.folder else 0
    worker = WORKER_CONNECTIONS + FORWARDING_READERS + QUEUE_CONNECTIONS
    return edges + worker + SPARE_CONNECTIONS
