"""The ordered change feed, and followers that keep their own place in it.

A number is given when a change is written, but transactions commit in any order: a reader that went by
number alone would pass a change whose transaction is still open, and never see it. So a change is shown
only once every transaction that began before its own has ended: none can then still add one before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import structlog
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors

log = structlog.get_logger(__name__)

#: Changes read at once. Most that are read together are of few studies.
_PAGE = 1000


class ChangeKind(Enum):
    """What happened to an instance, series or study."""

    KEPT = "kept"
    CORRECTED = "corrected"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the feed. Epochs follow one another; numbers count within a transaction."""

    epoch: int
    transaction: int
    number: int


BEGINNING = Place(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """One settled change."""

    place: Place
    kind: ChangeKind
    study_uid: str
    series_uid: str | None
    instance_uid: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """The feed and the place-marks of its followers."""

    pool: ConnectionPool

    def after(self, place: Place) -> Iterator[Change]:
        """Settled changes after a place, in order, up to now."""
        for page in self.pages_after(place):
            yield from page

    def pages_after(self, place: Place) -> Iterator[Sequence[Change]]:
        """The same, as many at once as are read at once."""
        while page := self._page(place):
            yield page
            place = page[-1].place

    def place_of(self, follower: str) -> Place:
        """Where a follower stands; the beginning for a new one."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select epoch, tx::text::bigint, number from place_mark where follower = %s", (follower,)
            ).fetchone()
        return Place(*row) if row else BEGINNING

    def move(self, follower: str, place: Place) -> None:
        """Set the follower's place-mark. It never moves back: of two that follow at once, the slower one
        makes nobody act anew.

        Nobody waits for the disk: a mark that a power cut loses makes its follower act again, as it may, and
        the edges keep the flushes for themselves.
        """
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("set local synchronous_commit = off")
            connection.execute(
                "insert into place_mark (follower, epoch, tx, number) values (%s, %s, %s::text::xid8, %s)"
                " on conflict (follower) do update set epoch = excluded.epoch, tx = excluded.tx,"
                " number = excluded.number, moved_at = now() where (place_mark.epoch, place_mark.tx,"
                " place_mark.number) < (excluded.epoch, excluded.tx, excluded.number)",
                (follower, place.epoch, place.transaction, place.number),
            )

    def held_up_for(self) -> timedelta:
        """How long the oldest open transaction has held later changes back; zero when none does.

        A stalled feed is a fault to alarm: somebody left a transaction open.
        """
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                """
                select coalesce(max(now() - c.at), interval '0')
                from change c join feed f on f.epoch = c.epoch
                where c.tx >= pg_snapshot_xmin(pg_current_snapshot())
                """
            ).fetchone()
        held_up: timedelta = row[0] if row else timedelta(0)
        return max(timedelta(0), held_up)

    def _page(self, place: Place) -> list[Change]:
        # Changes of an earlier epoch came with a restore: their transactions ended in another cluster.
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                """
                select c.epoch, c.tx::text::bigint, c.number, c.kind,
                       c.study_uid, c.series_uid, c.instance_uid, c.at
                from change c, feed f
                where (c.epoch, c.tx, c.number) > (%s, %s::text::xid8, %s)
                  and (c.epoch < f.epoch or c.tx < pg_snapshot_xmin(pg_current_snapshot()))
                order by c.epoch, c.tx, c.number limit %s
                """,
                (place.epoch, place.transaction, place.number, _PAGE),
            ).fetchall()
        return [
            Change(Place(epoch, tx, number), ChangeKind(kind), study, series, instance, at)
            for epoch, tx, number, kind, study, series, instance, at in rows
        ]


def follow(feed: ChangeFeed, follower: str, act: Callable[[Sequence[Change]], None]) -> int:
    """Act on every settled change after the follower's place-mark, in order, a page at a time; how many.

    Stop it anywhere and start it again: a change may be acted on twice, never skipped, so `act` comes to
    the same end when repeated.
    """
    count = 0
    for page in feed.pages_after(feed.place_of(follower)):
        act(page)
        feed.move(follower, page[-1].place)
        count += len(page)
    if count:
        log.info("changes.followed", follower=follower, changes=count)
    return count
