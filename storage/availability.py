"""Whom to tell that a study's instances are available (PS3.4 §R), and what of them is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from storage.changes import Change
from storage.driver_errors import mapped_errors

#: The name of the follower that notes what has changed.
FOLLOWER = "availability"

#: A study is told of once nothing has come for so long, or at the latest after the longer time.
QUIET = timedelta(seconds=10)
AT_LATEST = timedelta(minutes=5)

#: Whoever tells has a row for so long.
_LEASE = timedelta(minutes=5)
_RETRY_S, _RETRY_LIMIT_S = 10.0, 3600.0
_GIVE_UP = timedelta(days=2)  # then it is history: whoever cares asks by C-FIND

_CHANGED = """
    insert into availability as a (study_uid, peer_id, next_at)
    select s.uid, p.id, now() + %(quiet)s
    from study s join peer p on p.wants_availability and (p.may_read or exists (
        select from identity i where i.study_id = s.id and i.trust = p.trust))
    where s.uid = any(%(studies)s)
    on conflict (study_uid, peer_id) do update set changes = a.changes + 1, tries = 0, because = '',
        told_at = null, given_up_at = null,
        opened_at = case when a.told_at is null then a.opened_at else now() end,
        next_at = least(now() + %(quiet)s,
                        case when a.told_at is null then a.opened_at else now() end + %(at_latest)s)
"""
_CLAIM = """
    update availability set next_at = now() + %s where (study_uid, peer_id) = (
        select study_uid, peer_id from availability
        where told_at is null and given_up_at is null and next_at <= now()
        order by next_at limit 1 for update skip locked)
    returning study_uid, peer_id, changes
"""
_INSTANCES = """
    select r.uid, n.sop_class, n.uid, not n.hidden
    from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id
    where s.uid = %s order by r.id, n.instance_number, n.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A study that a peer is to hear of now."""

    study_uid: str
    peer_id: int
    changes: int


@dataclass(frozen=True, slots=True)
class Available:
    """One instance, and whether it can be retrieved: what a rejection note hides cannot."""

    sop_class_uid: str
    uid: str
    is_online: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """What is to be told. Every verb raises IndexUnavailable."""

    pool: ConnectionPool

    def note(self, changes: Sequence[Change]) -> None:
        """Follow the change feed: peers that want to know are told of these studies, when they are quiet."""
        studies = sorted({each.study_uid for each in changes})
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_CHANGED, {"studies": studies, "quiet": QUIET, "at_latest": AT_LATEST})

    def claim(self) -> Due | None:
        """The one that is longest due, ours for a while."""
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=class_row(Due)) as cursor,
        ):
            return cursor.execute(_CLAIM, (_LEASE,)).fetchone()

    def instances(self, study_uid: str) -> dict[str, list[Available]]:
        """All of a study that was kept, by series."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_INSTANCES, (study_uid,)).fetchall()
        return {
            series: [Available(*rest) for _, *rest in found]
            for series, found in groupby(rows, key=lambda row: str(row[0]))
        }

    def told(self, due: Due) -> None:
        """The peer has heard; unless more came meanwhile, which it is told then."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update availability set told_at = now(), because = '' where study_uid = %s and peer_id = %s"
                " and changes = %s",
                (due.study_uid, due.peer_id, due.changes),
            )

    def failed(self, due: Due, because: str) -> None:
        """It has not: later again, for two days."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update availability set tries = tries + 1, because = %s,"
                " next_at = now() + (0.8 + 0.4 * random()) * interval '1 second'"
                " * least(%s * power(2, least(tries, 20)), %s),"
                " given_up_at = case when opened_at < now() - %s then now() end"
                " where study_uid = %s and peer_id = %s and changes = %s",
                (because, _RETRY_S, _RETRY_LIMIT_S, _GIVE_UP, due.study_uid, due.peer_id, due.changes),
            )
