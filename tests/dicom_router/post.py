"""Everything that forwards, on a real database, with a destination whose every answer a test decides."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import uuid4

from psycopg.rows import dict_row

from dicom_router.deliveries.breakers import Breakers
from dicom_router.deliveries.claims import Claims, Wanted
from dicom_router.deliveries.destinations.port import Destination, NotReached, Sent
from dicom_router.deliveries.forwarding import Forwarding
from dicom_router.deliveries.loading import Loading
from dicom_router.deliveries.ordering import PostgresDeliveries
from dicom_router.deliveries.rejecting import Rejecting
from dicom_router.deliveries.turns import Turn, Turns
from exchange.backoff import Patience
from exchange.destinations import Entry, Kind, PostgresDestinations
from exchange.registry import PostgresRegistry, Trust
from storage.leaving import Leaving
from tests.dicom_router.holdings import Holdings

NAME = "CLOUD"

#: Pauses that outlast a test: it says itself when they are over.
PATIENCE = Patience(tries=5, pause_s=600, failures=3)


class Killed(BaseException):
    """The process is gone. Raised by `Post.die`."""


@dataclass
class Scripted:
    """A destination that keeps what it takes, unless the script says otherwise."""

    held: dict[str, int] = field(default_factory=dict)  # how often each UID was taken
    before: Callable[[Leaving], Sent | None] = lambda leaving: None  # answers or raises instead of keeping
    after: Callable[[Leaving], None] = lambda leaving: None  # it is kept; the answer may yet be lost
    is_there: Callable[[], bool] = lambda: True
    forgets: set[str] = field(default_factory=set)
    opened: int = 0
    asked: int = 0

    def open(self, entry: Entry) -> Destination:
        self.opened += 1
        return self

    def send(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        if instances and not self.is_there():
            raise NotReached("nobody answers")
        for each in instances:
            uid = each.stored.uid
            answer = self.before(each)
            if answer is None:
                if uid not in self.forgets:
                    self.held[uid] = self.held.get(uid, 0) + 1
                self.after(each)
                answer = Sent(uid, is_kept=True)
            yield answer

    def holds(self, instances: Sequence[Leaving]) -> frozenset[str]:
        if not self.is_there():
            raise NotReached("nobody answers")
        self.asked += 1
        return frozenset(each.stored.uid for each in instances if each.stored.uid in self.held)

    def close(self) -> None:
        pass


@dataclass
class Life:
    """Of one process."""

    is_over: bool = False


@dataclass(frozen=True)
class MortalClaims(Claims):
    """A process that was killed writes nothing more, though Python unwinds it."""

    life: Life = field(default_factory=Life)

    def note(self, taken: Sequence[Wanted]) -> None:
        if not self.life.is_over:
            super().note(taken)

    def release(self, turn: Turn) -> None:
        if not self.life.is_over:
            super().release(turn)


@dataclass(frozen=True)
class MortalTurns(Turns):
    life: Life = field(default_factory=Life)

    def give_back(self, turn: Turn) -> None:
        if not self.life.is_over:
            super().give_back(turn)


@dataclass
class Post:
    """One archive and one destination."""

    holdings: Holdings
    to: Scripted = field(default_factory=Scripted)
    patience: Patience = PATIENCE

    def __post_init__(self) -> None:
        self.pool = self.holdings.shelf.pool
        self.deliveries = PostgresDeliveries(self.pool)
        PostgresRegistry(self.pool).add_trust(Trust("RBN", "Mersey and West Lancashire", "RBN"))
        self.enter()

    def enter(self, *, is_asked: bool = False, associations: int = 1) -> None:
        """The destination's entry."""
        trust = PostgresRegistry(self.pool).trust("RBN")
        PostgresDestinations(self.pool).add(
            Entry(
                name=NAME,
                kind=Kind.FOLDER,
                address="/unused",
                trust=trust,
                is_asked=is_asked,
                associations=associations,
            )
        )

    def order(self, study_uid: str, **how: Any) -> int:
        return self.deliveries.order(study_uid, NAME, because="test", **how)

    def process(self) -> Forwarding:
        """As a process of its own would have it."""
        self.life = life = Life()
        return Forwarding(
            claims=MortalClaims(self.pool, self.patience, life),
            breakers=Breakers(self.pool, self.patience),
            turns=MortalTurns(self.pool, life=life),
            destinations=PostgresDestinations(self.pool),
            loading=Loading(self.holdings.reading, PostgresRegistry(self.pool)),
            rejecting=Rejecting(self.pool, self.holdings.shelf.objects, PostgresRegistry(self.pool)),
            connect=self.to.open,
            stopping=Event(),
            linger_s=0,
        )

    def run(self) -> None:
        """Until nothing is due any more."""
        process = self.process()
        for _ in range(100):
            process.claims.recover(0.5)
            if not process.claims.due():
                if not self.rows("select from delivery where state = 'waiting'"):
                    return
                self.let_time_pass()
            try:
                process.look_after(NAME)
            except Killed:
                self.kill()
                process = self.process()
        raise AssertionError("it never ends")

    def forget(self) -> None:
        """An archive without deliveries, and without what was received before."""
        with self.pool.connection() as connection:
            connection.execute("truncate delivery, forwarded, delivery_decision, breaker, turn, renamed_copy")
        self.holdings.received.clear()
        self.to = Scripted()

    def die(self) -> None:
        """kill -9, now."""
        self.life.is_over = True
        raise Killed

    def kill(self) -> None:
        """Whoever held a turn is dead, and its turn has ended; the rows are as it left them."""
        with self.pool.connection() as connection:
            connection.execute("update turn set token = %s, until = now() - interval '1 s'", (uuid4(),))

    def let_time_pass(self) -> None:
        """Every pause is over."""
        with self.pool.connection() as connection:
            connection.execute("update delivery set next_try = now() where state = 'waiting'")
            connection.execute("update breaker set open_until = now() where open_until > now()")

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def states(self) -> list[str]:
        return [row["state"] for row in self.rows("select state from delivery order by id")]
