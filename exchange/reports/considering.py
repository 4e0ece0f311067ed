"""To which study a report belongs, asked whenever the report, the study, its link or the directory changes.

What was decided is one transaction with what the shared record is to hear of it. What a person decided stands
as long as nothing changes of what they decided about.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.linking.reviews import Decider
from exchange.reports.joining import join
from exchange.reports.matching import Doubt, Matched, Unmatched
from exchange.reports.question import Place, Question, State, question_of
from exchange.telling import outbox
from storage.changes import Change
from storage.driver_errors import mapped_errors

#: Who decided what nobody had to.
FOLLOWER = "imx reports"

#: Reports looked at in one go.
_PAGE = 100

#: Nobody waits for the disk: what a power cut takes back is asked again, as the question goes with it.
_UNHURRIED = "set local synchronous_commit = off"
_OF_STUDIES = "select distinct reports_naming(s) from study s where s.uid = any(%s) order by 1"
_PUT = """
    update report set state = %s, study_uid = %s, because = %s, decided_by = %s, decided_for = %s,
        changed_at = case when study_uid is distinct from %s then now() else changed_at end,
        same_as = case when study_uid is distinct from %s then null else same_as end
    where id = %s
"""
_NOTED = """
    insert into report_decision (report_id, state, study_uid, because, verb, decided_by, trust, reason)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_LOOKED_AT = "delete from report_to_consider where id = any(%s)"
_LOOK_AGAIN = """
    insert into report_to_consider (report_id)
    select id from report where merged_into is null and (id = %s or study_uid = any(%s))
"""


class Verb(Enum):
    """What somebody said of a report."""

    MATCH = "match"  # it belongs to this study
    DISMISS = "dismiss"  # it belongs to none of those that it may name
    UNDO = "undo"  # what was said before counts no more: the rules decide


@dataclass(frozen=True, slots=True)
class Said:
    """What, by whom, and why."""

    verb: Verb
    by: Decider


def consider(pool: ConnectionPool, changes: Sequence[Change]) -> None:
    """A follower: reports of studies that came, were corrected, moved or withdrawn."""
    changed = sorted({each.study_uid for each in changes})
    with mapped_errors(), pool.connection() as connection:
        found = connection.execute(_OF_STUDIES, (changed,)).fetchall()
    for (report_id,) in found:
        with mapped_errors(), pool.connection() as connection:
            connection.execute(_UNHURRIED)
            touched = decide(connection, report_id)
        join(pool, touched)


def consider_waiting(pool: ConnectionPool) -> None:
    """Reports that came, or of whose people something was decided since."""
    while _consider_page(pool):
        pass


def _consider_page(pool: ConnectionPool) -> bool:
    with mapped_errors(), pool.connection() as connection:
        waiting = connection.execute(
            "select id, report_id from report_to_consider order by id limit %s", (_PAGE,)
        ).fetchall()
    for report_id in sorted({report for _, report in waiting}):
        seen = [id for id, report in waiting if report == report_id]
        with mapped_errors(), pool.connection() as connection:
            connection.execute(_UNHURRIED)
            touched = decide(connection, report_id)
            if not touched:
                connection.execute(_LOOKED_AT, (seen,))
        if touched:
            join(pool, touched)
            # Only then does the question go: whoever dies before asks it again.
            with mapped_errors(), pool.connection() as connection:
                connection.execute(_UNHURRIED)
                connection.execute(_LOOKED_AT, (seen,))
    return bool(waiting)


def decide(connection: Connection[Any], report_id: int) -> Collection[str]:
    """Put it where it belongs by the rules, unless a person's word still holds: where it was and is."""
    asked = question_of(connection, report_id)
    if asked is None:
        return ()
    now = asked.place
    if asked.decided_by is None or asked.decided_for != asked.fingerprint(asked.place):
        now = by_rules(asked)
        if now != asked.place or asked.decided_by is not None:
            put(connection, asked, now)
    return {asked.place.study_uid, now.study_uid} - {""}


def put(connection: Connection[Any], asked: Question, now: Place, said: Said | None = None) -> None:
    """A decision in force, written down beside those before it, and told where it moves the report.

    What a person said stands from then on, unless they took back what was said before.
    """
    study_uid = now.study_uid or None
    is_by_hand = said is not None and said.verb is not Verb.UNDO
    by = said.by.name if said is not None and is_by_hand else None
    decided_for = asked.fingerprint(now) if is_by_hand else None
    connection.execute(
        _PUT,
        (now.state.value, study_uid, now.because, by, decided_for, study_uid, study_uid, asked.report_id),
    )
    whose = (
        (said.verb.value, said.by.name, said.by.trust, said.by.because) if said else ("", FOLLOWER, "", "")
    )
    if said is not None:  # reports beside the study that it left, or came to, are looked at anew
        connection.execute(_LOOK_AGAIN, (asked.report_id, [asked.place.study_uid, now.study_uid]))
    connection.execute(_NOTED, (asked.report_id, now.state.value, study_uid, now.because, *whose))
    moved = {asked.place.study_uid, now.study_uid} - {""}
    if asked.place.study_uid != now.study_uid and moved:
        outbox.note(connection, moved, outbox.Because.REPORT)


def by_rules(asked: Question) -> Place:
    """Where the rules put it."""
    match asked.verdict:
        case Matched(uid, because):
            return Place(State.MATCHED, uid, because)
        case Doubt(_, because):
            return Place(State.DOUBT, "", because)
        case Unmatched(because):
            return Place(State.UNMATCHED, "", because)
