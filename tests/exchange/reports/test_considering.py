"""Reports find their studies, and lose them, whatever comes first."""

from itertools import permutations

import pytest
from psycopg_pool import ConnectionPool

from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.linking.reviews import Decider
from exchange.people.person import Demographics, Identifier, NumberStatus, Record
from exchange.people.telling import tell
from exchange.reports.deciding import NoSuchReport, PostgresReports
from exchange.reports.reading import reports_of
from exchange.reports.report import ReportStatus
from storage.correcting import NewCorrection, Reason, record, undo
from storage.errors import NotHeld
from tests.exchange.hl7.material import PID
from tests.exchange.hl7.reports_material import echocardiogram, radiology
from tests.exchange.people.test_directory import said
from tests.exchange.reports.conftest import Region

ANN = Decider("Ann", "", "the ward said so")
ELSEWHERE = {"00100020": {"vr": "LO", "Value": ["777"]}}


def test_a_report_finds_its_study_whichever_comes_first(region: Region) -> None:
    region.hear(radiology())
    region.settle()
    assert region.places() == [("R77", "unmatched", None)]
    region.keep()
    region.settle()
    assert region.places() == [("R77", "matched", "1.2.1")]
    region.keep("1.2.826.0.1.5", AccessionNumber="E55")
    region.hear(echocardiogram())
    region.settle()
    assert region.places() == [("E55", "matched", "1.2.826.0.1.5"), ("R77", "matched", "1.2.1")]
    with region.pool.connection() as connection:
        [report] = reports_of(connection, ["1.2.1"])["1.2.1"]
    assert (report.status, report.accession, report.study_uid) == (ReportStatus.FINAL, "RBL0001", "1.2.1")
    assert region.rows("select study_uid, because from outbox order by id") == [
        ("1.2.1", "report"), ("1.2.826.0.1.5", "report"),
    ]  # fmt: skip


def test_somebody_of_one_trust_puts_no_report_beside_anothers_study(region: Region) -> None:
    region.keep(patient="999")
    region.keep("1.2.5", trust="REM")
    region.hear(radiology())
    region.settle()
    reports = PostgresReports(region.pool)
    [listed] = reports.waiting("RBL")
    with pytest.raises(NotHeld):
        reports.match(listed.id, "1.2.5", Decider("Ann", "RBL", "x"))
    assert region.places() == [("R77", "doubt", None)]

    reports.match(listed.id, "1.2.1", Decider("Ann", "RBL", "x"))
    assert region.places() == [("R77", "matched", "1.2.1")]


def test_a_report_of_somebody_else_waits_for_a_person(region: Region) -> None:
    region.keep(patient="999")
    region.hear(radiology())
    region.settle()
    reports = PostgresReports(region.pool)
    [listed] = reports.waiting()
    assert (listed.state, listed.study_uids) == ("doubt", ["1.2.1"])
    assert listed.because == "by accession number and issuer, but the patient is another"
    with pytest.raises(NoSuchReport):
        reports.match(listed.id, "1.2.1", Decider("somebody", "REM", "x"))
    with pytest.raises(NotHeld):
        reports.match(listed.id, "1.2.99", ANN)

    reports.match(listed.id, "1.2.1", ANN)
    region.settle()
    [found] = reports.of_study("1.2.1")
    assert (found.because, found.decided_by) == ("Ann said so", "Ann")
    # A further message changes nothing of what was decided; another patient in it does.
    region.hear(radiology("C", "2", at="20260303"))
    region.settle()
    assert region.places() == [("R77", "matched", "1.2.1")]
    region.hear(radiology("C", "3", at="20260304", pid=PID.replace("123456", "888")))
    region.settle()
    assert region.places() == [("R77", "doubt", None)]

    reports.dismiss(listed.id, ANN)
    region.settle()
    assert region.places() == [("R77", "unmatched", None)]
    reports.reconsider(listed.id, ANN)
    assert region.places() == [("R77", "doubt", None)]
    assert len(region.rows("select from report_decision")) == 5


def test_a_study_that_turns_out_to_be_of_somebody_else_loses_its_report(region: Region) -> None:
    region.keep()
    region.hear(radiology())
    region.settle()
    with region.pool.connection() as connection:
        number = record(connection, NewCorrection("1.2.1", ELSEWHERE, Reason.CORRECT, "somebody"))
    region.settle()
    assert region.places() == [("R77", "doubt", None)]
    assert len(region.rows("select from outbox where because = 'report'")) == 2
    with region.pool.connection() as connection:
        undo(connection, number, "somebody")
    region.settle()
    assert region.places() == [("R77", "matched", "1.2.1")]


def person_of(pool: ConnectionPool, number: str, nhs: str, status: NumberStatus, at: int) -> None:
    with pool.connection() as connection:
        tell(connection, Record(Identifier(number, "RBL"), Demographics(), nhs, status), said(at))


def test_a_merge_brings_a_report_to_its_study(region: Region) -> None:
    region.keep(patient="555")
    region.hear(radiology())
    region.settle()
    assert region.places() == [("R77", "doubt", None)]
    person_of(region.pool, "555", "9990000018", NumberStatus.VERIFIED, 1)
    region.settle()
    assert region.places() == [("R77", "matched", "1.2.1")]
    person_of(region.pool, "555", "9990000026", NumberStatus.VERIFIED, 2)
    region.settle()
    assert region.places() == [("R77", "doubt", None)]


def test_a_study_that_is_linked_to_somebody_else_loses_its_report(region: Region) -> None:
    region.keep()
    region.hear(radiology())
    person_of(region.pool, "123456", "9990000018", NumberStatus.VERIFIED, 1)
    person_of(region.pool, "777", "9990000026", NumberStatus.VERIFIED, 1)
    region.settle()
    [(study, _)] = region.rows("select id, uid from study")
    people = dict(region.rows("select value, current_id from person_record"))
    for number, place in (("123456", "matched"), ("777", "doubt"), ("123456", "matched")):
        with region.pool.connection() as connection:
            decided = Decided(LinkState.LINKED, people[number], ())
            keep_link(connection, study, decided, LINKER, by_hand=False)
        region.settle()
        assert region.places()[0][1] == place


def test_corrections_and_withdrawals_in_any_order_come_to_one_end(region: Region) -> None:
    region.keep()
    messages = (
        radiology("P", "1", at="20260302091500", text="Perhaps a fracture."),
        radiology("F", "2", at="20260302100000"),
        radiology("C", "3", at="20260302110000", text="A fracture."),
        radiology("F", "4", at="20260302120000", observed="W"),
    )
    for order in permutations(messages):
        with region.pool.connection() as connection:
            for table in ("report_to_consider", "report_patient", "report_version", "hl7_message"):
                connection.execute(f"delete from {table}")
            connection.execute("alter table report_decision disable trigger user")
            connection.execute("delete from report_decision")
            connection.execute("delete from report")
        for raw in order:
            region.hear(raw)
        region.settle()
        with region.pool.connection() as connection:
            [report] = reports_of(connection, ["1.2.1"])["1.2.1"]
        assert (report.status, report.version) == (ReportStatus.ENTERED_IN_ERROR, 4)
