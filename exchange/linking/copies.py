"""Who holds a study under other names than it bears now, and who opened it: after a correction of identity.

A change of names is written down with the correction (`note_renaming`). Afterwards, `note_copies` finds who
was sent the study before, `see_what_was_sent` who has been sent it again since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import Connection

from exchange.custody import OF_TRUST
from exchange.policy import Action
from storage.errors import NotHeld

#: What shows a study to somebody, or gives it to them. Deliveries stand in the ledger.
_SEES = [Action.RETRIEVE.value, Action.SEE_RECORD.value, Action.SEE_LABEL.value, Action.HAVE_ORIGINAL.value]


#: In the place of `naming_of`: nobody knows which names a copy bears.
UNSURE = "?"


class NoSuchCopy(NotHeld):
    """No copy there that is known to be wrong."""

    def __init__(self, destination: str) -> None:
        super().__init__(f"a copy at {destination} that is still wrong")


@dataclass(frozen=True, slots=True)
class Copy:
    """What a destination has taken of a study."""

    destination: str
    instances: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody who saw something of a study, or took it."""

    kind: str  # of actor: account, peer, anonymous
    name: str
    trust: str
    action: str
    first_at: datetime
    last_at: datetime
    times: int


class Stands(Enum):
    """How far a destination is with a study whose names changed after it was sent it."""

    TOLD = "told"  # its copy is right: by ADT, sent again, or as somebody saw to it
    WAITING = "waiting"  # it is being told
    WRONG = "still wrong"  # nobody tells it, or it does not take it


@dataclass(frozen=True, slots=True)
class StillWrong:
    """A copy that bears other names than its study does now."""

    study_uid: str
    destination: str
    trust: str  # whose destination it is; "" where it is gone from the registry
    on_correction: str
    told_by: str  # who tells it by ADT; "" for nobody
    adt_cannot: str  # why ADT does not say it
    since: datetime
    delivery: int | None  # by which it is sent again
    delivery_state: str | None
    telling: int | None  # by which ADT says it
    telling_state: str | None
    last_error: str | None
    wanted_by: str | None
    opened: tuple[Opened, ...]  # since the names changed

    @property
    def stands(self) -> Stands:
        """Waiting, or still wrong."""
        is_under_way = self.delivery_state in ("waiting", "sending") or self.telling_state == "waiting"
        return Stands.WAITING if is_under_way else Stands.WRONG

    @property
    def how_told(self) -> str:
        """By what it is being told, or was tried to be; "" where nobody tells it."""
        if self.delivery is not None:
            return f"delivery {self.delivery}, {self.delivery_state}"
        return f"ADT by {self.told_by}, {self.telling_state}" if self.telling is not None else ""


@dataclass(frozen=True, slots=True)
class ToldCopy:
    """A copy that is right again."""

    study_uid: str
    destination: str
    since: datetime  # when the names changed
    at: datetime  # when it was seen to be right
    how: str  # "ADT^A40", "sent again, or its study bears its old names", or who said so and why


def copies_of(connection: Connection[Any], study_uid: str) -> Sequence[Copy]:
    """By the ledger: every destination that has taken any of it."""
    rows = connection.execute(
        "select d.destination, count(distinct f.instance_id), max(f.at) from delivery d"
        " join forwarded f on f.delivery_id = d.id where d.study_uid = %s group by d.destination"
        " order by d.destination",
        (study_uid,),
    ).fetchall()
    return [Copy(*row) for row in rows]


def opened_by(connection: Connection[Any], study_uid: str, since: datetime | None = None) -> Sequence[Opened]:
    """By the audit: who saw it, the last first."""
    rows = connection.execute(
        "select a.actor_kind, a.actor, a.trust, a.action, min(a.at), max(greatest(a.at, c.last_at)),"
        " sum(1 + coalesce(c.times, 0))::bigint from audit a left join audit_count c on c.audit = a.id"
        " where a.study_uid = %s and a.outcome = 'allowed' and a.action = any(%s)"
        " and (%s::timestamptz is null or greatest(a.at, c.last_at) >= %s)"
        " group by a.actor_kind, a.actor, a.trust, a.action order by 6 desc",
        (study_uid, _SEES, since, since),
    ).fetchall()
    return [Opened(*row) for row in rows]


def naming_of(connection: Connection[Any], study_uid: str) -> str:
    """Which identity corrections are in force: the same text, the same names."""
    row = connection.execute("select naming_of(%s)", (study_uid,)).fetchone()
    assert row is not None
    return str(row[0])


def note_renaming(connection: Connection[Any], study_uid: str, was: str) -> None:
    """In the transaction in which its names changed; `was` is `naming_of` before."""
    connection.execute("insert into renaming (study_uid, was) values (%s, %s)", (study_uid, was))


