"""The part of a worker that tells the record: changes become tellings, each subscriber gets a teller."""

from dataclasses import dataclass, field
from threading import Thread

import structlog

from exchange.telling.gauges import Gauges
from exchange.telling.teller import Teller
from exchange.telling.tellings import FAN_OUT
from storage.errors import ArchiveError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
#: In rounds, between two looks at the numbers.
COUNT_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """Runs until it is told to stop. Several processes may run one each."""

    teller: Teller
    gauges: Gauges
    _at_work: dict[str, Thread] = field(default_factory=dict)

    def run(self) -> None:
        """Until `teller.stopping` is set; what is on its way then may end, or be cut."""
        rounds = 0
        while not self.teller.stopping.wait(LOOK_EVERY_S):
            try:
                self.go_round()
                if rounds % COUNT_EVERY == 0:
                    self.gauges.show()
            except ArchiveError as error:
                log.warning("record.later", error=type(error).__name__)
            rounds += 1

    def go_round(self) -> None:
        """Somebody for each subscriber for whom something is due. Raises IndexUnavailable."""
        while self.teller.tellings.fan_out() == FAN_OUT and not self.teller.stopping.is_set():
            pass
        for name in self.teller.tellings.due():
            thread = self._at_work.get(name)
            if thread is None or not thread.is_alive():
                thread = Thread(target=self._look_after, args=(name,), name=f"tell {name}", daemon=True)
                self._at_work[name] = thread
                thread.start()

    def wait(self) -> None:
        """For whoever is at work."""
        for thread in list(self._at_work.values()):
            thread.join()

    def _look_after(self, name: str) -> None:
        try:
            self.teller.look_after(name)
        except ArchiveError as error:
            log.warning("record.later", subscriber=name, error=type(error).__name__)
