"""Whose turn it is: who is traced because a study or a feed needs it, and whom we ask about again by age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from exchange.people.pds.tracing import Traced, Wanted
from exchange.people.person import Demographics, Identifier, NumberStatus
from exchange.people.stored import demographics_of

#: How long after a decision another may still be committed that began before it.
_OVERLAP = timedelta(minutes=1)

#: The numbers in studies that are linked to nobody: a trust's whose record is not verified, and NHS numbers
#: of which the NHS has told us nothing. Of the linked, the NHS number, so that what becomes of it is heard.
_ENLIST_STUDIES = """
    insert into person_trace (issuer, value)
    select distinct n.issuer, n.value from (
        select p.issuer, p.identifier as value from study_link l
            join identity d on d.study_id = l.study_id join patient p on p.id = d.patient_id
            where l.state <> 'linked' and l.decided_at >= %(since)s
        union
        select s.issuer, s.value from study_link l join study_identifier s on s.study_id = l.study_id
            where l.state <> 'linked' and l.decided_at >= %(since)s
    ) n left join person_record r on r.issuer = n.issuer and r.value = n.value
    where case when n.issuer = 'NHS' then r.said_at is null
        else r.demographics is not null and r.number_status <> '01' end
    union
    select p.issuer, p.value from study_link l join person_record r on r.id = l.person_id
        join person_record p on p.id = r.current_id
        where l.state = 'linked' and l.decided_at >= %(since)s and p.issuer = 'NHS'
    on conflict do nothing
"""
_ENLIST_FEEDS = """
    insert into person_trace (issuer, value)
    select issuer, value from person_record where number_status = '03' and issuer <> 'NHS'
    on conflict do nothing
"""
#: Their source says something else now than when they were traced.
_CHANGED = """
    update person_trace t set due_at = now() from person_record r
    where t.issuer <> 'NHS' and t.asked_at is not null and (t.due_at is null or t.due_at > now())
      and r.issuer = t.issuer and r.value = t.value and r.said_at is distinct from t.heard_at
"""
_DUE = """
    select k.issuer, k.value, coalesce(r.nhs_number, ''), coalesce(r.number_status, '07'), r.demographics,
        coalesce(t.linked_to, ''), r.id is not null, coalesce(t.version, ''), r.said_at
    from {} k (issuer, value)
        left join person_trace t on t.issuer = k.issuer and t.value = k.value
        left join person_record r on r.issuer = k.issuer and r.value = k.value
    order by t.due_at, k.issuer, k.value
"""
_OLDEST = (
    "(select issuer, value from person_trace where due_at <= now() order by due_at, issuer, value limit %s)"
)
_THIS = "(values (%s::text, %s::text))"
_NOTE = """
    insert into person_trace (issuer, value, due_at, asked_at, outcome, version, heard_at, linked_to)
    values (%s, %s, %s, now(), %s, %s, %s, %s)
    on conflict (issuer, value) do update set due_at = excluded.due_at, asked_at = excluded.asked_at,
        outcome = excluded.outcome, version = excluded.version, heard_at = excluded.heard_at,
        linked_to = excluded.linked_to
"""


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody to ask about."""

    wanted: Wanted
    version: str = ""  # of the PDS's record, when it was asked last
    heard_at: datetime | None = None  # when the source of the number spoke last


def enlist(connection: Connection[Any], since: datetime) -> None:
    """Whom studies need that were decided since then."""
    connection.execute(_ENLIST_STUDIES, {"since": since - _OVERLAP})


def enlist_told(connection: Connection[Any]) -> None:
    """Whom feeds want traced, and of whom their source says something else since: it reads them all."""
    connection.execute(_ENLIST_FEEDS)
    connection.execute(_CHANGED)


def enlist_one(connection: Connection[Any], number: Identifier, due_at: datetime) -> None:
    """Somebody else, from then on."""
    connection.execute(
        "insert into person_trace (issuer, value, due_at) values (%s, %s, %s) on conflict do nothing",
        (number.issuer, number.value, due_at),
    )


def next_due(connection: Connection[Any], limit: int) -> Sequence[Due]:
    """Those who have waited longest."""
    return [_due(*row) for row in connection.execute(_DUE.format(_OLDEST), (limit,)).fetchall()]


def due_now(connection: Connection[Any], identifier: Identifier) -> Due:
    """One of them by number, whether or not it is their turn."""
    [row] = connection.execute(_DUE.format(_THIS), (identifier.issuer, identifier.value)).fetchall()
    return _due(*row)


def note_trace(
    connection: Connection[Any], due: Due, traced: Traced, version: str, again_at: datetime | None
) -> None:
    """What became of it."""
    number = due.wanted.identifier
    connection.execute(
        _NOTE,
        (
            number.issuer, number.value, again_at, traced.outcome.value, version, due.heard_at,
            traced.linked_to,
        ),
    )  # fmt: skip


def _due(
    issuer: str,
    value: str,
    claims: str,
    status: str,
    stored: Any,
    linked_to: str,
    is_known: bool,
    version: str,
    heard_at: datetime | None,
) -> Due:
    said = demographics_of(stored) if stored is not None else Demographics()
    wanted = Wanted(Identifier(value, issuer), claims, NumberStatus(status), said, linked_to, is_known)
    return Due(wanted, version, heard_at)
