"""Studies tied to the orders that they answer, by a follower of the change feed or by a person.

A tie and the correction by which the study takes what its order knows are one transaction; so are the
undoing of both. What was decided once, by anybody, is not decided again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from exchange.order import Order
from exchange.orders import ORDER_COLUMNS, placed
from exchange.telling.outbox import Because, note
from exchange.tying import Candidate, Doubt, Study, Tied, Whose, taken, which
from storage.answers import read_members
from storage.changes import Change, ChangeKind
from storage.correcting import NewCorrection, NoSuchCorrection, Reason, record, undo
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld

#: Who made the corrections of what nobody needed to decide.
FOLLOWER = "imx orders"

#: Orders looked at in one go.
_PAGE = 100


class TieState(Enum):
    """What is between a study and an order."""

    TIED = "tied"
    DOUBT = "doubt"
    DISMISSED = "dismissed"  # a person said that it does not answer it
    UNTIED = "untied"  # it was, and was found wrong


@dataclass(frozen=True, slots=True)
class Tie:
    """A study and an order."""

    id: int
    trust: str
    number: str
    accession: str
    study_uid: str
    state: TieState
    because: str
    at: datetime
    decided_by: str | None


class NoSuchTie(NotHeld):
    """No study and order by that number that this could be decided of."""

    def __init__(self, number: int) -> None:
        super().__init__(f"tie {number}, to be decided so")


def consider(pool: ConnectionPool, changes: Sequence[Change]) -> None:
    """A follower: whether studies that were kept or corrected answer orders."""
    changed = sorted(
        {each.study_uid for each in changes if each.kind in (ChangeKind.KEPT, ChangeKind.CORRECTED)}
    )
    with mapped_errors(), pool.connection() as connection:
        # Nearly all that is kept answers none that we know: one look at many finds the few.
        named = connection.execute(
            "select s.uid from study s where s.uid = any(%s) and"
            " (exists (select from imaging_order o where o.is_content and o.study_uid = s.uid)"
            " or exists (select from imaging_order o where o.is_content and o.accession <> ''"
            " and o.accession = s.accession and o.accession_issuer = s.accession_issuer)) order by s.uid",
            (changed,),
        ).fetchall()
    for (study_uid,) in named:
        with mapped_errors(), pool.connection() as connection:
            consider_study(connection, study_uid)


def consider_new_orders(pool: ConnectionPool) -> int:
    """Whether studies that are kept already answer orders that came or changed since; how many orders."""
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select id, study_uid, accession, accession_issuer from imaging_order where not is_considered"
            " order by id limit %s for update skip locked",
            (_PAGE,),
        ).fetchall()
        for order_id, study_uid, accession, issuer in rows:
            for (uid,) in connection.execute(
                "select uid from study where uid = %s"
                " or (%s <> '' and accession = %s and accession_issuer = %s)",
                (study_uid, accession, accession, issuer),
            ).fetchall():
                consider_study(connection, uid)
            connection.execute("update imaging_order set is_considered = true where id = %s", (order_id,))
    return len(rows)


def untie(connection: Connection[Any], order_id: int, by: str) -> None:
    """Studies that were tied to an order no longer are, and give back what they took of it."""
    rows = connection.execute(
        "update order_tie set state = 'untied', because = %s, decided_at = now() where order_id = %s"
        " and state = 'tied' returning correction_id, study_uid",
        (by, order_id),
    ).fetchall()
    take_back((correction for correction, _ in rows), connection, by)
    note(connection, (study_uid for _, study_uid in rows), Because.ORDER)


def take_back(corrections: Iterable[int | None], connection: Connection[Any], by: str) -> None:
    """What studies took of orders."""
    for number in corrections:
        if number is not None:
            try:
                undo(connection, number, by)
            except NoSuchCorrection:
                continue  # a person undid it before


def consider_study(connection: Connection[Any], study_uid: str) -> None:
    """Tie it to the order that it answers, unless it is tied; in doubt, a person is asked."""
    study = _study(connection, study_uid)
    if study is None:
        return
    candidates = _candidates(connection, study)
    if not candidates:
        return
    decided = {
        order_id: TieState(state)
        for order_id, state in connection.execute(
            "select order_id, state from order_tie where study_uid = %s", (study_uid,)
        )
    }
    if TieState.TIED in decided.values():
        return
    settled = {order_id for order_id, state in decided.items() if state is not TieState.DOUBT}
    verdict = which(study, [each for each in candidates if each.id not in settled])
    match verdict:
        case Tied(order_id, because):
            order = next(each.order for each in candidates if each.id == order_id)
            _tie(connection, study, order_id, order, because, FOLLOWER)
        case Doubt(order_ids, because):
            for order_id in order_ids:
                connection.execute(
                    "insert into order_tie (order_id, study_uid, state, because) values (%s, %s, 'doubt', %s)"
                    " on conflict (order_id, study_uid) do update set because = excluded.because",
                    (order_id, study_uid, because),
                )


def _tie(
    connection: Connection[Any], study: Study, order_id: int, order: Order, because: str, by: str
) -> None:
    attributes = taken(study, order)
    number = (
        record(connection, NewCorrection(study.uid, attributes, Reason.COERCE, by)) if attributes else None
    )
    connection.execute(
        "insert into order_tie (order_id, study_uid, state, because, correction_id)"
        " values (%s, %s, 'tied', %s, %s) on conflict (order_id, study_uid) do update set"
        " state = excluded.state, because = excluded.because, correction_id = excluded.correction_id",
        (order_id, study.uid, because, number),
    )
    # Other orders were in doubt only as long as none was found.
    connection.execute(
        "delete from order_tie where study_uid = %s and state = 'doubt' and decided_at is null", (study.uid,)
    )
    note(connection, [study.uid], Because.ORDER)


def _study(connection: Connection[Any], study_uid: str) -> Study | None:
    """As it stands, locked: two that look at once decide one after the other."""
    row = connection.execute(
        "select id, coalesce(accession, ''), coalesce(accession_issuer, ''), json from study where uid = %s"
        " for no key update",
        (study_uid,),
    ).fetchone()
    if row is None:
        return None
    study_id, accession, accession_issuer, json = row
    whose = connection.execute(
        "select distinct p.identifier, p.issuer, coalesce(i.birth_date, '') from identity i"
        " join patient p on p.id = i.patient_id join study s on s.id = i.study_id"
        " where s.id = %s and (not s.has_versions or is_borne(s.id, i.id))",
        (study_id,),
    ).fetchall()
    series = connection.execute("select json from series where study_id = %s", (study_id,)).fetchall()
    holds: set[str] = set()
    for piece in (json, *(each for (each,) in series)):
        holds |= {tag for tag, member in read_members(piece).items() if member.get("Value")}
    return Study(
        study_uid, accession, accession_issuer, tuple(Whose(*each) for each in whose), frozenset(holds)
    )


def _candidates(connection: Connection[Any], study: Study) -> list[Candidate]:
    rows = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"select {ORDER_COLUMNS}, array(select t.study_uid from order_tie t where t.order_id = o.id"
            " and t.state = 'tied') as answered_by from imaging_order o where is_content and (study_uid = %s"
            " or (accession <> '' and accession = %s and accession_issuer = %s)) order by id",
            (study.uid, study.accession, study.accession_issuer),
        )
        .fetchall()
    )
    found = [(placed(row), frozenset(row["answered_by"])) for row in rows]
    return [Candidate(each.id, each.order, each.status, answered) for each, answered in found]


_OF_TRUST = "(%s::text is null or o.trust = %s)"


@dataclass(frozen=True, slots=True)
class PostgresTies:
    """What a person sees and decides."""

    pool: ConnectionPool

    def in_doubt(self, trust: str | None = None, limit: int = 1000) -> list[Tie]:
        """What waits for a person, the oldest first; of one trust's orders, or of all."""
        return self._list(f"t.state = 'doubt' and {_OF_TRUST} order by t.id limit %s", (trust, trust, limit))

    def of_study(self, study_uid: str, trust: str | None = None) -> list[Tie]:
        """Of one study."""
        return self._list(f"t.study_uid = %s and {_OF_TRUST} order by t.id", (study_uid, trust, trust))

    def trust_of(self, number: int) -> str:
        """Whose order it is about. Raises NoSuchTie."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select o.trust from order_tie t join imaging_order o on o.id = t.order_id where t.id = %s",
                (number,),
            ).fetchone()
        if row is None:
            raise NoSuchTie(number)
        return str(row[0])

    def tie(self, number: int, by: str) -> None:
        """It does answer it. Raises NoSuchTie."""
        with mapped_errors(), self.pool.connection() as connection:
            order_id, study_uid = self._waiting(connection, number)
            study = _study(connection, study_uid)
            row = (
                connection.cursor(row_factory=dict_row)
                .execute(f"select {ORDER_COLUMNS} from imaging_order where id = %s", (order_id,))
                .fetchone()
            )
            if study is None or row is None:
                raise NoSuchTie(number)
            self._decide(connection, number, TieState.TIED, by)
            _tie(connection, study, order_id, placed(row).order, f"{by} said so", by)

    def dismiss(self, number: int, by: str) -> None:
        """It does not. Raises NoSuchTie."""
        with mapped_errors(), self.pool.connection() as connection:
            self._waiting(connection, number)
            self._decide(connection, number, TieState.DISMISSED, by)

    def untie(self, number: int, by: str) -> None:
        """It was tied, and that was wrong. Raises NoSuchTie."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select correction_id, study_uid from order_tie where id = %s and state = 'tied' for update",
                (number,),
            ).fetchone()
            if row is None:
                raise NoSuchTie(number)
            self._decide(connection, number, TieState.UNTIED, by)
            take_back([row[0]], connection, by)
            note(connection, [row[1]], Because.ORDER)

    def _waiting(self, connection: Connection[Any], number: int) -> tuple[int, str]:
        row = connection.execute(
            "select order_id, study_uid from order_tie where id = %s and state = 'doubt' for update",
            (number,),
        ).fetchone()
        if row is None:
            raise NoSuchTie(number)
        return row[0], row[1]

    def _decide(self, connection: Connection[Any], number: int, state: TieState, by: str) -> None:
        connection.execute(
            "update order_tie set state = %s, decided_at = now(), decided_by = %s where id = %s",
            (state.value, by, number),
        )

    def _list(self, condition: str, values: tuple[object, ...]) -> list[Tie]:
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select t.id, o.trust, o.number, o.accession, t.study_uid, t.state, t.because, t.at,"
                f" t.decided_by from order_tie t join imaging_order o on o.id = t.order_id where {condition}",
                values,
            ).fetchall()
        return [
            Tie(id, trust, order, accession, study, TieState(state), because, at, decided_by)
            for id, trust, order, accession, study, state, because, at, decided_by in rows
        ]
