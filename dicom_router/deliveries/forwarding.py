"""Looking after one destination: claim what is due, send it, again until nothing is."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import inf
from threading import Event
from time import monotonic

import structlog

from dicom_router.deliveries.batch import Batch, attempts_for, luck
from dicom_router.deliveries.breakers import Breakers
from dicom_router.deliveries.claims import Claimed, Claims
from dicom_router.deliveries.destinations.port import Destination, DestinationFailed
from dicom_router.deliveries.loading import Loading
from dicom_router.deliveries.rejecting import Rejecting
from dicom_router.deliveries.turns import Turn, Turns
from dicom_router.metrics import FORWARDING_FAILED
from exchange.backoff import Permit
from exchange.destinations import Entry, PostgresDestinations, UnknownDestination

log = structlog.get_logger(__name__)

#: Deliveries are claimed together so that a batch takes about this long, and no more than so many.
BATCH_S = 1.0
MOST_AT_ONCE = 128

#: With nothing due, the connection to the destination is kept for so long.
LINGER_S = 1.0
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Forwarding:
    """Sends to destinations. Threads may share it; each looks after one destination at a time."""

    claims: Claims
    breakers: Breakers
    turns: Turns
    destinations: PostgresDestinations
    loading: Loading
    rejecting: Rejecting
    connect: Callable[[Entry], Destination]
    stopping: Event
    linger_s: float = LINGER_S

    def look_after(self, name: str) -> None:
        """Send what is due to that destination, unless as many do so already as it takes."""
        while not self.stopping.is_set():
            try:
                entry = self.destinations.named(name)
            except UnknownDestination as error:
                self.breakers.failed(name, str(error), luck())
                return
            turn = self.turns.take(name, entry.associations)
            if turn is None:
                return
            try:
                self._send_what_is_due(entry, turn)
            except DestinationFailed as error:
                FORWARDING_FAILED.labels(name).inc()
                self.breakers.failed(name, str(error), luck())
                log.warning("destination.failed", destination=name, error=type(error).__name__)
                return
            finally:
                self.claims.release(turn)
                self.turns.give_back(turn)
            # Whoever ordered while we were at it saw our turn and woke nobody: look once more after it.
            if not self.claims.is_due(name):
                return

    def _send_what_is_due(self, entry: Entry, turn: Turn) -> None:
        """Until nothing is, or its breaker lets nothing through. Raises DestinationFailed."""
        size, sent_at = 1, -inf
        with closing(self.connect(entry)) as destination:
            while not self.stopping.is_set() and self.turns.is_ours(turn):
                breaker, now = self.breakers.of(entry.name)
                permit = breaker.permits(now)
                if permit is Permit.NONE or (permit is Permit.ONE and turn.number > 1):
                    return
                claimed = self.claims.claim(turn, size if permit is Permit.ALL else 1)
                if not claimed:
                    if monotonic() - sent_at > self.linger_s:
                        return
                    self.stopping.wait(LOOK_EVERY_S)
                    continue
                began = monotonic()
                taken = self._batch(entry, turn, destination, claimed).send()
                if taken and breaker.failures:
                    self.breakers.works(entry.name)
                sent_at = monotonic()
                is_short = sent_at - began < BATCH_S / 2
                size = min(MOST_AT_ONCE, 2 * size) if is_short else max(1, len(claimed) // 2)

    def _batch(self, entry: Entry, turn: Turn, destination: Destination, claimed: list[Claimed]) -> Batch:
        return Batch(
            entry=entry,
            turn=turn,
            destination=destination,
            claims=self.claims,
            attempts=attempts_for(entry, claimed, self.claims, self.loading),
            rejecting=self.rejecting,
            is_stopping=self.stopping.is_set,
        )
