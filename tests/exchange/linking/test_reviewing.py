"""People decide whose a study is, and take it back."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.linking.case import case_of
from exchange.linking.link import LINKER, Decided, LinkState, Verdict
from exchange.linking.links import keep_link, link_of
from exchange.linking.reviewing import (
    DecidedMeanwhile,
    LinkedToAnother,
    NobodySuch,
    NoQuestion,
    answer,
    ask,
    link_to,
    reject,
    undo,
)
from exchange.linking.reviews import Decider, NoSuchReview, NotTheLast, Verb
from exchange.linking.worklist import counted, waiting
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Sex,
)
from exchange.people.statements import Merged
from exchange.people.telling import tell
from storage.errors import BadInput, NotHeld
from storage.files import FileObjects
from tests.exchange.people.test_directory import said
from tests.exchange.record.test_reading import send
from tests.storage.shelf import Shelf

MARY = Decider("mary", "RBL", "the ward confirmed it by telephone")
RUTH, TWIN = "9990000018", "9990000026"


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def known(connection: Connection[Any], number: str, given: str, local: str = "") -> int:
    """Somebody in the directory; their number there."""
    of = Demographics((PersonName("O'Neill", (given,)),), "19710304", Sex.FEMALE)
    told = Record(Identifier.nhs(number), of, number, NumberStatus.VERIFIED)
    tell(connection, told, said())
    if local:
        tell(connection, Record(Identifier(local, "RBL"), of, number, NumberStatus.VERIFIED), said())
    found = person_known_as(connection, Identifier.nhs(number))
    assert found is not None
    return found.id


def in_doubt(connection: Connection[Any], *proposed: int, study: str = "1.2.1") -> None:
    row = connection.execute("select id from study where uid = %s", (study,)).fetchone()
    assert row is not None
    state = LinkState.AMBIGUOUS if proposed else LinkState.UNMATCHED
    keep_link(connection, row[0], Decided(state, None, (), proposed), LINKER, by_hand=False)


def test_a_study_in_doubt_waits_and_is_linked_by_a_person(shelf: Shelf) -> None:
    send(shelf)
    with shelf.pool.connection() as connection:
        ruth, twin = known(connection, RUTH, "Ruth", "123456"), known(connection, TWIN, "Rose")
        in_doubt(connection, twin, ruth)
        (one,) = waiting(connection)
        assert (one.study.uid, one.state, one.proposed, one.question) == (
            "1.2.1",
            LinkState.AMBIGUOUS,
            2,
            None,
        )
        assert counted(connection) == {LinkState.AMBIGUOUS: 1}
        case = case_of(connection, "1.2.1")
        assert [each.person.id for each in case.candidates] == [twin, ruth]
        facts = {each.fact: each.verdict for each in case.candidates[1].facts}
        assert facts["number of RBL"] is facts["given name"] is facts["birth date"] is Verdict.AGREES
        assert {each.fact: each.verdict for each in case.candidates[0].facts}[
            "given name"
        ] is Verdict.DISAGREES

        number = link_to(connection, "1.2.1", ruth, case.seen, MARY)

        assert waiting(connection) == []
        link = link_of(connection, "1.2.1")
        assert link is not None
        assert (link.decided.state, link.decided.person_id, link.by) == (LinkState.LINKED, ruth, "mary")
        assert link.is_by_hand
        with pytest.raises(DecidedMeanwhile):
            link_to(connection, "1.2.1", twin, case.seen, MARY)

        undo(connection, "1.2.1", number, MARY)

        link = link_of(connection, "1.2.1")
        assert link is not None
        assert (link.decided, link.is_by_hand) == (
            Decided(LinkState.AMBIGUOUS, None, (), (twin, ruth)),
            False,
        )
        (review,) = case_of(connection, "1.2.1").reviews
        assert (review.verb, review.because, review.undone_by) == (Verb.LINK, MARY.because, "mary")
        with pytest.raises(NoSuchReview):
            undo(connection, "1.2.1", number, MARY)
    assert shelf.rows("select because from outbox order by id") == [("linked",), ("unlinked",)]
    assert shelf.rows("select decided_by, because from link_decision order by id")[1:] == [
        ("mary", MARY.because), ("mary", MARY.because)
    ]  # fmt: skip


def test_whose_it_is_not_is_proposed_no_more_until_that_is_undone(shelf: Shelf) -> None:
    send(shelf)
    with shelf.pool.connection() as connection:
        ruth, twin = known(connection, RUTH, "Ruth"), known(connection, TWIN, "Rose")
        in_doubt(connection, twin, ruth)

        first = reject(connection, "1.2.1", twin, case_of(connection, "1.2.1").seen, MARY)
        case = case_of(connection, "1.2.1")
        assert (case.state, [each.is_rejected for each in case.candidates]) == (
            LinkState.AMBIGUOUS,
            [False, True],
        )
        reject(connection, "1.2.1", ruth, case.seen, MARY)
        assert case_of(connection, "1.2.1").state is LinkState.UNMATCHED
        with pytest.raises(NotTheLast):
            undo(connection, "1.2.1", first, MARY)


def test_whose_number_was_superseded_since_can_still_be_said_not_to_be_it(shelf: Shelf) -> None:
    send(shelf)
    with shelf.pool.connection() as connection:
        ruth = known(connection, RUTH, "Ruth")
        in_doubt(connection, ruth)
        link_to(connection, "1.2.1", ruth, case_of(connection, "1.2.1").seen, MARY)
        tell(connection, Merged(Identifier.nhs(RUTH), Identifier.nhs(TWIN)), said())
        (now,) = (each.person for each in case_of(connection, "1.2.1").candidates if each.is_linked)
        assert now.id != ruth

        reject(connection, "1.2.1", now.id, case_of(connection, "1.2.1").seen, MARY)

        link = link_of(connection, "1.2.1")
        assert link is not None
        assert link.decided.state is LinkState.UNMATCHED


def test_a_rejected_study_undone_stays_as_it_was(shelf: Shelf) -> None:
    send(shelf)
    with shelf.pool.connection() as connection:
        ruth, twin = known(connection, RUTH, "Ruth"), known(connection, TWIN, "Rose")
        in_doubt(connection, twin, ruth)
        linked = link_to(connection, "1.2.1", ruth, case_of(connection, "1.2.1").seen, MARY)
        seen = case_of(connection, "1.2.1").seen
        with pytest.raises(LinkedToAnother):
            reject(connection, "1.2.1", twin, seen, MARY)
        not_hers = reject(connection, "1.2.1", ruth, seen, MARY)
        assert case_of(connection, "1.2.1").state is LinkState.UNMATCHED

        undo(connection, "1.2.1", not_hers, MARY)
        assert case_of(connection, "1.2.1").state is LinkState.LINKED
        undo(connection, "1.2.1", linked, MARY)

        link = link_of(connection, "1.2.1")
        assert link is not None
        assert (link.decided.state, link.is_by_hand) == (LinkState.AMBIGUOUS, False)


def test_a_question_waits_with_the_trust_and_changes_no_link(shelf: Shelf) -> None:
    send(shelf)
    with shelf.pool.connection() as connection:
        in_doubt(connection)
        with pytest.raises(NoQuestion):
            answer(connection, "1.2.1", MARY)
        with pytest.raises(BadInput):
            ask(connection, "1.2.1", Decider("mary", "", " "))
        asked = ask(connection, "1.2.1", Decider("mary", "", "whose wristband was it?"))
        (one,) = waiting(connection, "RBL")
        assert one.question is not None
        assert (one.question.id, one.question.because) == (asked, "whose wristband was it?")
        answer(connection, "1.2.1", Decider("ward clerk", "RBL", "Mrs O'Neill's"))
        assert waiting(connection)[0].question is None
        link = link_of(connection, "1.2.1")
    assert link is not None
    assert not link.is_by_hand


def test_one_trust_sees_its_own(shelf: Shelf) -> None:
    send(shelf)
    with shelf.pool.connection() as connection:
        in_doubt(connection)
        assert waiting(connection, "REM") == []
        assert counted(connection, "REM") == {}
        for trust in ("REM", "XXX"):
            with pytest.raises(NotHeld):
                case_of(connection, "1.2.1", trust)
        assert case_of(connection, "1.2.1", "RBL").study.uid == "1.2.1"
        with pytest.raises(NobodySuch):
            link_to(connection, "1.2.1", 999, case_of(connection, "1.2.1").seen, MARY)
