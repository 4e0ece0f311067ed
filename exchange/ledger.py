"""The custody ledger: what each peer sent us on a day, and where every instance is.

It only reads what others wrote as it happened: arrivals, quarantine, storage commitment, deliveries.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import BadInput

#: A line of a modality's list is a UID, or a row of CSV that holds one.
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
#: UIDs looked up at a time.
_PAGE = 1000


class BadList(BadInput):
    """A list in which no instances can be found."""


@dataclass(frozen=True, slots=True)
class Line:
    """One peer's day. Instances count once, however often they were sent; attempts count each."""

    day: date
    trust: str
    peer: str
    attempts: int
    refused: int  # attempts that left nothing here: the sender was told
    kept: int  # instances that are here
    already_kept: int  # attempts to send again what was here
    quarantined: int  # instances kept aside, undecided
    committed: int  # instances that we answered for
    forwarded: int  # instances that every destination ordered for them has taken
    under_way: int  # instances that a destination has yet to take
    dead: int  # instances of a delivery that nobody tries any more

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """One instance of a modality's list, and where it is."""

    uid: str
    state: str  # kept, quarantined, refused, hidden, withdrawn, missing
    because: str
    last_sent_at: datetime | None
    taken_by: tuple[str, ...]  # destinations
    awaited_by: tuple[str, ...]  # destinations that have not taken it yet
    is_committed: bool

    @property
    def is_safe(self) -> bool:
        """We answer for it."""
        return self.state in ("kept", "hidden")

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


