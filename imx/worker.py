"""The background work, in a process of its own until SIGTERM."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.mending import Mending
from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.linking.linker import count_waiting, link_studies
from exchange.linking.merging import follow_merges, keep_merges
from exchange.linking.reconsidering import reconsider
from exchange.reports import considering
from exchange.reports.following import follow_documents
from exchange.ties import consider
from imx.certificates import keep_watching
from imx.committing import committing
from imx.connections import WORKER_CONNECTIONS, WORKER_STATEMENT_S
from imx.forwarding import keep_forwarding
from imx.lasting import again_and_again, lasting
from imx.metrics import STAGED
from imx.part_settings import spool_folder, upload_settings
from imx.pool import open_pool
from imx.settings import Settings, WorkerSettings
from imx.telling import keep_telling
from imx.tending_orders import tend_orders
from imx.tracing import tracing_people
from imx.wiring import (
    build_calling,
    build_keeping,
    build_routing,
    database_url,
    staged_objects,
)
from storage.changes import Change, ChangeFeed, follow
from storage.conversions import Conversions
from storage.correcting import keep_current
from storage.errors import ArchiveError
from storage.purging import purge
from storage.staging import StagedObjects, move_staged, waiting
from storage.sweep import sweep
from storage.uploads import Uploads
from storage.verify import Condition, verify

log = structlog.get_logger()

#: The edges go first.
WORKER_NICENESS = 10

#: How long moving what is staged may take once the worker is to stop; the rest waits, safe.
WORKER_GRACE_S = 8.0

#: Small objects wait in the database at least this long: a burst is taken in first, and moved after.
STAGED_FOR = timedelta(seconds=10)
MOVE_EVERY_S = 5.0

#: A study is on its way this soon after it has come.
ROUTE_EVERY_S = 0.5

#: The worker looks at the feed this often; a feed that stands still for longer than the limit is a fault.
FEED_LOOK_S = 30.0
FEED_STALLED = timedelta(minutes=5)

#: Followers look for new changes this often.
FOLLOW_EVERY_S = 1.0

#: Whose a study is, is decided this soon after it has come.
LINK_EVERY_S = 0.25

#: How often the studies that wait for a person are counted, for /metrics.
COUNT_EVERY_S = 60.0

#: How often uploads that expired, or are kept as DICOM by now, are looked for.
TIDY_EVERY_S = 30.0

#: An upload is converted this soon after it is whole and has its case.
CONVERT_EVERY_S = 1.0

#: Between two rounds of reading everything again.
VERIFY_PAUSE_S = 3600.0


def run_worker(settings: Settings) -> None:
    """The background work, until SIGTERM. Every step of it may be cut anywhere."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.nice(WORKER_NICENESS)
    with closing(open_pool(database_url(settings), WORKER_CONNECTIONS, WORKER_STATEMENT_S)) as pool:
        objects, feed = staged_objects(settings, pool), ChangeFeed(pool)
        moving = lasting("moving", partial(keep_moving, objects, stop), stop)
        forwarding = lasting("forwarding", partial(keep_forwarding, settings, pool, stop), stop)

        def follower(name: str, act: Callable[[Sequence[Change]], None]) -> threading.Thread:
            return again_and_again(name, FOLLOW_EVERY_S, partial(follow, feed, name, act), stop)

        # One line each; what a task does stands in its own module.
        tasks = [
            moving,
            forwarding,
            lasting("record", partial(keep_telling, settings, pool, stop), stop),
            lasting("sweeping", partial(keep_sweeping, settings.worker, objects, stop), stop),
            lasting("verifying", partial(keep_verifying, settings.worker, objects, stop), stop),
            lasting("certificates", partial(keep_watching, settings.tls, stop), stop),
            again_and_again("feed", FEED_LOOK_S, partial(look_at_feed, feed), stop),
            follower("corrections", partial(keep_current, pool)),
            follower("orders", partial(consider, pool)),
            follower("reports", partial(considering.consider, pool)),
            follower("documents", partial(follow_documents, pool, objects)),
            again_and_again("new reports", FOLLOW_EVERY_S, partial(considering.consider_waiting, pool), stop),
            again_and_again(
                "linking", LINK_EVERY_S, partial(follow, feed, "linking", partial(link_studies, pool)), stop
            ),
            again_and_again("people", FOLLOW_EVERY_S, partial(reconsider, pool), stop),
            follower("merges", partial(keep_merges, pool)),
            again_and_again("numbers", FOLLOW_EVERY_S, partial(follow_merges, pool), stop),
            again_and_again("links", COUNT_EVERY_S, partial(count_waiting, pool), stop),
            again_and_again(
                "steps",
                FOLLOW_EVERY_S,
                partial(tend_orders, pool, build_calling(settings), settings.dicom.ae_title, stop),
                stop,
            ),
            again_and_again("copies", FOLLOW_EVERY_S, Mending(pool, PostgresDeliveries(pool)).run, stop),
            again_and_again("routing", ROUTE_EVERY_S, build_routing(pool, objects).run, stop),
            again_and_again(
                "uploads", TIDY_EVERY_S, Uploads(pool, objects, upload_settings(settings.uploads)).tidy, stop
            ),
            *converting_lanes(settings, pool, objects, stop),
            *committing(settings, pool, objects, stop),
            *tracing_people(settings.pds, pool, stop),
        ]
        for task in tasks:
            task.start()
        stop.wait()
        forwarding.join(WORKER_GRACE_S)
        moving.join(WORKER_GRACE_S)


