"""Several studies of one patient are corrected by one decision, and each order tie goes along."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.linking.corrected import apply, preview, undo
from exchange.linking.links import link_of
from exchange.linking.reviewing import DecidedMeanwhile, link_to
from exchange.linking.reviews import Decider, NotTheLast
from exchange.linking.same_patient import AnotherPatient, others_of
from exchange.order import Patient
from exchange.people.directory import person_known_as
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Sex
from exchange.people.telling import tell
from exchange.ties import PostgresTies, consider
from storage.changes import ChangeFeed, follow
from storage.errors import NotHeld
from storage.files import FileObjects
from tests.exchange.people.test_directory import said
from tests.exchange.test_ties import place, send, settle, states
from tests.storage.shelf import Shelf

MARY = Decider("mary", "RBL", "the ward says that it was Eve")
DAN, EVE = "9990000042", "9990000050"
CHEST, HAND, LATER = "1.2.1", "1.2.2", "1.2.3"


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    """Dan's and Eve's numbers are known at RBL; three studies bear Dan's."""
    shelf = Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))
    with pool.connection() as connection:
        for number, family, local, born in (
            (DAN, "Dodd", "123", "19500102"),
            (EVE, "Eccles", "444", "19810812"),
        ):
            of = Demographics((PersonName(family, ("Sam",)),), born, Sex.FEMALE)
            for identifier in (Identifier.nhs(number), Identifier(local, "RBL")):
                tell(connection, Record(identifier, of, number, NumberStatus.VERIFIED), said())
    return shelf


def known(connection: Connection[Any], number: str) -> int:
    found = person_known_as(connection, Identifier.nhs(number))
    assert found is not None
    return found.id


def named(shelf: Shelf) -> list[tuple[Any, ...]]:
    """What searches match, of every study."""
    return shelf.rows(
        "select s.uid, p.identifier, i.patient_name, i.birth_date, s.accession, s.accession_issuer,"
        " s.description, s.referring from study s join identity i on i.study_id = s.id"
        " join patient p on p.id = i.patient_id order by s.uid"
    )


def in_force(shelf: Shelf) -> list[tuple[Any, ...]]:
    """What is applied on every way out: the same rows, the same bytes."""
    return shelf.rows(
        "select id, study_id, attributes, reason, made_at, made_by from correction where undone_at is null"
        " order by id"
    )


def ties(shelf: Shelf) -> list[tuple[Any, ...]]:
    return shelf.rows(
        "select order_id, study_uid, state, because, correction_id, decided_at, decided_by from order_tie"
        " order by study_uid, order_id"
    )


def correct(shelf: Shelf, *uids: str, to: str = EVE) -> int:
    with shelf.pool.connection() as connection:
        person, (first, *also) = known(connection, to), uids
        token = preview(connection, first, person, also=also).token
        return apply(connection, first, person, token, MARY, also=also)


def take_back(shelf: Shelf, uid: str, number: int) -> None:
    with shelf.pool.connection() as connection:
        undo(connection, uid, number, MARY)


def test_studies_of_one_visit_are_corrected_together_and_undone_together(shelf: Shelf) -> None:
    for uid, accession in ((CHEST, "A1"), (HAND, "A1"), (LATER, "A2")):
        send(shelf, uid, AccessionNumber=accession)
    before, applied = named(shelf), in_force(shelf)
    with shelf.pool.connection() as connection:
        found = others_of(connection, CHEST)
        assert [(each.study_uid, each.is_same_visit) for each in found] == [(HAND, True), (LATER, False)]
        assert {each.names for each in found} == {("Smith^Jo",)}
        assert others_of(connection, CHEST, "REM") == []
        eve = known(connection, EVE)
        shown = preview(connection, CHEST, eve, also=[HAND])
        assert [each.study.uid for each in shown.all] == [CHEST, HAND]
        assert shown.token != preview(connection, CHEST, eve).token
        with pytest.raises(DecidedMeanwhile):
            apply(connection, CHEST, eve, shown.token, MARY)
    assert (named(shelf), in_force(shelf)) == (before, applied)  # whoever looks changes nothing

    number = correct(shelf, CHEST, HAND)

    assert [row[1] for row in named(shelf)] == ["444", "444", "123"]
    with shelf.pool.connection() as connection:
        for uid in (CHEST, HAND):
            link = link_of(connection, uid)
            assert link is not None
            assert link.decided.person_id == eve
        assert others_of(connection, LATER) == []

    take_back(shelf, HAND, _review(shelf, HAND))

    assert (named(shelf), in_force(shelf)) == (before, applied)
    assert shelf.rows("select distinct undone_by from link_review") == [("mary",)]
    with pytest.raises(NotHeld):
        take_back(shelf, CHEST, number)


def test_studies_of_different_patients_or_trusts_are_not_one_decision(shelf: Shelf) -> None:
    send(shelf, CHEST)
    send(shelf, HAND, PatientID="999")
    with shelf.pool.connection() as connection:
        eve = known(connection, EVE)
        with pytest.raises(AnotherPatient):
            preview(connection, CHEST, eve, also=[HAND])
        with pytest.raises(NotHeld):
            preview(connection, CHEST, eve, "REM")
        with pytest.raises(NotHeld):
            preview(connection, CHEST, eve, also=["1.2.99"])