# A day is one of the database's time zone. What a peer sends again another day stands in both days.
_LINES = """
    with attempt as (
        select trust, peer, sop_instance_uid as uid, outcome from arrival
        where at >= %(day)s::date and at < %(day)s::date + 1 and (%(peer)s::text is null or peer = %(peer)s)
            and (%(trust)s::text is null or trust = %(trust)s)
    ), sent as (
        select trust, peer, uid, count(*) as attempts,
            count(*) filter (where outcome in ('refused', 'try again', 'too large')) as refused,
            count(*) filter (where outcome = 'already kept') as already_kept
        from attempt group by trust, peer, uid
    ), towards as (
        select sent.uid, bool_and(f.object_id is not null) as is_forwarded,
            bool_or(f.object_id is null and d.state in ('waiting', 'sending', 'delivered')) as is_under_way,
            bool_or(f.object_id is null and d.state = 'dead') as is_dead
        from sent join instance n on n.uid = sent.uid join series r on r.id = n.series_id
        join study s on s.id = r.study_id join delivery d on d.study_uid = s.uid and d.state <> 'cancelled'
        left join forwarded f
            on f.delivery_id = d.id and f.instance_id = n.id and f.object_id = n.object_id
        group by sent.uid
    ), aside as (
        select distinct sop_instance_uid as uid from quarantine where decided_at is null
    ), committed as (
        select distinct uid from commitment_instance where reason = 0
    )
    select sent.trust, sent.peer, sum(attempts)::bigint, sum(refused)::bigint, count(n.id),
        sum(already_kept)::bigint, count(aside.uid), count(committed.uid),
        count(*) filter (where is_forwarded), count(*) filter (where is_under_way),
        count(*) filter (where is_dead)
    from sent left join instance n on n.uid = sent.uid left join towards on towards.uid = sent.uid
    left join aside on aside.uid = sent.uid left join committed on committed.uid = sent.uid
    group by sent.trust, sent.peer order by sent.trust, sent.peer
"""
_WHERE = """
    select asked.uid,
        case when n.hidden and is_withdrawn(lies.study_uid, lies.series_uid, n.uid) then 'withdrawn'
            when n.hidden then 'hidden' when n.id is not null then 'kept'
            when last.outcome is not null and exists (select from purged g where g.uid = asked.uid)
                then 'withdrawn'
            when q.sop_instance_uid is not null then 'quarantined'
            when last.outcome is not null then 'refused' else 'missing' end,
        case when n.id is null and not exists (select from purged g where g.uid = asked.uid)
            then coalesce(q.outcome || ': ' || last.because, last.outcome ||
            case when last.because = '' then '' else ': ' || last.because end, 'it never reached us')
            else '' end,
        last.at,
        coalesce(towards.taken_by, '{}'), coalesce(towards.awaited_by, '{}'),
        exists (select from commitment_instance c join commitment m on m.id = c.commitment_id
            where c.uid = asked.uid and c.reason = 0 and (%(trust)s::text is null or m.trust = %(trust)s))
    from unnest(%(uids)s::text[]) with ordinality asked(uid, place)
    left join instance n on n.uid = asked.uid and (%(trust)s::text is null
        or exists (select from object o where o.id = n.object_id and o.trust = %(trust)s)
        or exists (select from arrival a where a.sop_instance_uid = asked.uid and a.trust = %(trust)s
            and a.outcome in ('kept', 'already kept', 'replaced')))
    left join lateral (select s.uid as study_uid, r.uid as series_uid
        from series r join study s on s.id = r.study_id where r.id = n.series_id) lies on true
    left join lateral (select w.sop_instance_uid, w.outcome
        from quarantine w join arrival a on a.id = w.arrival_id
        where w.sop_instance_uid = asked.uid and w.decided_at is null
        and (%(trust)s::text is null or a.trust = %(trust)s) order by w.id desc limit 1) q on true
    left join lateral (select at, outcome, because from arrival
        where sop_instance_uid = asked.uid and (%(trust)s::text is null or trust = %(trust)s)
        order by id desc limit 1) last on true
    left join lateral (
        select array_agg(distinct d.destination) filter (where f.object_id is not null) as taken_by,
            array_agg(distinct d.destination) filter (where f.object_id is null) as awaited_by
        from series r join study s on s.id = r.study_id
        join delivery d on d.study_uid = s.uid and d.state <> 'cancelled'
        left join forwarded f
            on f.delivery_id = d.id and f.instance_id = n.id and f.object_id = n.object_id
        where r.id = n.series_id
    ) towards on true
    order by asked.place
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Raises IndexUnavailable."""

    pool: ConnectionPool

    def lines(self, day: date, peer: str | None = None, trust: str | None = None) -> list[Line]:
        """What each peer sent us on a day, or one of them; of one trust, or of all."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_LINES, {"day": day, "peer": peer, "trust": trust}).fetchall()
        return [Line(day, *row) for row in rows]

    def against(self, uids: Sequence[str], trust: str | None = None) -> Iterator[Whereabouts]:
        """Where each instance of a sender's own list is, in its order. What a given trust did not send is
        missing to it."""
        for start in range(0, len(uids), _PAGE):
            with mapped_errors(), self.pool.connection() as connection:
                page = {"uids": list(uids[start : start + _PAGE]), "trust": trust}
                rows = connection.execute(_WHERE, page).fetchall()
            for uid, state, because, at, taken_by, awaited_by, is_committed in rows:
                yield Whereabouts(uid, state, because, at, tuple(taken_by), tuple(awaited_by), is_committed)


def uids_of(lines: Iterable[str]) -> list[str]:
    """The SOP Instance UIDs of a list: one a line, or CSV with a column of that name. Raises BadList.

    Each once, in their order. A CSV without such a heading is read by its first column that holds a UID.
    """
    try:
        rows = [row for row in csv.reader(lines, skipinitialspace=True) if any(cell.strip() for cell in row)]
    except csv.Error as error:  # such as a cell of more than 128 KiB
        raise BadList("the list is no CSV that can be read") from error
    if not rows:
        raise BadList("the list is empty")
    heading = [re.sub(r"[^a-z]", "", cell.lower()) for cell in rows[0]]
    named = [place for place, name in enumerate(heading) if name in ("sopinstanceuid", "sopinstance")]
    if named:
        column, rows = named[0], rows[1:]
    else:
        found = [place for place, cell in enumerate(rows[0]) if _UID.fullmatch(cell.strip())]
        if not found and len(rows) > 1:  # a heading that says something else
            rows = rows[1:]
            found = [place for place, cell in enumerate(rows[0]) if _UID.fullmatch(cell.strip())]
        if not found:
            raise BadList("no SOP Instance UIDs in the list: one a line, or CSV with a column SOPInstanceUID")
        column = found[0]
    uids: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        uid = row[column].strip() if column < len(row) else ""
        if not _UID.fullmatch(uid) or len(uid) > 64:
            raise BadList(f"row {number} of the list has no SOP Instance UID where the others have theirs")
        uids[uid] = None
    return list(uids)
