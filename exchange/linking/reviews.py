"""What people said of whose a study is: rows that stay, marked where they were undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from exchange.linking.link import Link
from storage.errors import AlreadyDecided, BadInput, NotHeld

#: Of a reason, a question or an answer.
LIMIT = 1000

_LINK = TypeAdapter(Link)


class Verb(Enum):
    """What somebody decided, or said."""

    LINK = "link"  # it is this person's
    REJECT = "reject"  # it is not
    CORRECT = "correct"  # it is this person's, and names somebody else: it is corrected
    ASK = "ask"  # its trust is asked
    ANSWER = "answer"  # and answers

    @property
    def is_of_the_link(self) -> bool:
        """Whether it changes the link, and not only adds words."""
        return self not in (Verb.ASK, Verb.ANSWER)


class NoSuchReview(NotHeld):
    """No decision by that number that can be undone."""

    def __init__(self, number: int) -> None:
        super().__init__(f"decision {number}, to be undone")


class NotTheLast(AlreadyDecided):
    """A later decision of the same study is in force."""

    def __init__(self, number: int, last: int) -> None:
        super().__init__(f"decision {last} of the same study came after {number}: undo that one first")


@dataclass(frozen=True, slots=True)
class Review:
    """One of them."""

    id: int
    study_id: int
    verb: Verb
    person_id: int | None
    because: str
    stood: Link | None  # how the link stood before
    together: int | None  # the first of those that are one decision; None: this is it
    ties: Any  # of a correction: how the study's order ties stood before (exchange.retying)
    at: datetime
    by: str
    trust: str
    undone_at: datetime | None
    undone_by: str | None
    undone_because: str | None

    @property
    def is_in_force(self) -> bool:
        """Whether nobody has undone it."""
        return self.undone_at is None

    @property
    def decision(self) -> int:
        """The number of all that were decided as one."""
        return self.together or self.id


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, and why."""

    name: str
    trust: str  # ODS code, "" for somebody of no one trust
    because: str


def said(text: str) -> str:
    """A reason, a question or an answer as it is kept. Raises BadInput."""
    words = text.strip()
    if not words:
        raise BadInput("say why")
    if len(words) > LIMIT:
        raise BadInput(f"no more than {LIMIT} characters")
    if any(ord(each) < 32 and each not in "\r\n\t" for each in words):
        raise BadInput("a control character in the text")
    return words


def write_review(
    connection: Connection[Any],
    study_id: int,
    verb: Verb,
    decider: Decider,
    person_id: int | None = None,
    stood: Link | None = None,
    *,
    together: int | None = None,
    ties: Jsonb | None = None,
) -> int:
    """Its number."""
    row = connection.execute(
        "insert into link_review (study_id, verb, person_id, because, stood, together, ties, decided_by,"
        " trust) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
        (
            study_id, verb.value, person_id, said(decider.because),
            Jsonb(_LINK.dump_python(stood, mode="json")) if stood else None, together, ties, decider.name,
            decider.trust,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    number: int = row[0]
    return number


_REVIEWS = """
    select v.id, v.study_id, v.verb, v.person_id, v.because, v.stood, v.together, v.ties, v.decided_at,
        v.decided_by, v.trust, v.undone_at, v.undone_by, v.undone_because
    from link_review v
"""


def reviews_of(connection: Connection[Any], study_id: int) -> Sequence[Review]:
    """Of one study, oldest first, what was undone too."""
    rows = connection.execute(f"{_REVIEWS} where v.study_id = %s order by v.id", (study_id,)).fetchall()
    return [_review(row) for row in rows]


def review(connection: Connection[Any], number: int) -> Review:
    """One of them. Raises NoSuchReview."""
    row = connection.execute(f"{_REVIEWS} where v.id = %s", (number,)).fetchone()
    if row is None:
        raise NoSuchReview(number)
    return _review(row)


def decided_together(connection: Connection[Any], of: Review) -> Sequence[tuple[str, Review]]:
    """All that one decision was made of, it too, each with its study's UID, in the order of those."""
    rows = connection.execute(
        f"{_REVIEWS} where v.id = %s or v.together = %s", (of.decision, of.decision)
    ).fetchall()
    found = {each.study_id: each for each in map(_review, rows)}
    uids = connection.execute("select uid, id from study where id = any(%s)", (list(found),)).fetchall()
    return [(uid, found[id]) for uid, id in sorted(uids)]


def rejected(reviews: Sequence[Review]) -> frozenset[int]:
    """Directory numbers of people whose the study is not."""
    return frozenset(
        each.person_id
        for each in reviews
        if each.verb is Verb.REJECT and each.is_in_force and each.person_id is not None
    )


def question(reviews: Sequence[Review]) -> Review | None:
    """What the trust was asked and has not answered."""
    last = next(
        (each for each in reversed(reviews) if each.is_in_force and not each.verb.is_of_the_link), None
    )
    return last if last is not None and last.verb is Verb.ASK else None


def last_of_the_link(reviews: Sequence[Review]) -> Review | None:
    """The decision that is in force, by which the link stands as it does."""
    return next((each for each in reversed(reviews) if each.is_in_force and each.verb.is_of_the_link), None)


def correction(reviews: Sequence[Review]) -> Review | None:
    """The one by which the study bears the details that it does, where a person corrected them."""
    return next((each for each in reversed(reviews) if each.is_in_force and each.verb is Verb.CORRECT), None)


def mark_undone(connection: Connection[Any], number: int, decider: Decider) -> None:
    """Raises NoSuchReview where it was undone before."""
    done = connection.execute(
        "update link_review set undone_at = now(), undone_by = %s, undone_because = %s"
        " where id = %s and undone_at is null",
        (decider.name, said(decider.because), number),
    )
    if not done.rowcount:
        raise NoSuchReview(number)


def _review(row: tuple[Any, ...]) -> Review:
    id, study_id, verb, person_id, because, stood, *rest = row
    link = _LINK.validate_python(stood) if stood is not None else None
    return Review(id, study_id, Verb(verb), person_id, because, link, *rest)
