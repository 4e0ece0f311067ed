"""Studies linked in the archive, as they come, and again whenever the directory hears something new."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from exchange.linking.case import case_of
from exchange.linking.corrected import preview
from exchange.linking.failing import failing
from exchange.linking.identities import identities_of
from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.linker import link_studies
from exchange.linking.links import keep_link, link_of, objection_to, studies_of
from exchange.linking.listing import counts
from exchange.linking.reconsidering import reconsider
from exchange.linking.reviewing import link_to
from exchange.linking.reviews import Decider
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sensitivity,
    Sex,
)
from exchange.people.statements import Merged, Statement
from exchange.people.telling import tell
from storage.changes import ChangeFeed, follow
from storage.correcting import NewCorrection, Reason, record, undo
from storage.files import FileObjects
from storage.purging import purge
from storage.stored import Resource
from storage.withdrawals import Withdrawals
from tests.storage.shelf import Shelf, origin

JANE = Demographics((PersonName("Smith", ("Jane", "Margaret")),), "19800305", Sex.FEMALE)
NUMBER, LOCAL = Identifier.nhs("9990000018"), Identifier("J1", "RBL")
_minutes = count(1)


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def send(shelf: Shelf, study: str = "1.2.1", number: int = 1, issuer: str = "RBL", **others: Any) -> None:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"{study}.1.{number}"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = study, f"{study}.1", "CT"
    made.PatientID, made.PatientName, made.PatientBirthDate = "J1", "SMITH^JANE", "19800305"
    made.PatientSex, made.StudyDate = "F", "20260301"
    for keyword, value in others.items():
        setattr(made, keyword, value)
    shelf.send(made, origin=replace(origin("RBL"), issuer=issuer))


def told(shelf: Shelf, statement: Statement) -> None:
    with shelf.pool.connection() as connection:
        minute = next(_minutes)
        tell(
            connection,
            statement,
            Said(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minute), str(minute)),
        )


def traced(local: Identifier = LOCAL, said: Demographics = JANE, nhs: Identifier = NUMBER) -> Record:
    return Record(local, said, nhs.value, NumberStatus.VERIFIED)


def settle(shelf: Shelf) -> None:
    """As the worker does."""
    follow(ChangeFeed(shelf.pool), "linking", partial(link_studies, shelf.pool))
    reconsider(shelf.pool)


def linked(shelf: Shelf, study: str = "1.2.1") -> str:
    """The NHS number it is linked to, else how it stands."""
    with shelf.pool.connection() as connection:
        link = link_of(connection, study)
        if link is None:
            return ""
        if link.decided.state is not LinkState.LINKED:
            return str(link.decided.state.value)
        rows = connection.execute(
            "select c.value from person_record r join person_record c on c.id = r.current_id where r.id = %s",
            (link.decided.person_id,),
        ).fetchall()
        return str(rows[0][0])


def heard(shelf: Shelf) -> Sequence[tuple[Any, ...]]:
    """What the outbox has, and no more of it."""
    rows = shelf.rows("select study_uid, because from outbox order by id")
    shelf.rows("delete from outbox returning id")
    return rows


def test_a_study_is_linked_as_it_comes_and_the_record_is_to_hear_of_it(shelf: Shelf) -> None:
    told(shelf, traced())
    settle(shelf)
    send(shelf)
    settle(shelf)

    assert linked(shelf) == NUMBER.value
    assert heard(shelf) == [("1.2.1", "linked")]
    with shelf.pool.connection() as connection:
        link, who = link_of(connection, "1.2.1"), person_known_as(connection, LOCAL)
        assert link is not None
        assert who is not None
        assert (link.by, link.is_by_hand, link.decided.person_id) == (LINKER, False, who.id)
        assert studies_of(connection, who.id) == ["1.2.1"]


def test_what_comes_to_a_linked_study_decides_nothing_anew(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf)
    settle(shelf)
    heard(shelf)
    send(shelf, number=2)
    settle(shelf)
    settle(shelf)

    assert heard(shelf) == [("1.2.1", "content")]
    assert shelf.rows("select count(*) from link_decision") == [(1,)]


@pytest.mark.parametrize("study_first", [True, False])
def test_whatever_comes_first_the_end_is_the_same(shelf: Shelf, study_first: bool) -> None:
    for step in (send, lambda shelf: told(shelf, traced()))[:: 1 if study_first else -1]:
        step(shelf)
        settle(shelf)

    assert linked(shelf) == NUMBER.value
    assert shelf.rows("select count(*) from link_due") == [(0,)]
    assert shelf.rows("select count(*) from person_record where not is_considered") == [(0,)]


def test_an_nhs_number_counts_by_its_issuer_in_other_patient_ids_too(shelf: Shelf) -> None:
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "999 000 0018", "2.16.840.1.113883.2.1.4.1"
    bare = Dataset()
    bare.PatientID = "9990000018"
    send(shelf, "1.2.1", PatientID="X1", OtherPatientIDsSequence=[other])
    send(shelf, "1.2.2", PatientID="X2", OtherPatientIDsSequence=[bare])
    send(shelf, "1.2.3", PatientID="9990000018")
    send(shelf, "1.2.4", PatientID="9990000018", IssuerOfPatientID="NHS")
    send(shelf, "1.2.5", PatientID="9990000018", issuer="NHS")  # its peer's entry says so
    settle(shelf)
    told(shelf, traced())
    settle(shelf)

    found = [linked(shelf, f"1.2.{number}") for number in (1, 2, 3, 4, 5)]
    assert found == [NUMBER.value, "ambiguous", "ambiguous", NUMBER.value, NUMBER.value]


def test_a_correction_moves_a_study_and_its_undoing_moves_it_back(shelf: Shelf) -> None:
    paul = replace(JANE, names=(PersonName("Brown", ("Paul",)),), birth_date="19500102", sex=Sex.MALE)
    other = Identifier("P1", "RBL"), Identifier.nhs("9990000026")
    told(shelf, traced())
    told(shelf, traced(other[0], paul, other[1]))
    send(shelf)
    settle(shelf)
    heard(shelf)

    attributes: dict[str, dict[str, Any]] = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "BROWN^PAUL"}]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
        "00100030": {"vr": "DA", "Value": ["19500102"]},
        "00100040": {"vr": "CS", "Value": ["M"]},
    }
    with shelf.pool.connection() as connection:
        number = record(connection, NewCorrection("1.2.1", attributes, Reason.CORRECT, "somebody"))
    settle(shelf)
    assert (linked(shelf), heard(shelf)) == ("9990000026", [("1.2.1", "linked")])
    with shelf.pool.connection() as connection:
        undo(connection, number, "somebody")
    settle(shelf)
    assert (linked(shelf), heard(shelf)) == (NUMBER.value, [("1.2.1", "linked")])
    because = shelf.rows("select because from link_decision order by id")
    assert because == [("",), ("the study was corrected",), ("the study was corrected",)]


def test_a_number_that_is_superseded_takes_its_studies_to_its_successor(shelf: Shelf) -> None:
    told(shelf, Record(NUMBER, JANE, NUMBER.value, NumberStatus.VERIFIED))
    send(shelf, PatientID=NUMBER.value, IssuerOfPatientID="NHS")
    settle(shelf)
    heard(shelf)
    successor = Identifier.nhs("9990000026")
    told(shelf, Record(successor, JANE, successor.value, NumberStatus.VERIFIED))
    told(shelf, Merged(NUMBER, successor))
    settle(shelf)

    assert (linked(shelf), heard(shelf)) == (successor.value, [("1.2.1", "linked")])


def test_a_number_that_is_verified_no_more_links_no_more(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf)
    settle(shelf)
    heard(shelf)
    told(shelf, replace(traced(), status=NumberStatus.TO_BE_RESOLVED))
    settle(shelf)

    assert (linked(shelf), heard(shelf)) == ("ambiguous", [("1.2.1", "unlinked")])
    [because] = shelf.rows("select because from link_decision order by id desc limit 1")
    assert because == ("the directory heard something new",)


def test_a_number_that_is_given_to_somebody_new_leaves_the_old_study_to_a_person(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf)
    settle(shelf)
    paul = replace(JANE, names=(PersonName("Brown", ("Paul",)),), birth_date="19500102", sex=Sex.MALE)
    told(shelf, traced(LOCAL, paul, Identifier.nhs("9990000026")))
    settle(shelf)

    assert linked(shelf) == "conflicting"


def test_details_of_whose_it_is_are_told_though_the_link_stays(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf)
    settle(shelf)
    heard(shelf)
    told(shelf, traced(said=replace(JANE, practice="N81010")))
    settle(shelf)

    assert (linked(shelf), heard(shelf)) == (NUMBER.value, [("1.2.1", "person")])


def test_a_twin_who_is_told_of_later_makes_an_initial_doubtful(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf, PatientName="SMITH^J")
    settle(shelf)
    assert linked(shelf) == NUMBER.value
    judith = replace(JANE, names=(PersonName("Smith", ("Judith",)),))
    told(shelf, traced(Identifier("J2", "RBL"), judith, Identifier.nhs("9990000026")))
    settle(shelf)

    assert linked(shelf) == "ambiguous"


def test_who_is_told_of_later_is_proposed(shelf: Shelf) -> None:
    send(shelf, PatientID="X1")
    settle(shelf)
    assert linked(shelf) == "unmatched"
    told(shelf, traced())
    settle(shelf)

    assert linked(shelf) == "ambiguous"
    told(shelf, traced(said=replace(JANE, birth_date="19111111", names=(PersonName("Grey", ("Ann",)),))))
    settle(shelf)
    assert linked(shelf) == "unmatched"


def test_what_a_person_decided_stays_and_they_hear_of_what_is_new(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf, PatientID="X1")
    settle(shelf)
    [(study_id, person_id)] = shelf.rows("select study_id, proposed[1] from study_link")
    with shelf.pool.connection() as connection:
        by_hand = Decided(LinkState.LINKED, person_id, ())
        keep_link(connection, study_id, by_hand, "somebody", "seen on paper", by_hand=True)
    heard(shelf)
    send(shelf, PatientID="X1", number=2)
    settle(shelf)
    assert heard(shelf) == [("1.2.1", "content")]
    with shelf.pool.connection() as connection:
        assert objection_to(connection, "1.2.1") is None

    paul = replace(JANE, names=(PersonName("Brown", ("Paul",)),), birth_date="19500102", sex=Sex.MALE)
    told(shelf, traced(Identifier("X1", "RBL"), paul, Identifier.nhs("9990000026")))
    settle(shelf)
    with shelf.pool.connection() as connection:
        found, link = objection_to(connection, "1.2.1"), link_of(connection, "1.2.1")
    assert link is not None
    assert (link.decided, link.by) == (by_hand, "somebody")
    assert found is not None
    assert found.decided.state is LinkState.CONFLICTING

    told(shelf, traced(Identifier("X1", "RBL")))
    settle(shelf)
    with shelf.pool.connection() as connection:
        assert objection_to(connection, "1.2.1") is None
        link = link_of(connection, "1.2.1")
    assert link is not None
    assert link.is_by_hand


def test_two_workers_at_once_come_to_the_same_end(shelf: Shelf) -> None:
    told(shelf, traced())
    for number in range(12):
        send(shelf, f"1.2.{number}")
    workers = [threading.Thread(target=settle, args=(shelf,)) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    assert {linked(shelf, f"1.2.{number}") for number in range(12)} == {NUMBER.value}
    assert shelf.rows("select count(*) from link_decision") == [(12,)]


def test_all_that_a_study_says_of_its_patient_is_read(shelf: Shelf) -> None:
    send(
        shelf, PatientName="SMITH^JANE=山田^花子", PatientAddress="1 High St, Liverpool L1 8JQ",
        SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    with shelf.pool.connection() as connection:
        [found] = identities_of(connection, "1.2.1")

    assert (found.name, found.postcode, found.sex) == ("SMITH^JANE=山田^花子", "L1 8JQ", "F")
    assert (found.identifiers, found.study_date, found.trust) == ((LOCAL,), "20260301", "RBL")


def test_a_study_that_is_purged_goes_with_its_link_and_its_decisions_stay(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf)
    settle(shelf)
    shelf.move()
    withdrawals = Withdrawals(shelf.pool, shelf.objects)
    asked = withdrawals.ask(Resource("1.2.1"), "the wrong patient", "ann")
    withdrawals.approve(asked.id, "bob")
    settle(shelf)
    shelf.rows("update withdrawal set keep_until = now() - interval '1 day' returning id")
    purge(shelf.objects, shelf.pool)

    assert shelf.rows("select count(*) from study") == [(0,)]
    assert shelf.rows("select count(*) from study_link") == [(0,)]
    assert shelf.rows("select count(*) from link_decision") == [(1,)]


def test_a_study_that_cannot_be_looked_at_holds_up_no_other(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        send(shelf, f"1.2.{number}")
    shelf.rows(
        "update identity set json = 'broken' where study_id = (select id from study where uid = '1.2.2')"
        " returning id"
    )
    settle(shelf)
    assert [linked(shelf, f"1.2.{number}") for number in (1, 2, 3)] == ["unmatched", "", "unmatched"]
    told(shelf, traced())
    settle(shelf)

    assert [linked(shelf, f"1.2.{number}") for number in (1, 2, 3)] == [NUMBER.value, "", NUMBER.value]
    with shelf.pool.connection() as connection:
        [waiting] = failing(connection, 10)
        assert (waiting.study_uid, waiting.state, waiting.fault) == ("1.2.2", "", "JSONDecodeError")
        assert waiting.again_at > waiting.since
        assert counts(connection)["failing"] == 1


def test_a_study_that_failed_is_tried_again_by_itself(shelf: Shelf) -> None:
    told(shelf, traced())
    send(shelf)
    settle(shelf)
    heard(shelf)
    [(was,)] = shelf.rows("select json from identity")
    shelf.rows("update identity set json = 'broken' returning id")
    send(shelf, number=2)
    settle(shelf)
    told(shelf, traced(said=replace(JANE, postcode="L1 8JQ")))
    settle(shelf)
    assert heard(shelf) == []
    assert shelf.rows("select tries, heard from link_due") == [(2, ["content", "person"])]
    settle(shelf)
    assert shelf.rows("select tries from link_due") == [(2,)], "not before its time"

    with shelf.pool.connection() as connection:
        connection.execute("update identity set json = %s", (was,))
    shelf.rows("update link_due set due_at = now() returning study_id")
    settle(shelf)

    assert linked(shelf) == NUMBER.value
    assert set(heard(shelf)) == {("1.2.1", "content"), ("1.2.1", "person")}, "what it missed meanwhile"
    assert shelf.rows("select count(*) from link_due") == [(0,)]


def test_where_somebody_lives_is_said_no_more_once_their_record_is_restricted(shelf: Shelf) -> None:
    at_home = replace(JANE, postcode="L1 8JQ")
    told(shelf, traced(said=at_home))
    send(shelf, PatientAddress="1 HIGH STREET LIVERPOOL L1 8JQ")
    settle(shelf)
    with shelf.pool.connection() as connection:
        jane = person_known_as(connection, LOCAL)
        assert jane is not None
        seen = case_of(connection, "1.2.1").seen
        link_to(connection, "1.2.1", jane.id, seen, Decider("mary", "RBL", "the ward confirmed it"))
        assert "L1 8JQ" in str(case_of(connection, "1.2.1").link)

    told(shelf, replace(traced(said=at_home), sensitivity=Sensitivity.RESTRICTED))
    settle(shelf)

    with shelf.pool.connection() as connection:
        case = case_of(connection, "1.2.1")
        assert "L1 8JQ" not in str((case.link, case.names, [each.facts for each in case.candidates]))
        shown = {each.tag: each.before for each in preview(connection, "1.2.1", jane.id).changes}
        assert shown["00101040"] == ("not shown, as the person's record is restricted",)


def test_a_twin_told_of_later_is_found_by_whom_the_study_is_linked_to(shelf: Shelf) -> None:
    jane, june = (replace(JANE, names=(PersonName("Smith-Jones", (each,)),)) for each in ("Jane", "June"))
    told(shelf, traced(said=jane))
    send(shelf, PatientName="SMITH^J")
    settle(shelf)
    assert linked(shelf) == NUMBER.value

    told(shelf, traced(Identifier("J7", "RBL"), june, Identifier.nhs("9990000026")))
    settle(shelf)

    assert linked(shelf) == "ambiguous"
