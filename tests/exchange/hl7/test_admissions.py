"""Who people are, out of ADT messages."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from psycopg_pool import ConnectionPool

from exchange.hl7.admissions import EVENTS, said_of, statements_of
from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.errors import BadField
from exchange.hl7.feeds import BadPlace, Feed, Place
from exchange.hl7.message import read_message
from exchange.hl7.namespace import Namespace
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Sensitivity,
    Sex,
)
from exchange.people.statements import Linked, Merged, Statement, Unlinked
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.exchange.hl7.material import adt, answer_of, pid_of
from tests.ologies.material import sample

WIRRAL = Namespace("RBL", "RBL", frozenset({"WUTH"}))
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NUMBER = Identifier("123456", "RBL")
ADDRESS = "10.1.2.3"


def said(raw: bytes, namespace: Namespace = WIRRAL) -> list[Statement]:
    """What a message says."""
    return list(statements_of(read_message(raw), namespace, NOW)[0])


def record(raw: bytes, namespace: Namespace = WIRRAL) -> Record:
    """The one record that it tells of."""
    (found,) = said(raw, namespace)
    assert isinstance(found, Record)
    return found


def test_a_pid_says_who_somebody_is() -> None:
    pid = pid_of(
        "123456^^^WUTH^MR~999 000 0018^^^NHS^NH",
        {
            5: "O'Neil^Zoë^Ann Mary^^Ms^^L~Byrne^Zoë^^^^^M", 7: "19500102", 8: "F",
            11: "1 High St^^Birkenhead^Merseyside^CH41 1AA", 24: "Y", 25: "2", 32: "NSTS01",
        },
    )  # fmt: skip
    assert record(adt(pid=pid, more=("PD1|||^^N85001",))) == Record(
        NUMBER,
        Demographics(
            (
                PersonName("O'Neil", ("Zoë", "Ann", "Mary"), "Ms"),
                PersonName("Byrne", ("Zoë",), use="maiden"),
            ),
            "19500102",
            Sex.FEMALE,
            ("1 High St", "Birkenhead", "Merseyside"),
            "CH41 1AA",
            "N85001",
            birth_order=2,
        ),
        "9990000018",
        NumberStatus.VERIFIED,
        None,
    )


@pytest.mark.parametrize(
    "addresses", ["~2 Low St^^^^^^H", "1 Inn Rd^^^^^^C~2 Low St^^^^^^H", "2 Low St~1 Inn Rd"]
)
def test_somebody_lives_at_home(addresses: str) -> None:
    assert record(adt(pid=pid_of("123456", {11: addresses}))).demographics.address == ("2 Low St",)


def test_of_the_dead_it_says_when_or_only_that() -> None:
    def told(when: str, is_dead: str) -> Demographics:
        fields = {5: "Neil", 7: "195001", 29: when, 30: is_dead}
        return record(adt(pid=pid_of("123456", fields))).demographics

    died = told("202602031005", "Y")
    assert (died.birth_date, died.died, died.is_dead) == ("195001", "20260203", True)
    dead = told("", "Y")
    assert (dead.died, dead.is_dead) == ("", True)
    assert not told("", "N").is_dead


@pytest.mark.parametrize(
    ("multiple", "order", "found"),
    [
        ("Y", "2", 2),
        ("Y", "1", 1),
        ("Y", "", 0),
        ("Y", "9", 0),
        ("", "2", 2),
        ("", "1", None),
        ("N", "", None),
    ],
)
def test_of_a_multiple_birth_it_says_the_order(multiple: str, order: str, found: int | None) -> None:
    pid = pid_of("123456", {24: multiple, 25: order})
    assert record(adt(pid=pid)).demographics.birth_order == found


@pytest.mark.parametrize(
    ("number_field", "pid32", "feed", "status"),
    [
        ("9990000018^^^NHS^NH", "NSTS01", Feed(), NumberStatus.VERIFIED),
        ("9990000018^^^NHS^NH", "01", Feed(), NumberStatus.VERIFIED),
        ("9990000018^^^NHS^NH", "UD~4", Feed(), NumberStatus.NO_MATCH),
        ("9990000018^^^NHS^NH", "", Feed(), NumberStatus.NOT_TRACED),
        ("9990000018^^^NHS^NH", "verified", Feed(), NumberStatus.NOT_TRACED),
        ("9990000018^^^NHS^NH", "", Feed(status=NumberStatus.VERIFIED), NumberStatus.VERIFIED),
        ("9990000018^^^NHS^NH", "02", Feed(status=NumberStatus.VERIFIED), NumberStatus.NOT_TRACED),
        ("9990000018^^^NHS^NH{status:01}", "02", Feed(Place("PID", 3, 5)), NumberStatus.VERIFIED),
        ("9990000018^^^NHS^NH", "01", Feed(Place.parse("ZU1-2")), NumberStatus.NOT_TRACED),
    ],
)
def test_the_status_is_where_the_senders_entry_says(
    number_field: str, pid32: str, feed: Feed, status: NumberStatus
) -> None:
    pid = pid_of(f"123456^^^RBL~{number_field}", {32: pid32})
    assert record(adt(pid=pid), replace(WIRRAL, feed=feed)).status is status


@pytest.mark.parametrize(
    ("more", "sensitivity"),
    [
        ((), None),
        (("PD1||||||||||||Y",), Sensitivity.RESTRICTED),
        (("PD1||||||||||||N",), Sensitivity.NORMAL),
        (('PD1||||||||||||""',), Sensitivity.NORMAL),
        (("PD1||||||||||||V",), Sensitivity.VERY_RESTRICTED),
        (("PD1||||||||||||what",), Sensitivity.RESTRICTED),
    ],
)
def test_who_may_know_is_said_in_pd1_or_not_at_all(
    more: tuple[str, ...], sensitivity: Sensitivity | None
) -> None:
    assert record(adt(more=more)).sensitivity is sensitivity


@pytest.mark.parametrize("text", ["PID32", "pid-0", "PID-3.5.1", ""])
def test_a_place_is_written_as_hl7_writes_it(text: str) -> None:
    with pytest.raises(BadPlace):
        Place.parse(text)
    assert str(Place.parse("pid-3.5")) == "PID-3.5"


def test_numbers_of_others_are_not_the_senders_to_tell_of() -> None:
    pid = "PID|||77^^^REM^MR~123456^^^RBL^MR~A1^^^RBL^AN~88^^^RBL||Neil"
    assert [each.identifier for each in said(adt(pid=pid)) if isinstance(each, Record)] == [
        NUMBER,
        Identifier("88", "RBL"),
    ]


def test_merges_links_and_changes_say_that_alone() -> None:
    survivor = "PID|||2^^^RBL||Neil"
    assert said(adt("A40", pid=survivor, more=("MRG|1^^^RBL~9990000018^^^NHS^NH",))) == [
        Merged(Identifier("1", "RBL"), Identifier("2", "RBL"))
    ]
    several = ("MRG|1^^^WUTH", "PID|||4^^^RBL", "MRG|3~5")
    assert said(adt("A40", pid=survivor, more=several)) == [
        Merged(Identifier("1", "RBL"), Identifier("2", "RBL")),
        Merged(Identifier("3", "RBL"), Identifier("4", "RBL")),
        Merged(Identifier("5", "RBL"), Identifier("4", "RBL")),
    ]
    assert said(adt("A47", pid=survivor, more=("MRG|1",))) == [
        Merged(Identifier("1", "RBL"), Identifier("2", "RBL"))
    ]
    one, other = Identifier("2", "RBL"), Identifier("3", "RBL")
    assert said(adt("A24", pid=survivor, more=("PID|||3",))) == [Linked(one, other)]
    assert said(adt("A37", pid=survivor, more=("PID|||3",))) == [Unlinked(one, other)]


def test_it_was_said_when_it_was_recorded() -> None:
    def at(*segments: str, control_id: str = "7") -> tuple[str, str]:
        found = said_of(read_message(adt(evn=segments[0], control_id=control_id)), NOW)
        return f"{found.at.astimezone(UTC):%H%M%S}", found.by

    assert at("EVN||20260302080000+0000||||20260301")[0] == "080000"
    assert at("EVN||20260302")[0] == at("EVN|")[0] == at("EVN||")[0] != "000000"
    assert at("EVN|", control_id="9")[1] < at("EVN|", control_id="10")[1]
    assert at("EVN|", control_id="A9")[1] == "A9"


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (adt(pid="PID|||"), "PID-3"),
        (adt(pid="PID|||77^^^REM"), "PID-3"),
        (adt(pid=f"PID|||{'9' * 65}"), "PID-3"),
        (adt(pid="PID|||123456||Neil||19501399"), "PID-7"),
        (adt(pid="PID|||123456||Neil||2 Jan 1950"), "PID-7"),
        (adt(pid=f"PID|||123456||{'N' * 251}"), "PID-5"),
        (adt(pid=pid_of("123456", {5: "Neil", 29: "x"})), "PID-29"),
        (adt(evn="EVN||tomorrow morning"), "EVN-2"),
        (adt(evn="EVN||21000101000000"), "EVN-2"),
        (adt(evn="EVN|", at=""), "MSH-7"),
        (adt(pid="NTE|1"), "PID"),
        (adt("A40"), "MRG"),
        (adt("A40", more=("MRG|",)), "MRG-1"),
        (adt("A40", more=("MRG|123456",)), "MRG-1"),
        (adt("A40", pid="MRG|1"), "MRG"),
        (adt("A24"), "PID"),
        (adt("A24", more=("PID|||123456^^^RBL",)), "PID-3"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_taken(raw: bytes, place: str) -> None:
    with pytest.raises(BadField) as caught:
        said(raw)
    assert str(caught.value.where) == place
    assert "Neil" not in str(caught.value)


def test_every_event_is_taken_at_the_desk() -> None:
    assert {f"ADT^{event}" for event in EVENTS} <= set(HANDLERS)


@pytest.fixture
def desk(pool: ConnectionPool) -> Desk:
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL", aliases=("ADT1",)))
    return Desk(pool, HANDLERS)


def test_a_feed_makes_a_person_known_by_both_numbers_of_a_merge(desk: Desk) -> None:
    for raw in (
        adt("A28", pid=pid_of("2^^^RBL~9990000018^^^NHS^NH", {5: "Neil^Zoë", 32: "NSTS01"})),
        adt("A40", "2", pid="PID|||2^^^RBL", more=("MRG|1^^^RBL",)),
        adt("A99", "3"),
        adt("A08", "4", pid="PID|||2"),
    ):
        answer_of(desk.take(raw, ADDRESS))

    with desk.pool.connection() as connection:
        found = person_known_as(connection, Identifier("1", "RBL"))
    assert found is not None
    assert found.identifier == Identifier("2", "RBL")  # the last message holds no NHS number


def test_a_trust_that_traces_every_number_is_believed(desk: Desk) -> None:
    PostgresRegistry(desk.pool).add_trust(Trust("RBL", "Wirral", "RBL", nhs_number_status="01"))
    pid = "PID|||123456^^^RBL~9990000018^^^NHS^NH||Neil"
    assert answer_of(desk.take(adt(pid=pid), ADDRESS))[0] == "AA"
    with desk.pool.connection() as connection:
        found = person_known_as(connection, NUMBER)
    assert found is not None
    assert found.is_verified


def test_an_open_service_believes_what_it_is_told(pool: ConnectionPool) -> None:
    desk = Desk(pool, HANDLERS, Namespace("OPEN", "OPEN", feed=Feed(is_any_authority=True)))
    for number, status in (("7", ""), ("8", "02")):
        pid = pid_of(f"{number}^^^ADT1~9990000018^^^NHS^NH", {32: status})
        assert answer_of(desk.take(adt(pid=pid), ADDRESS))[0] == "AA"
    with pool.connection() as connection:
        believed = person_known_as(connection, Identifier("7", "ADT1"))
        not_traced = person_known_as(connection, Identifier("8", "ADT1"))
    assert believed is not None
    assert believed.is_verified
    assert not_traced is not None
    assert not not_traced.is_verified  # its sender says so


def test_a_merge_as_dcm4che_has_it_is_taken(desk: Desk) -> None:
    raw = sample("hl7/ADT-A40-patient-merge.hl7").read_bytes()
    assert answer_of(desk.take(raw, ADDRESS))[0] == "AA"
    with desk.pool.connection() as connection:
        found = person_known_as(connection, Identifier("OLD_PID_1", "RBL"))
    assert found is not None
    assert found.identifier == Identifier("NEW_PID_1", "RBL")
