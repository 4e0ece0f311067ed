"""The worker's part in what peers are told: storage commitment, availability; and what was left half done."""

import threading
from functools import partial

from psycopg_pool import ConnectionPool

from dicom_router.requestor import Calling
from dicom_router.services.availability import tell_next
from dicom_router.services.commitment_report import work_on
from exchange.registry import PostgresRegistry
from imx.lasting import again_and_again
from imx.settings import Settings
from imx.wiring import build_commitments, build_sender
from storage.availability import FOLLOWER, Availability
from storage.changes import ChangeFeed, follow
from storage.commitments import Commitments
from storage.objects import ObjectStore
from storage.rejections import Rejections

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
    available, title = Availability(pool), settings.dicom.ae_title
    commit = partial(commit_all, commitments, registry, calling, stop)
    tell = partial(tell_all, available, registry, calling, title, stop)
    return [
        *(again_and_again("commitment", COMMIT_EVERY_S, commit, stop) for _ in range(COMMITTING)),
        again_and_again("settling", SETTLE_EVERY_S, partial(settle, commitments), stop),
        again_and_again("availability", TELL_EVERY_S, tell, stop),
    ]


def commit_all(
    commitments: Commitments, registry: PostgresRegistry, calling: Calling, stop: threading.Event
) -> None:
    """Answer for what peers asked about, and tell them. After a fault, a request waits for its lease."""
    while work_on(commitments, registry, calling) and not stop.is_set():
        pass


def settle(commitments: Commitments) -> None:
    """Views of rejection notes that were changed; reports that nobody came for."""
    Rejections(commitments.pool).settle_views()
    commitments.give_up_old()


def tell_all(
    availability: Availability,
    registry: PostgresRegistry,
    calling: Calling,
    our_title: str,
    stop: threading.Event,
) -> None:
    """Tell peers that want to know which instances are available, once their study is quiet."""
    follow(ChangeFeed(availability.pool), FOLLOWER, availability.note)
    while tell_next(availability, registry, calling, our_title) and not stop.is_set():
        pass
