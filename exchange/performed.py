"""Performed procedure steps (PS3.4 §F.7): what may be said of one, to which order it belongs, who is told.

`judged` and `standing` decide, and are pure; `PostgresPerformed` keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from psycopg import Connection, errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from exchange.order import Status
from exchange.orders import ORDER_COLUMNS, Placed, placed
from exchange.ties import untie
from storage.corrections import Member
from storage.driver_errors import mapped_errors

Members = Mapping[str, Member]


class State(Enum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"

    @property
    def is_final(self) -> bool:
        """Nothing may be said of it any more (PS3.4 §F.7.2.2.2)."""
        return self is not State.IN_PROGRESS


#: Discontinuation reason (PS3.16 CID 9300): the operator chose the wrong item of the worklist.
INCORRECT_WORKLIST_ENTRY = "110514"

_STATUS_OF: Mapping[State, Status] = {
    State.IN_PROGRESS: Status.IN_PROGRESS,
    State.COMPLETED: Status.COMPLETED,
    State.DISCONTINUED: Status.DISCONTINUED,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a performed step says of the order it answers: the first values of its attributes, as text."""

    study_uids: frozenset[str]
    accessions: frozenset[str]
    steps: frozenset[str]  # Scheduled Procedure Step IDs
    identifier: str
    issuer: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class Belongs:
    """To which order a performed step belongs, if to any, and why."""

    order_id: int | None
    because: str


def judged(said: Said, orders: Sequence[Placed]) -> Belongs:
    """Which of a trust's orders a step performs: by Study Instance UID, else by accession number; and only
    where the Patient ID with its issuer agrees, and the birth date where both say one. Pure."""
    named = [each for each in orders if each.order.study_uid in said.study_uids]
    how = "Study Instance UID"
    if not named:
        named = [each for each in orders if each.order.accession and each.order.accession in said.accessions]
        how = "accession number"
    if len(named) > 1 and said.steps:
        named = [each for each in named if said.steps & {step.id for step in each.order.steps}] or named
    if not named:
        return Belongs(None, "unscheduled: it names no order")
    if len(named) > 1:
        return Belongs(None, f"several orders bear its {how}")
    patient = named[0].order.patient
    if (said.identifier, said.issuer) != (patient.identifier, patient.issuer):
        return Belongs(None, f"the patient of the order with its {how} is another")
    if said.birth_date and patient.birth_date and said.birth_date != patient.birth_date:
        return Belongs(None, f"the birth date of the order with its {how} is another")
    return Belongs(named[0].id, f"{how}, Patient ID and issuer agree")


def standing(
    scheduled: frozenset[str], performed: Sequence[tuple[State, frozenset[str]]]
) -> tuple[Status | None, frozenset[str]]:
    """Where an order stands by what is performed of it, and which of its steps are done. Pure.

    A step that names none of those scheduled performs all of them.
    """
    if not performed:
        return None, frozenset()
    done: set[str] = set()
    for state, steps in performed:
        if state.is_final:
            done |= (steps & scheduled) or scheduled
    if any(not state.is_final for state, _ in performed) or scheduled - done:
        return Status.IN_PROGRESS, frozenset(done)
    completed = any(state is State.COMPLETED for state, _ in performed)
    return (Status.COMPLETED if completed else Status.DISCONTINUED), frozenset(done)


class Duplicate(Exception):
    """There is a step by that UID already."""


class NoSuchStep(Exception):
    """There is no step by that UID, of this trust."""


class Final(Exception):
    """The step is completed or discontinued: it may no longer be changed."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell one peer."""

    id: int
    step: str
    is_new: bool
    attributes: Members
    tries: int


