"""The part of the worker that sends studies to where rules and people want them."""

import threading
from contextlib import closing

from psycopg_pool import ConnectionPool

from dicom_router.deliveries.breakers import Breakers
from dicom_router.deliveries.claims import Claims
from dicom_router.deliveries.destinations.opening import Destinations
from dicom_router.deliveries.dispatch import Dispatch
from dicom_router.deliveries.forwarding import Forwarding
from dicom_router.deliveries.gauges import Gauges
from dicom_router.deliveries.loading import Loading
from dicom_router.deliveries.rejecting import Rejecting
from dicom_router.deliveries.turns import Turns
from dicom_router.reading import Reading
from exchange.backoff import Patience
from exchange.destinations import PostgresDestinations
from exchange.registry import PostgresRegistry
from imx.connections import FORWARDING_READERS
from imx.settings import RoutingSettings, Settings
from imx.wiring import build_sender, database_url, staged_objects


def keep_forwarding(settings: Settings, pool: ConnectionPool, stop: threading.Event) -> None:
    """Until we are to stop; then what is on its way may end."""
    objects = staged_objects(settings, pool)
    with closing(Reading(database_url(settings), objects, FORWARDING_READERS)) as reading:
        build_dispatch(settings, pool, reading, stop).run()


def build_dispatch(
    settings: Settings, pool: ConnectionPool, reading: Reading, stop: threading.Event
) -> Dispatch:
    sender = build_sender(settings, reading.objects)
    patience = patience_of(settings.routing)
    destinations = Destinations(
        registry=PostgresRegistry(pool),
        reader=sender.reader,
        calling=sender.calling,
        our_title=settings.dicom.ae_title,
    )
    forwarding = Forwarding(
        claims=Claims(pool, patience),
        breakers=Breakers(pool, patience),
        turns=Turns(pool),
        destinations=PostgresDestinations(pool),
        loading=Loading(reading, PostgresRegistry(pool)),
        rejecting=Rejecting(pool, reading.objects, PostgresRegistry(pool)),
        connect=destinations.open,
        stopping=stop,
    )
    return Dispatch(
        forwarding=forwarding,
        pool=pool,
        database=database_url(settings),
        threads=settings.routing.senders,
        gauges=Gauges(pool),
    )


def patience_of(settings: RoutingSettings) -> Patience:
    return Patience(
        tries=settings.tries,
        pause_s=settings.pause_s,
        longest_pause_s=settings.longest_pause_s,
        unreachable_s=settings.unreachable_s,
    )
