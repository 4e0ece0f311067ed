"""Where people decide whose studies are, each question and decision one transaction.

Somebody of one trust sees and decides of that trust's studies: of others there is nothing to be seen.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.custody import is_of_trust
from exchange.linking import copies, corrected, reviewing
from exchange.linking.case import Case, case_of
from exchange.linking.copies import StillWrong, ToldCopy
from exchange.linking.link import LinkState
from exchange.linking.preview import Preview
from exchange.linking.reviewing import NobodySuch
from exchange.linking.reviews import Decider, Review, said
from exchange.linking.same_patient import Other, others_of
from exchange.linking.worklist import Waiting, counted, waiting
from exchange.people.directory import person_known_as, person_with_uid
from exchange.people.person import Identifier, Person
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


@dataclass(frozen=True, slots=True)
class Worklist:
    """A page of what waits, and how much there is."""

    rows: Sequence[Waiting]
    counts: dict[LinkState, int]
    wrong: int  # copies elsewhere that bear other names


@dataclass(frozen=True, slots=True)
class LinkDesk:
    """Raises IndexUnavailable, NotHeld for what is another trust's, and what each decision raises."""

    pool: ConnectionPool

    def worklist(
        self, trust: str | None, state: LinkState | None = None, after: int = 0, limit: int = 100
    ) -> Worklist:
        """What waits, the oldest study first."""
        with self._connection() as connection:
            rows = waiting(connection, trust, state, after, limit)
            return Worklist(rows, dict(counted(connection, trust)), copies.count_wrong(connection, trust))

    def next_waiting(self, trust: str | None, after: int) -> str | None:
        """The study that waits next after one, by its number; from the oldest again after the last."""
        with self._connection() as connection:
            for start in (after, 0):
                for each in waiting(connection, trust, None, start, 1):
                    return None if each.number == after else each.study.uid
        return None

    def case(self, study_uid: str, trust: str | None, also: UUID | None = None) -> Case:
        """One study, and people whose it may be; `also` is somebody whom nobody proposed."""
        with self._connection() as connection:
            others = [_known(connection, also).id] if also else []
            return case_of(connection, study_uid, trust, others)

    def known_as(self, identifier: Identifier) -> Person:
        """Somebody by a number and who gave it out. Raises NobodySuch."""
        with self._connection() as connection:
            found = person_known_as(connection, identifier)
        if found is None:
            raise NobodySuch
        return found

    def link(self, study_uid: str, whose: UUID, seen: int, by: Decider) -> int:
        """It is this person's; the decision's number."""
        with self._deciding(study_uid, by) as connection:
            return reviewing.link_to(connection, study_uid, _known(connection, whose).id, seen, by)

    def reject(self, study_uid: str, whose: UUID, seen: int, by: Decider) -> int:
        """It is not."""
        with self._deciding(study_uid, by) as connection:
            return reviewing.reject(connection, study_uid, _known(connection, whose).id, seen, by)

    def ask(self, study_uid: str, by: Decider) -> int:
        """Its trust is asked."""
        with self._deciding(study_uid, by) as connection:
            return reviewing.ask(connection, study_uid, by)

    def answer(self, study_uid: str, by: Decider) -> int:
        """And answers."""
        with self._deciding(study_uid, by) as connection:
            return reviewing.answer(connection, study_uid, by)

    def others(self, study_uid: str, trust: str | None) -> Sequence[Other]:
        """Studies that may be corrected together with this one."""
        with self._connection() as connection:
            return others_of(connection, study_uid, trust)

    def preview(self, study_uid: str, whose: UUID, trust: str | None, also: Sequence[str] = ()) -> Preview:
        """What a correction would do; of `also` too."""
        with self._connection() as connection:
            return corrected.preview(connection, study_uid, _known(connection, whose).id, trust, also)

    def correct(self, study_uid: str, whose: UUID, token: str, by: Decider, also: Sequence[str] = ()) -> int:
        """Put it in force, as it was previewed."""
        with self._deciding(study_uid, by) as connection:
            to = _known(connection, whose).id
            return corrected.apply(connection, study_uid, to, token, by, by.trust or None, also)

    def undo(self, study_uid: str, number: int, by: Decider) -> Review:
        """Take a decision back."""
        with self._deciding(study_uid, by) as connection:
            return corrected.undo(connection, study_uid, number, by)

    def still_wrong(self, trust: str | None) -> Sequence[StillWrong]:
        """Copies elsewhere that bear other names than their studies do here."""
        with self._connection() as connection:
            return copies.still_wrong(connection, trust)

    def told(self, trust: str | None) -> Sequence[ToldCopy]:
        """Copies that are right again."""
        with self._connection() as connection:
            return copies.told(connection, trust)

    def send_again(self, study_uid: str, destination: str, by: Decider) -> None:
        """Have a copy sent again, whatever its destination's entry says."""
        with self._deciding(study_uid, by) as connection:
            copies.want_again(connection, study_uid, destination, by.name)

    def settle(self, study_uid: str, destination: str, by: Decider) -> None:
        """Somebody saw to it there that the copy is right, or gone."""
        with self._deciding(study_uid, by) as connection:
            copies.settle(connection, study_uid, destination, by.name, by.because)

    @contextmanager
    def _connection(self) -> Iterator[Connection[Any]]:
        with mapped_errors(), self.pool.connection() as connection:
            yield connection

    @contextmanager
    def _deciding(self, study_uid: str, by: Decider) -> Iterator[Connection[Any]]:
        """Raises NotHeld, and BadInput where no reason is given."""
        said(by.because)
        with self._connection() as connection:
            if not is_of_trust(connection, study_uid, by.trust or None):
                raise NotHeld(f"study {study_uid}")
            yield connection


def _known(connection: Connection[Any], uid: UUID) -> Person:
    found = person_with_uid(connection, uid)
    if found is None:
        raise NobodySuch
    return found
