"""A process that tells the record until it is killed: `python -m tests.exchange.telling.tellers CONNINFO`."""

import sys
from threading import Event

from psycopg_pool import ConnectionPool

from exchange.backoff import Patience
from exchange.telling import rounds
from exchange.telling.gauges import Gauges
from exchange.telling.opening import open_subscriber
from exchange.telling.rounds import Rounds
from exchange.telling.teller import Teller
from exchange.telling.tellings import Tellings
from tests.exchange.telling.region import HERE

#: As a worker does, but that nobody waits for long.
PATIENCE = Patience(tries=100, pause_s=0.02, longest_pause_s=0.02)
LEASE_S = 5.0


def main() -> None:
    rounds.LOOK_EVERY_S = 0.02
    with ConnectionPool(sys.argv[1], min_size=1, max_size=4) as pool:
        teller = Teller(
            pool=pool,
            tellings=Tellings(pool, PATIENCE),
            connect=open_subscriber,
            here=HERE,
            stopping=Event(),
            lease_s=LEASE_S,
        )
        Rounds(teller=teller, gauges=Gauges(pool)).run()


if __name__ == "__main__":
    main()
