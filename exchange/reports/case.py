"""A report that waits for a person, and the studies to which it may belong, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.people.person import Identifier
from exchange.reports.question import question_of


@dataclass(frozen=True, slots=True)
class Side:
    """Whom a report or a study names."""

    study_uid: str  # "" for the report's own side, where it names none
    identifiers: tuple[Identifier, ...]
    birth_dates: tuple[str, ...]  # YYYYMMDD
    is_linked: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Both sides. Patient data: whoever shows it asks exchange.policy.may and writes down who looked."""

    report: Side
    studies: tuple[Side, ...]
    because: str


def case_of(connection: Connection[Any], report_id: int) -> Case | None:
    """Of one report; None where there is none."""
    asked = question_of(connection, report_id)
    if asked is None:
        return None
    named = asked.named
    return Case(
        Side(named.study_uid, tuple(sorted(named.patients)), _dates([named.birth_date])),
        tuple(
            Side(
                study.uid,
                tuple(sorted(frozenset().union(*(each.identifiers for each in study.whose)))),
                _dates([each.birth_date for each in study.whose]),
                study.person is not None,
            )
            for study in asked.studies
        ),
        asked.place.because,
    )


def _dates(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({each for each in found if each}))
