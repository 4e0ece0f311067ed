"""The part of the worker that tells the record of studies."""

import threading

from psycopg_pool import ConnectionPool

from exchange.telling.gauges import Gauges
from exchange.telling.opening import open_subscriber
from exchange.telling.rounds import Rounds
from exchange.telling.teller import Teller
from exchange.telling.tellings import Tellings
from imx.forwarding import patience_of
from imx.settings import Settings
from imx.wiring import here_of


def keep_telling(settings: Settings, pool: ConnectionPool, stop: threading.Event) -> None:
    """Until we are to stop. It may be cut anywhere."""
    teller = Teller(
        pool=pool,
        tellings=Tellings(pool, patience_of(settings.routing)),
        connect=open_subscriber,
        here=here_of(settings),
        stopping=stop,
    )
    Rounds(teller=teller, gauges=Gauges(pool)).run()