# What is read before a change is committed may arrive long after: of what is on its way, or came since,
# nobody knows which names it bears ("?"). Deliveries that begin later bear the new ones.
_NOTE = """
    with renamed as (
        select id, study_uid, was, at from renaming where noted_at is null order by id limit %s
        for update skip locked
    ), noted as (
        update renaming n set noted_at = now() from renamed r where n.id = r.id returning n.id
    ), changed as (
        select study_uid, (array_agg(was order by id))[1] as was, min(at) as first, max(at) as at
        from renamed group by study_uid
    ), held as (
        select r.study_uid, d.destination, r.was, r.at, max(d.id) as last,
            bool_or(d.state = 'sending' or exists (select from forwarded f
                where f.delivery_id = d.id and f.at >= r.first)) as is_unsure
        from changed r join delivery d on d.study_uid = r.study_uid and (d.state = 'sending'
            or exists (select from forwarded f where f.delivery_id = d.id))
        group by r.study_uid, d.destination, r.was, r.at
    ), written as (
        insert into renamed_copy as c (study_uid, destination, bears, since, after_delivery)
        select study_uid, destination, case when is_unsure then '?' else was end, at, last from held
        on conflict (study_uid, destination) do update set since = excluded.since,
            bears = case when excluded.bears = '?' or is_begun(c, false) then '?'
                when is_begun(c, true) then excluded.bears else c.bears end,
            after_delivery = excluded.after_delivery, settled_at = null, settled_by = null, because = '',
            told_as = ''
        returning 1
    )
    select (select count(*) from noted), (select count(*) from written)
"""
_SEE = """
    update renamed_copy c set bears = naming_of(c.study_uid), settled_at = now(), settled_by = null,
        wanted_by = null, told_as = ''
    where c.settled_at is null and (c.bears = naming_of(c.study_uid) or is_begun(c, true))
        and not exists (select from renaming n where n.study_uid = c.study_uid and n.noted_at is null)
"""


def note_copies(connection: Connection[Any], limit: int = 100) -> int:
    """Who was sent studies whose names have changed since; how many changes were looked at."""
    row = connection.execute(_NOTE, (limit,)).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def see_what_was_sent(connection: Connection[Any]) -> int:
    """Copies that were sent again since are right, and those whose study bears its old names; how many."""
    return connection.execute(_SEE).rowcount


_WRONG = f"""
    select c.study_uid, c.destination, coalesce(t.trust, p.trust, ''), coalesce(t.on_correction, 'list'),
        coalesce(t.told_by, ''),
        case when c.adt_for = naming_of(c.study_uid) then c.adt_cannot else '' end, c.since,
        d.id, d.state, g.id, g.state, coalesce(d.last_error, nullif(g.last_error, '')), c.wanted_by
    from renamed_copy c join study s on s.uid = c.study_uid
    left join destination t on t.name = c.destination
    left join lateral (select trust from peer where ae_title = c.destination limit 1) p on true
    left join delivery d on d.id = c.delivery_id and c.ordered_for = naming_of(c.study_uid)
    left join telling g on g.subscriber = t.told_by and g.study_uid = c.study_uid and c.adt_says <> ''
        and c.adt_for = naming_of(c.study_uid)
    where c.settled_at is null and c.bears <> naming_of(c.study_uid)
        and (%s::text is null or c.study_uid = %s) and {OF_TRUST}
    order by c.since, c.study_uid, c.destination limit %s
"""


def still_wrong(
    connection: Connection[Any], trust: str | None = None, study_uid: str | None = None, limit: int = 1000
) -> Sequence[StillWrong]:
    """Copies of one trust's studies, or of all, or of one study; the oldest first."""
    rows = connection.execute(_WRONG, (study_uid, study_uid, trust, trust, limit)).fetchall()
    return [StillWrong(*(*row, tuple(opened_by(connection, row[0], row[6])))) for row in rows]


_TOLD = f"""
    select c.study_uid, c.destination, c.since, c.settled_at, case
        when c.told_as <> '' then c.told_as
        when c.settled_by is not null then c.settled_by || ': ' || c.because
        else 'sent again, or its study bears its old names' end
    from renamed_copy c join study s on s.uid = c.study_uid
    where c.settled_at is not null and c.bears = naming_of(c.study_uid)
        and (%s::text is null or c.study_uid = %s) and {OF_TRUST}
    order by c.settled_at desc, c.study_uid, c.destination limit %s
"""


def told(
    connection: Connection[Any], trust: str | None = None, study_uid: str | None = None, limit: int = 100
) -> Sequence[ToldCopy]:
    """Copies that are right again, the latest first."""
    rows = connection.execute(_TOLD, (study_uid, study_uid, trust, trust, limit)).fetchall()
    return [ToldCopy(*row) for row in rows]


def count_wrong(connection: Connection[Any], trust: str | None = None) -> int:
    """How many copies of one trust's studies, or of all, are still wrong."""
    row = connection.execute(
        "select count(*) from renamed_copy c join study s on s.uid = c.study_uid"
        f" where c.settled_at is null and c.bears <> naming_of(c.study_uid) and {OF_TRUST}",
        (trust, trust),
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def want_again(connection: Connection[Any], study_uid: str, destination: str, by: str) -> None:
    """Have it sent again, whatever its entry says. Raises NoSuchCopy where it is not wrong."""
    _decide(connection, study_uid, destination, "wanted_by = %s, ordered_for = null", (by,))


def settle(connection: Connection[Any], study_uid: str, destination: str, by: str, because: str) -> None:
    """Somebody saw to it there: the copy is right, or gone. Raises NoSuchCopy."""
    _decide(
        connection, study_uid, destination,
        "bears = naming_of(study_uid), settled_at = now(), settled_by = %s, because = %s, told_as = ''",
        (by, because),
    )  # fmt: skip


def _decide(
    connection: Connection[Any], study_uid: str, destination: str, what: str, values: tuple[str, ...]
) -> None:
    done = connection.execute(
        f"update renamed_copy set {what} where study_uid = %s and destination = %s"
        " and settled_at is null and bears <> naming_of(study_uid)",
        (*values, study_uid, destination),
    )
    if not done.rowcount:
        raise NoSuchCopy(destination)