def converting_lanes(
    settings: Settings, pool: ConnectionPool, objects: StagedObjects, stop: threading.Event
) -> list[threading.Thread]:
    """What makes DICOM of uploads, a thread a lane."""
    from imx.converting import LANES, Converting  # the specialties and their codecs: no other part's

    lanes = [
        Converting(
            lane=lane,
            conversions=Conversions(pool, settings.uploads.keep_s),
            keeping=build_keeping(settings, pool),
            pool=pool,
            objects=objects,
            scratch=Path(spool_folder(settings) or tempfile.gettempdir()),
            watermark_bytes=settings.storage.watermark,
            stop=stop,
        )
        for lane in LANES
    ]
    return [again_and_again(each.lane.name, CONVERT_EVERY_S, each.run, stop) for each in lanes]


def keep_moving(objects: StagedObjects, stop: threading.Event) -> None:
    """Small objects into the object store; all that are left when we are to stop."""
    while True:
        stopping = stop.wait(MOVE_EVERY_S)
        try:
            STAGED.set(waiting(objects.pool)[0])
            moved = move_staged(objects, timedelta(0) if stopping else STAGED_FOR)
        except ArchiveError as error:
            log.warning("staged.later", error=type(error).__name__)
        else:
            if moved:
                log.info("staged.moved", objects=moved)
        if stopping:
            return


def keep_sweeping(settings: WorkerSettings, objects: StagedObjects, stop: threading.Event) -> None:
    """Purge what was withdrawn for long enough; drop bytes without a row, once they are old enough."""
    while not stop.wait(min(settings.sweep_every_s, 60.0)):
        try:
            purged = purge(objects, objects.pool)
            swept = sweep(objects, objects.pool, timedelta(seconds=settings.sweep_age_s))
        except ArchiveError as error:
            log.warning("sweep.later", error=type(error).__name__)
        else:
            if purged.withdrawals:
                log.info("purge.done", withdrawals=purged.withdrawals, objects=purged.objects)
            log.info("sweep.done", objects=swept.objects, bytes=swept.bytes, unfinished=swept.unfinished)
            if stop.wait(settings.sweep_every_s):
                return


def keep_verifying(settings: WorkerSettings, objects: StagedObjects, stop: threading.Event) -> None:
    """Read everything again, slowly, for ever."""
    if not settings.verify_bytes_per_s:
        return
    while not stop.wait(60.0):
        began, count, damaged = time.monotonic(), 0, 0
        try:
            for each in verify(objects, objects.pool, settings.verify_bytes_per_s):
                count += 1
                if each.condition is not Condition.SOUND:
                    damaged += 1
                    log.error("verify.damaged", key=each.key, condition=each.condition.value)
                if stop.is_set():
                    return
        except ArchiveError as error:
            log.warning("verify.later", error=type(error).__name__)
            continue
        log.info("verify.round", objects=count, damaged=damaged, took_s=round(time.monotonic() - began, 1))
        if stop.wait(VERIFY_PAUSE_S):
            return


def look_at_feed(feed: ChangeFeed) -> None:
    """Alarm when somebody's open transaction holds the change feed up."""
    held_up = feed.held_up_for()
    if held_up > FEED_STALLED:
        log.error(
            "feed.stalled",
            held_up_s=round(held_up.total_seconds()),
            mend="end the oldest open transaction",
        )