@dataclass(frozen=True, slots=True)
class PostgresPerformed:
    """Performed steps, what they mean for orders, and who is still to be told."""

    pool: ConnectionPool

    def create(self, uid: str, trust: str, peer: str, attributes: Members, said: Said) -> Belongs:
        """A step that has begun; durable when this returns. Raises Duplicate."""
        with mapped_errors(), self.pool.connection() as connection:
            belongs = judged(said, _candidates(connection, trust, said))
            try:
                connection.execute(
                    "insert into performed_step (uid, trust, peer, state, attributes, order_id, steps,"
                    " because) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        uid, trust, peer, State.IN_PROGRESS.value, Jsonb(dict(attributes)), belongs.order_id,
                        sorted(said.steps), belongs.because,
                    ),
                )  # fmt: skip
            except errors.UniqueViolation:
                raise Duplicate from None
            _stand(connection, belongs.order_id)
            _tell(connection, uid, trust, attributes, is_new=True)
        return belongs

    def change(self, uid: str, trust: str, attributes: Members, state: State | None, reason: str) -> State:
        """What is said more of a step; its state. Raises NoSuchStep and Final."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select state, attributes, order_id from performed_step where uid = %s and trust = %s"
                " for update",
                (uid, trust),
            ).fetchone()
            if row is None:
                raise NoSuchStep
            if State(row[0]).is_final:
                raise Final
            after = state or State.IN_PROGRESS
            order_id = row[2]
            is_wrong = after is State.DISCONTINUED and reason == INCORRECT_WORKLIST_ENTRY
            connection.execute(
                "update performed_step set state = %s, attributes = %s, changed_at = now(),"
                " order_id = case when %s then null else order_id end,"
                " because = case when %s then 'incorrect worklist entry selected' else because end"
                " where uid = %s",
                (after.value, Jsonb({**row[1], **attributes}), is_wrong, is_wrong, uid),
            )
            if is_wrong and order_id is not None:
                untie(connection, order_id, f"performed step {uid}: incorrect worklist entry selected")
            _stand(connection, order_id)
            _tell(connection, uid, trust, attributes, is_new=False)
        return after

    def listen(self, trust: str, ae_title: str) -> None:
        """From now on tell this peer of the trust's steps."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "insert into performed_listener (trust, ae_title) values (%s, %s) on conflict do nothing",
                (trust, ae_title),
            )

    def stop_listening(self, trust: str, ae_title: str) -> bool:
        """No longer; False where nobody listened."""
        with mapped_errors(), self.pool.connection() as connection:
            gone = connection.execute(
                "delete from performed_listener where trust = %s and ae_title = %s", (trust, ae_title)
            )
        return gone.rowcount > 0

    def listeners(self) -> list[tuple[str, str]]:
        """Trust and AE title of each."""
        with mapped_errors(), self.pool.connection() as connection:
            return connection.execute(
                "select trust, ae_title from performed_listener order by trust, ae_title"
            ).fetchall()

    def next_news(self, trust: str, ae_title: str) -> News | None:
        """What this peer is to be told next, if it is due: the oldest, and nothing before it is heard."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select id, step, is_new, attributes, tries, due_at <= now() from performed_news"
                " where trust = %s and ae_title = %s and told_at is null and given_up_at is null"
                " order by id limit 1",
                (trust, ae_title),
            ).fetchone()
        return News(*row[:5]) if row and row[5] else None

    def heard(self, news: News) -> None:
        """The peer knows."""
        self._settle(news, "told_at = now()")

    def give_up(self, news: News, because: str) -> None:
        """The peer will never take it: a person is shown why, and what follows goes on."""
        self._settle(news, "given_up_at = now()", because)

    def later(self, news: News, because: str, pause: timedelta) -> None:
        """The peer could not be told: again after `pause`."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update performed_news set tries = tries + 1, because = %s, due_at = now() + %s"
                " where id = %s",
                (because, pause, news.id),
            )

    def untold(self) -> list[tuple[str, str, int, int, datetime, str]]:
        """Trust, AE title, how many wait, how many were given up, since when, and why the last failed."""
        with mapped_errors(), self.pool.connection() as connection:
            return connection.execute(
                "select trust, ae_title, count(*) filter (where given_up_at is null), count(given_up_at),"
                " min(due_at), coalesce((array_agg(because order by id) filter (where because <> ''))[1], '')"
                " from performed_news"
                " where told_at is null group by trust, ae_title order by trust, ae_title"
            ).fetchall()

    def _settle(self, news: News, change: str, because: str = "") -> None:
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                f"update performed_news set {change}, tries = tries + 1, because = %s where id = %s",
                (because, news.id),
            )


def _candidates(connection: Connection[Any], trust: str, said: Said) -> list[Placed]:
    """Orders that the trust's own worklist shows, or showed: its own, and those shared with it."""
    rows = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"select {ORDER_COLUMNS} from imaging_order where (trust = %s or %s = any(shared_with))"
            " and is_content and status in ('scheduled', 'in progress')"
            " and (study_uid = any(%s) or (accession <> '' and accession = any(%s)))",
            (trust, trust, sorted(said.study_uids), sorted(said.accessions)),
        )
        .fetchall()
    )
    return [placed(row) for row in rows]


def _stand(connection: Connection[Any], order_id: int | None) -> None:
    """Write down where an order stands now."""
    if order_id is None:
        return
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(f"select {ORDER_COLUMNS} from imaging_order where id = %s for update", (order_id,))
        .fetchone()
    )
    assert row is not None
    scheduled = frozenset(step.id for step in placed(row).order.steps)
    performed = [
        (State(state), frozenset(steps))
        for state, steps in connection.execute(
            "select state, steps from performed_step where order_id = %s", (order_id,)
        )
    ]
    status, done = standing(scheduled, performed)
    connection.execute(
        "update imaging_order set performed = %s, done_steps = %s where id = %s",
        (status.value if status else None, sorted(done), order_id),
    )


def _tell(connection: Connection[Any], uid: str, trust: str, attributes: Members, *, is_new: bool) -> None:
    connection.execute(
        "insert into performed_news (step, is_new, attributes, trust, ae_title)"
        " select %s, %s, %s, trust, ae_title from performed_listener where trust = %s",
        (uid, is_new, Jsonb(dict(attributes)), trust),
    )