def test_one_of_them_that_was_decided_of_since_keeps_all_from_being_undone(shelf: Shelf) -> None:
    send(shelf, CHEST)
    send(shelf, HAND)
    number = correct(shelf, CHEST, HAND)
    with shelf.pool.connection() as connection:
        eve, seen = known(connection, EVE), shelf.one("select max(id) from link_decision")
        link_to(connection, HAND, eve, seen, MARY)
    corrected = named(shelf)

    with pytest.raises(NotTheLast):
        take_back(shelf, CHEST, number)

    assert named(shelf) == corrected


def test_a_tie_to_the_order_of_somebody_else_is_let_go_and_comes_back(shelf: Shelf) -> None:
    place(shelf, number="F1")
    send(shelf, CHEST, AccessionNumber="")
    settle(shelf)
    assert states(shelf) == [("RBL", CHEST, "tied")]
    before = (named(shelf), in_force(shelf), ties(shelf))
    with shelf.pool.connection() as connection:
        shown = preview(connection, CHEST, known(connection, EVE))
        assert shown.answered is not None
        assert (shown.answered.number, shown.answers) == ("F1", None)
        said = {each.name: (each.before, each.after) for each in shown.changes}
        assert said["Accession Number"] == (("A1",), "")

    number = correct(shelf, CHEST)

    assert states(shelf) == [("RBL", CHEST, "untied")]
    settle(shelf)
    assert states(shelf) == [("RBL", CHEST, "untied")]

    take_back(shelf, CHEST, number)

    assert (named(shelf), in_force(shelf), ties(shelf)) == before


def test_a_tie_goes_to_the_order_that_fits_now_and_back(shelf: Shelf) -> None:
    place(shelf, number="F1", study_uid="1.2.77")
    place(
        shelf,
        number="F2",
        study_uid=CHEST,
        accession="B2",
        patient=Patient(identifier="444", birth_date="19810812"),
    )
    send(shelf, CHEST, AccessionNumber="")
    settle(shelf)
    assert states(shelf) == [("RBL", CHEST, "doubt")]
    before = (named(shelf), in_force(shelf), ties(shelf))
    with shelf.pool.connection() as connection:
        shown = preview(connection, CHEST, known(connection, EVE))
        assert shown.answers is not None
        assert (shown.answered, shown.answers.number) == (None, "F2")

    number = correct(shelf, CHEST)

    assert states(shelf) == [("RBL", CHEST, "tied")]
    assert named(shelf)[0][4] == "B2"
    follow(ChangeFeed(shelf.pool), "orders", partial(consider, shelf.pool))

    take_back(shelf, CHEST, number)

    assert (named(shelf), in_force(shelf), ties(shelf)) == before


def test_what_the_follower_tied_since_is_let_go_again_with_the_correction(shelf: Shelf) -> None:
    send(shelf, CHEST, AccessionNumber="")
    number = correct(shelf, CHEST)
    place(shelf, number="F2", patient=Patient(identifier="444", birth_date="19810812"))
    settle(shelf)
    assert states(shelf) == [("RBL", CHEST, "tied")]

    take_back(shelf, CHEST, number)
    settle(shelf)

    assert states(shelf) == [("RBL", CHEST, "doubt")]


def test_what_a_person_decided_of_the_order_since_stands(shelf: Shelf) -> None:
    place(shelf, number="F1")
    send(shelf, CHEST)
    settle(shelf)
    number = correct(shelf, CHEST)
    place(shelf, number="F2", study_uid="1.2.78", patient=Patient(identifier="777", birth_date="19810812"))
    settle(shelf)
    (doubt,) = PostgresTies(shelf.pool).in_doubt()
    PostgresTies(shelf.pool).tie(doubt.id, "mary")

    take_back(shelf, CHEST, number)

    assert states(shelf) == [("RBL", CHEST, "untied"), ("RBL", CHEST, "tied")]


def test_a_tie_to_their_own_order_stays(shelf: Shelf) -> None:
    place(shelf, number="F1", patient=Patient(identifier="123", birth_date="19500102"))
    send(shelf, CHEST, PatientName="Smyth^Joe")
    settle(shelf)
    before = ties(shelf)

    correct(shelf, CHEST, to=DAN)

    assert ties(shelf) == before


def test_a_number_that_the_directory_does_not_know_is_theirs_by_the_nhs_number_beside_it(
    shelf: Shelf,
) -> None:
    for number, nhs, uid in (("F1", DAN, CHEST), ("F2", EVE, HAND)):
        patient = Patient(identifier="X7", birth_date="19500102", nhs_number=nhs)
        place(shelf, number=number, study_uid=uid, accession=number, patient=patient)
        send(shelf, uid, PatientID="X7", AccessionNumber="")
    settle(shelf)

    correct(shelf, CHEST, HAND, to=DAN)

    assert states(shelf) == [("RBL", CHEST, "tied"), ("RBL", HAND, "untied")]


def _review(shelf: Shelf, uid: str) -> int:
    return int(
        shelf.one(
            "select max(v.id) from link_review v join study s on s.id = v.study_id where s.uid = %s", uid
        )
    )
