"""Telling one subscriber what it does not know: study after study, until nothing is due.

Before anything leaves, its row says what the subscriber may hold from then on; after each answer, what it
holds. Whoever dies in between leaves what is in doubt, which the next tells or retracts once more.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event

import structlog
from psycopg_pool import ConnectionPool

from exchange.backoff import Permit
from exchange.manifests.manifest import Here
from exchange.telling import metrics
from exchange.telling.adt import AdtReceiver
from exchange.telling.port import LeftOut, Listener, NotHeard, Refused, TellingFailed
from exchange.telling.story import Story, story_of
from exchange.telling.subscriber import PostgresSubscribers, Subscriber, UnknownSubscriber
from exchange.telling.tellings import Due, Lease, LeaseLost, Tellings
from exchange.telling.thing import Saying, Step, after, difference, in_doubt
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError

log = structlog.get_logger(__name__)

#: A lease outlasts every answer (web.ANSWER_S, mllp.ANSWER_S): what a process that died had under way has
#: arrived, or never will, before another tells the same subscriber.
LEASE_S = 45.0


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Tells subscribers. Threads may share it; each looks after one subscriber at a time."""

    pool: ConnectionPool
    tellings: Tellings
    connect: Callable[[Subscriber, Here], Listener | AdtReceiver]
    here: Here  # how others get what we keep
    stopping: Event
    lease_s: float = LEASE_S

    def look_after(self, name: str) -> None:
        """Tell it what is due, unless another does so."""
        lease = self.tellings.lease(name, self.lease_s)
        if lease is None:
            return
        try:
            self._tell_what_is_due(PostgresSubscribers(self.pool).named(name), lease)
        except LeaseLost:
            log.warning("record.lease_lost", subscriber=name)
        except UnknownSubscriber:
            log.info("record.unsubscribed", subscriber=name)
        finally:
            self.tellings.give_back(lease)

    def _tell_what_is_due(self, subscriber: Subscriber, lease: Lease) -> None:
        """Until nothing is, or it is not heard, or its breaker lets nothing through. Raises LeaseLost."""
        due: Due | None = None
        try:
            with closing(self.connect(subscriber, self.here)) as listener:
                while not self.stopping.is_set():
                    breaker, now = self.tellings.renew(lease)
                    due = self.tellings.next(lease) if breaker.permits(now) is not Permit.NONE else None
                    if due is None:
                        return
                    self._tell(listener, lease, due)
        except NotHeard as error:
            metrics.NOT_HEARD.labels(lease.subscriber).inc()
            luck = random.random()  # noqa: S311 -- not for secrets
            self.tellings.not_heard(lease, due, str(error), luck)
            log.warning("record.not_heard", subscriber=lease.subscriber, because=str(error))

    def _tell(self, listener: Listener | AdtReceiver, lease: Lease, due: Due) -> None:
        """One study. Raises NotHeard and LeaseLost."""
        why = ""
        try:
            if isinstance(listener, AdtReceiver):
                listener.tell(self.pool, due.study_uid, lambda: self.tellings.renew(lease))
            else:
                why = self._converge(listener, lease, due)
        except (NotHeard, LeaseLost, ArchiveError):
            raise
        except TellingFailed as error:
            self._failed(lease, due, str(error), is_final=isinstance(error, Refused))
        except Exception as error:
            # A fault of ours holds up one study, not those behind it; the error's text may hold values.
            log.error("record.fault", subscriber=lease.subscriber, telling=due.id, error=type(error).__name__)
            self._failed(
                lease,
                due,
                f"a fault of this service ({type(error).__name__}); its log says more",
                is_final=False,
            )
        else:
            self.tellings.done(lease, due, why)

    def _failed(self, lease: Lease, due: Due, why: str, *, is_final: bool) -> None:
        luck = random.random()  # noqa: S311 -- not for secrets
        is_dead = self.tellings.failed(lease, due, why, luck, is_final=is_final)
        metrics.REFUSED.labels(lease.subscriber).inc()
        log.warning("record.refused", subscriber=lease.subscriber, telling=due.id, dead=is_dead, because=why)

    def _converge(self, listener: Listener, lease: Lease, due: Due) -> str:
        """From what the subscriber holds to what it should; what was left out, and why.

        Raises TellingFailed and LeaseLost.
        """
        story, why = self._story(due.study_uid), ""
        sayings: tuple[Saying, ...] = ()
        try:
            if story is not None:
                sayings = tuple(listener.sayings(story))
        except LeftOut as error:
            why = str(error)
        except Exception:
            # A fault of ours: what is of somebody else goes all the same.
            assert story is not None
            others = [each for each in due.held if each.number != story.person.nhs_number]
            self._tell_steps(listener, lease, due, difference(others, ()), ())
            raise
        self._tell_steps(listener, lease, due, difference(due.held, sayings), sayings)
        return why

    def _tell_steps(
        self, listener: Listener, lease: Lease, due: Due, steps: Sequence[Step], sayings: Sequence[Saying]
    ) -> None:
        """Each is written down before and after. Raises TellingFailed and LeaseLost."""
        if not steps:
            return
        held = in_doubt(due.held, steps)
        self.tellings.hold(lease, due, held)
        for heard in listener.tell(steps, sayings):
            held = after(held, heard.step, heard.note)
            self.tellings.heard(lease, due, held, [heard.step])
            metrics.STEPS.labels(lease.subscriber, heard.step.act.value).inc()

    def _story(self, study_uid: str) -> Story | None:
        with mapped_errors(), self.pool.connection() as connection:
            return story_of(connection, study_uid, self.here)
