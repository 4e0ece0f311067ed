"""The worker's part in orders: kept studies are tied to them, performed steps are told on."""

import threading

import structlog
from psycopg_pool import ConnectionPool

from dicom_router.requestor import Calling
from dicom_router.services.performed_news import tell_all
from exchange.performed import PostgresPerformed
from exchange.registry import PostgresRegistry
from exchange.ties import consider_new_orders

log = structlog.get_logger()


def tend_orders(pool: ConnectionPool, calling: Calling, our_title: str, stop: threading.Event) -> None:
    """One round. Each step may be cut anywhere: it is done again."""
    performed, registry = PostgresPerformed(pool), PostgresRegistry(pool)
    while consider_new_orders(pool) and not stop.is_set():
        pass
    if heard := tell_all(performed, registry.destination, calling, our_title):
        log.info("performed.told", steps=heard)
