"""The worker's part in tracing people: whoever is due is asked about at the PDS, where there is one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from psycopg_pool import ConnectionPool

from exchange.people.pds.access import Application
from exchange.people.pds.client import Pds
from exchange.people.pds.round import Tracing
from imx.lasting import again_and_again
from imx.settings import PdsSettings

#: How often it is looked who has come to be due.
TRACE_EVERY_S = 5.0


def tracing_people(
    settings: PdsSettings, pool: ConnectionPool, stop: threading.Event
) -> list[threading.Thread]:
    """The task, where a PDS is set."""
    if not settings.url:
        return []
    tracing = Tracing(pool, build_pds(settings), timedelta(seconds=settings.refresh_s), stop)
    return [again_and_again("pds", TRACE_EVERY_S, tracing.run, stop)]


@contextmanager
def one_trace(settings: PdsSettings, pool: ConnectionPool) -> Iterator[Tracing]:
    """For somebody who asks by hand."""
    pds = build_pds(settings)
    try:
        yield Tracing(pool, pds, timedelta(seconds=settings.refresh_s), threading.Event())
    finally:
        pds.close()


def build_pds(settings: PdsSettings) -> Pds:
    """The client for it."""
    application = None
    if settings.token_url and settings.api_key and settings.key:
        application = Application(
            token_url=settings.token_url,
            api_key=settings.api_key.text,
            key=settings.key,
            key_id=settings.key_id,
        )
    return Pds.at(settings.url, application)
