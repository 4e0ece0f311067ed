"""People decide whose a study is: link it, say whose it is not, ask its trust; and take back what was wrong.

A decision, its link and the row of the outbox are one transaction. A link that somebody decided is left as it
is by the linker.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.linking.beside import beside
from exchange.linking.link import Decided, Evidence, Link, LinkState
from exchange.linking.links import keep_link, link_of
from exchange.linking.reviews import (
    Decider,
    NotTheLast,
    Review,
    Verb,
    correction,
    last_of_the_link,
    mark_undone,
    question,
    rejected,
    review,
    reviews_of,
    write_review,
)
from exchange.people.directory import people, person
from exchange.telling.outbox import Because, note
from storage.correcting import locked_study
from storage.errors import AlreadyDecided, NotHeld


class DecidedMeanwhile(AlreadyDecided):
    """What somebody saw when they decided is not how it stands."""

    def __init__(self) -> None:
        super().__init__("the link changed since you looked: look at it again")


class NobodySuch(NotHeld):
    """Nobody in the directory by that number."""

    def __init__(self) -> None:
        super().__init__("a person by that number in the directory")


class LinkedToAnother(AlreadyDecided):
    """Whose it is not needs no saying."""

    def __init__(self) -> None:
        super().__init__("the study is linked to somebody else: say so of them")


class BearsTheirDetails(AlreadyDecided):
    """The study was corrected to somebody: a link elsewhere would leave their details in it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"it is corrected to somebody: undo decision {number}, or correct it to another")


class NoQuestion(AlreadyDecided):
    """There is nothing to be answered."""

    def __init__(self) -> None:
        super().__init__("nothing was asked that waits for an answer")


@dataclass(frozen=True, slots=True)
class Looked:
    """A study that somebody decides about, locked, and how it stood when they looked."""

    connection: Connection[Any]
    study_uid: str
    study_id: int
    link: Link | None
    reviews: tuple[Review, ...]

    @classmethod
    def at(cls, connection: Connection[Any], study_uid: str, seen: int | None = None) -> "Looked":
        """`seen` is what `seen_of` said then; None: it does not matter. Raises NotHeld, DecidedMeanwhile."""
        study_id = locked_study(connection, study_uid)
        if seen is not None and seen != seen_of(connection, study_id):
            raise DecidedMeanwhile
        reviews = tuple(reviews_of(connection, study_id))
        return cls(connection, study_uid, study_id, link_of(connection, study_uid), reviews)

    def keep(self, decided: Decided, by: Decider, *, by_hand: bool = True) -> None:
        """Put the link in force, and have the record hear of it."""
        keep_link(self.connection, self.study_id, decided, by.name, by.because, by_hand=by_hand)
        is_linked = decided.state is LinkState.LINKED
        note(self.connection, [self.study_uid], Because.LINKED if is_linked else Because.UNLINKED)


def seen_of(connection: Connection[Any], study_id: int) -> int:
    """Which decision over the link was the last: what somebody who decides has seen."""
    row = connection.execute(
        "select coalesce(max(id), 0) from link_decision where study_id = %s", (study_id,)
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def link_to(connection: Connection[Any], study_uid: str, person_id: int, seen: int, by: Decider) -> int:
    """It is this person's; the decision's number.

    Raises NotHeld, NobodySuch, DecidedMeanwhile and BearsTheirDetails.
    """
    looked = Looked.at(connection, study_uid, seen)
    facts = facts_about(looked, person_id)
    _require_no_correction_but_to(looked, person_id)
    number = write_review(connection, looked.study_id, Verb.LINK, by, person_id, looked.link)
    looked.keep(Decided(LinkState.LINKED, person_id, facts), by)
    return number


def reject(connection: Connection[Any], study_uid: str, person_id: int, seen: int, by: Decider) -> int:
    """It is not this person's, and nobody proposes it again. Raises what `link_to` does, and
    LinkedToAnother.
    """
    looked = Looked.at(connection, study_uid, seen)
    facts_about(looked, person_id)
    _require_no_correction_but_to(looked, None)
    stood = looked.link.decided if looked.link else Decided(LinkState.UNMATCHED, None, ())
    if stood.person_id is not None and not _are_one(connection, stood.person_id, person_id):
        raise LinkedToAnother
    number = write_review(connection, looked.study_id, Verb.REJECT, by, person_id, looked.link)
    gone = rejected(looked.reviews) | {person_id}
    left = tuple(each for each in stood.proposed if each not in gone)
    facts = facts_about(looked, left[0]) if left else ()
    state = LinkState.AMBIGUOUS if left else LinkState.UNMATCHED
    looked.keep(Decided(state, None, facts, left), by)
    return number


def ask(connection: Connection[Any], study_uid: str, by: Decider) -> int:
    """Its trust is asked, and it waits with them; the linker goes on looking. Raises NotHeld."""
    looked = Looked.at(connection, study_uid)
    return write_review(connection, looked.study_id, Verb.ASK, by)


def answer(connection: Connection[Any], study_uid: str, by: Decider) -> int:
    """Its trust says what it knows. Raises NotHeld and NoQuestion."""
    looked = Looked.at(connection, study_uid)
    if question(looked.reviews) is None:
        raise NoQuestion
    return write_review(connection, looked.study_id, Verb.ANSWER, by)


def undo(connection: Connection[Any], study_uid: str, number: int, by: Decider) -> Review:
    """A decision is taken back, and the link stands as it did before it. Raises NoSuchReview and NotTheLast.

    Of a correction, `exchange.linking.corrected.undo` gives the study its own details back first.
    """
    looked = Looked.at(connection, study_uid)
    found = review(connection, number)
    if found.study_id != looked.study_id:
        raise NotHeld(f"decision {number} of this study")
    mark_undone(connection, number, by)
    if not found.verb.is_of_the_link:
        return review(connection, number)
    last = last_of_the_link(looked.reviews)
    if last is not None and last.id != number:
        raise NotTheLast(number, last.id)
    before = found.stood
    decided = before.decided if before else Decided(LinkState.UNMATCHED, None, ())
    looked.keep(decided, by, by_hand=before is not None and before.is_by_hand)
    return review(connection, number)


def _require_no_correction_but_to(looked: Looked, person_id: int | None) -> None:
    """Raises BearsTheirDetails."""
    corrected = correction(looked.reviews)
    if corrected is not None and corrected.person_id != person_id:
        raise BearsTheirDetails(corrected.id)


def facts_about(looked: Looked, person_id: int) -> tuple[Evidence, ...]:
    """What agrees and what does not, of a study and somebody. Raises NobodySuch."""
    found = person(looked.connection, person_id)
    if found is None:
        raise NobodySuch
    return beside(looked.connection, looked.study_uid, found)


def _are_one(connection: Connection[Any], one: int, other: int) -> bool:
    """Whether two of the directory's numbers stand for one person now: it may have merged them since."""
    return len({each.id for each in people(connection, [one, other]).values()}) == 1
