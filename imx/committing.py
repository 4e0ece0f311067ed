"""The worker's part in what peers are told: storage commitment, availability; and what was left half done."""

import threading

import structlog
from psycopg_pool import ConnectionPool

from dicom_router.availability import tell_next
from dicom_router.commitment_report import work_on
from dicom_router.faults import without_values
from dicom_router.requestor import Calling
from exchange.registry import PostgresRegistry
from imx.settings import Settings
from imx.wiring import build_commitments, build_sender
from storage.availability import FOLLOWER, Availability
from storage.changes import ChangeFeed, follow_pages
from storage.commitments import Commitments
from storage.errors import ArchiveError
from storage.objects import ObjectStore
from storage.rejections import Rejections

log = structlog.get_logger()

#: How often the threads of storage commitment look for work, and how many there are: a peer may be slow.
COMMIT_EVERY_S = 1.0
COMMITTING = 3

#: How often the change feed is looked at for studies of which peers want to hear.
TELL_EVERY_S = 2.0

#: How often what was left half done is looked for.
SETTLE_EVERY_S = 60.0


def committing(
    settings: Settings, pool: ConnectionPool, objects: ObjectStore, stop: threading.Event
) -> list[threading.Thread]:
    """The threads."""
    registry, calling = PostgresRegistry(pool), build_sender(settings, objects).calling
    commitments = build_commitments(settings, pool, objects)
    told = [
        threading.Thread(target=keep_committing, args=(commitments, registry, calling, stop), daemon=True)
        for _ in range(COMMITTING)
    ]
    available = Availability(pool), registry, calling, settings.dicom.ae_title, stop
    return [
        *told,
        threading.Thread(target=keep_settling, args=(commitments, stop), daemon=True),
        threading.Thread(target=keep_telling, args=available, daemon=True),
    ]


def keep_committing(
    commitments: Commitments, registry: PostgresRegistry, calling: Calling, stop: threading.Event
) -> None:
    """Answer for what peers asked about, and tell them."""
    while not stop.wait(COMMIT_EVERY_S):
        try:
            while work_on(commitments, registry, calling) and not stop.is_set():
                pass
        except ArchiveError as error:
            log.warning("commitment.later", error=type(error).__name__)
        except Exception as error:  # of one request; whoever finds its lease over tries it again
            log.error("commitment.fault", error=type(error).__name__, exc_info=without_values(error))


def keep_settling(commitments: Commitments, stop: threading.Event) -> None:
    """Views of rejection notes that were changed; reports that nobody came for."""
    while not stop.wait(SETTLE_EVERY_S):
        try:
            Rejections(commitments.pool).settle_views()
            commitments.give_up_old()
        except ArchiveError as error:
            log.warning("settling.later", error=type(error).__name__)


def keep_telling(
    availability: Availability,
    registry: PostgresRegistry,
    calling: Calling,
    our_title: str,
    stop: threading.Event,
) -> None:
    """Tell peers that want to know which instances are available, once their study is quiet."""
    feed = ChangeFeed(availability.pool)
    while not stop.wait(TELL_EVERY_S):
        try:
            follow_pages(feed, FOLLOWER, availability.note)
            while tell_next(availability, registry, calling, our_title) and not stop.is_set():
                pass
        except ArchiveError as error:
            log.warning("availability.later", error=type(error).__name__)
        except Exception as error:  # of one study; whoever finds its lease over tries it again
            log.error("availability.fault", error=type(error).__name__, exc_info=without_values(error))
