"""The order tie of a study whose patient is corrected: it goes along, and comes back when that is undone.

A tie to an order of somebody else is let go, and the study gives back what it took of that order; then it is
asked anew which order it answers, by the rules for every study (exchange.tying).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from exchange.order import Order
from exchange.people.directory import person_known_as
from exchange.people.person import Identifier
from exchange.record.ordered import orders_of
from exchange.telling.outbox import Because, note
from exchange.ties import TieState, consider_study, take_back
from storage.correcting import reinstate

BECAUSE = "the study was corrected to another patient"


@dataclass(frozen=True, slots=True)
class Stood:
    """A study and an order, as a row of `order_tie` said it."""

    order_id: int
    state: TieState
    because: str
    correction_id: int | None
    decided_at: datetime | None
    decided_by: str | None


_STOOD = TypeAdapter(tuple[Stood, ...])
_ROWS = (
    "select order_id, state, because, correction_id, decided_at, decided_by from order_tie"
    " where study_uid = %s order by id"
)
_PUT_BACK = """
    insert into order_tie (order_id, study_uid, state, because, correction_id, decided_at, decided_by)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (order_id, study_uid) do update set
        state = excluded.state, because = excluded.because, correction_id = excluded.correction_id,
        decided_at = excluded.decided_at, decided_by = excluded.decided_by
"""


def stored(ties: Sequence[Stood]) -> Jsonb:
    """To be kept with the decision that moves them."""
    return Jsonb(_STOOD.dump_python(tuple(ties), mode="json"))


def ties_of(connection: Connection[Any], study_uid: str) -> tuple[Stood, ...]:
    """As they stand."""
    rows = connection.execute(_ROWS, (study_uid,)).fetchall()
    return tuple(Stood(order, TieState(state), *rest) for order, state, *rest in rows)


def order_answered(connection: Connection[Any], study_uid: str) -> Order | None:
    """The one that a study is tied to."""
    found = orders_of(connection, [study_uid]).get(study_uid)
    return found[0].order if found else None


def retie(connection: Connection[Any], study_uid: str, person_id: int, by: str) -> None:
    """Now that the study is this person's: let go of an order of somebody else, and look for theirs."""
    order = order_answered(connection, study_uid)
    if order is not None and not _is_theirs(connection, order, person_id):
        rows = connection.execute(
            "update order_tie set state = 'untied', because = %s, decided_at = now(), decided_by = %s"
            " where study_uid = %s and state = 'tied' returning correction_id",
            (BECAUSE, by, study_uid),
        ).fetchall()
        take_back((number for (number,) in rows), connection, by)
        note(connection, [study_uid], Because.ORDER)
    consider_study(connection, study_uid)


def put_back(connection: Connection[Any], study_uid: str, kept: Any, since: datetime, by: str) -> None:
    """As the ties stood before a correction, of `since`; `kept` is what `stored` made of them.

    What a person decided over them after it stands.
    """
    before, now = _STOOD.validate_python(kept), ties_of(connection, study_uid)
    if any(each.decided_at is not None and each.decided_at > since for each in now) or before == now:
        return
    was_in_force, is_in_force = _in_force(before), _in_force(now)
    take_back(is_in_force - was_in_force, connection, by)
    connection.execute(
        "delete from order_tie where study_uid = %s and not order_id = any(%s)",
        (study_uid, [each.order_id for each in before]),
    )
    for each in before:
        connection.execute(
            _PUT_BACK,
            (
                each.order_id, study_uid, each.state.value, each.because, each.correction_id,
                each.decided_at, each.decided_by,
            ),
        )  # fmt: skip
    for number in sorted(was_in_force - is_in_force):
        reinstate(connection, number)
    note(connection, [study_uid], Because.ORDER)


def _in_force(ties: Sequence[Stood]) -> set[int]:
    """What the study took of the order that it is tied to."""
    return {
        each.correction_id for each in ties if each.state is TieState.TIED and each.correction_id is not None
    }


def _is_theirs(connection: Connection[Any], order: Order, person_id: int) -> bool:
    """Whether the number that the order names its patient by stands for this person, whichever it is.

    Of a trust's number that the directory does not know, by the NHS number beside it and the birth date.
    """
    patient = order.patient
    named = person_known_as(connection, Identifier(patient.identifier, patient.issuer))
    if named is not None or not patient.nhs_number:
        return named is not None and named.id == person_id
    claimed = person_known_as(connection, Identifier.nhs(patient.nhs_number))
    if claimed is None or claimed.id != person_id:
        return False
    return patient.birth_date == claimed.demographics.birth_date
