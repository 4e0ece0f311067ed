"""The part of a worker that sends: jobs wake its threads, and a sweep wakes what no job does.

A job only says: look after this destination. Whatever becomes of it (lost, done twice, stalled with a worker
that died), the rows of `delivery` say what is due, and the sweep looks at them every few seconds.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from psycopg import Error
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.batch import luck
from dicom_router.deliveries.forwarding import Forwarding
from dicom_router.deliveries.gauges import Gauges
from dicom_router.deliveries.turns import RENEW_EVERY_S
from dicom_router.deliveries.waking import FORWARD, QUEUE, wake
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 5.0
STALLED_EVERY_S = 30.0
#: What is on its way when we are to stop may take so long; more than that is sent again.
GRACE_S = 6.0
#: After the queue's connection broke.
RESTART_S = 2.0

_NOT_ASKED_FOR = """
    select destination from unnest(%s::text[]) due(destination) where not exists (
        select from procrastinate_jobs j where j.queue_name = %s and j.status = 'todo'
        and j.args->>'destination' = due.destination)
"""


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """Runs until it is told to stop. Several processes may run one each."""

    forwarding: Forwarding
    pool: ConnectionPool
    database: str  # conninfo, for the queue's own connections
    threads: int  # destinations that are looked after at one time
    gauges: Gauges

    def run(self) -> None:
        """Until `forwarding.stopping` is set; then what is on its way may end."""
        helpers = [
            Thread(target=self._renew, name="turns", daemon=True),
            Thread(target=self._sweep, name="deliveries", daemon=True),
        ]
        for helper in helpers:
            helper.start()
        while not self.forwarding.stopping.is_set():
            try:
                asyncio.run(self._work())
            except (ConnectorException, Error, OSError) as error:
                log.warning("queue.away", error=type(error).__name__)
                self.forwarding.stopping.wait(RESTART_S)

    async def _work(self) -> None:
        """One run of procrastinate's worker; it ends when we are to stop, or its connection breaks."""
        app = App(connector=PsycopgConnector(conninfo=self.database, min_size=1, max_size=3))
        app.task(name=FORWARD, queue=QUEUE)(self._look_after)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self.threads,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    shutdown_graceful_timeout=GRACE_S,
                )
            )
            watching = asyncio.create_task(self._watch(app))
            try:
                await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                watching.cancel()
                working.cancel()
                await asyncio.gather(working, watching, return_exceptions=True)

    async def _look_after(self, destination: str) -> None:
        """The job, in a thread of its own: one that outlives our grace keeps no process from ending."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def run() -> None:
            try:
                self.forwarding.look_after(destination)
            except ArchiveError as error:  # the sweep finds what is left
                log.warning("forwarding.later", destination=destination, error=type(error).__name__)
            finally:
                with suppress(RuntimeError):  # the loop has ended before us
                    loop.call_soon_threadsafe(ended.set)

        Thread(target=run, name=f"forward {destination}", daemon=True).start()
        await ended.wait()

    async def _watch(self, app: App) -> None:
        """Ends when we are to stop. Jobs of workers that died are put back into the queue meanwhile."""
        waited_s = STALLED_EVERY_S
        while not self.forwarding.stopping.is_set():
            if waited_s >= STALLED_EVERY_S:
                waited_s = 0.0
                for job in await app.job_manager.get_stalled_jobs(queue=QUEUE):
                    await app.job_manager.retry_job(job)
            await asyncio.sleep(0.25)
            waited_s += 0.25

    def _renew(self) -> None:
        while not self.forwarding.stopping.wait(RENEW_EVERY_S):
            try:
                self.forwarding.turns.renew()
            except ArchiveError as error:
                log.warning("turns.later", error=type(error).__name__)

    def _sweep(self) -> None:
        while True:
            try:
                self.sweep()
            except ArchiveError as error:
                log.warning("deliveries.later", error=type(error).__name__)
            if self.forwarding.stopping.wait(SWEEP_EVERY_S):
                return

    def sweep(self) -> None:
        """What nobody looks after any more waits again; what is due has somebody woken."""
        claims = self.forwarding.claims
        recovered = claims.recover(luck())
        given_up = claims.give_up_unreachable()
        if recovered or given_up:
            log.warning("deliveries.swept", recovered=recovered, given_up=given_up)
        self.wake_all(claims.due())
        self.gauges.show()

    def wake_all(self, destinations: Iterable[str]) -> None:
        """Somebody for each, unless a job for it waits already."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_NOT_ASKED_FOR, (list(destinations), QUEUE)).fetchall()
            for (name,) in rows:
                wake(connection, name)
