"""Documents that messages tell of come to one end: out of order, again, and at the same time."""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

from exchange.reports.reading import report_with_uid, reports_of
from exchange.reports.report import ReportSource, ReportStatus, Section
from tests.exchange.hl7.documents_material import mdm
from tests.exchange.hl7.material import answer_of
from tests.exchange.hl7.reports_material import radiology
from tests.exchange.reports.conftest import Region

LIFE = (
    mdm("T02", "1", number="D1", completion="IP", text="Perhaps a fracture.", at="20260302090000"),
    mdm("T03", "2", number="D1", at="20260302100000"),
    mdm("T06", "3", number="D2", parent="D1", text="Seen by the ward.", at="20260302110000"),
    mdm("T10", "4", number="D3", parent="D1", text="A fracture.", at="20260302120000"),
)


def forget(region: Region) -> None:
    with region.pool.connection() as connection:
        for table in ("report_to_consider", "report_patient", "report_version", "hl7_message"):
            connection.execute(f"delete from {table}")
        connection.execute("alter table report_decision disable trigger user")
        connection.execute("delete from report_decision")
        connection.execute("update report set merged_into = null")
        connection.execute("delete from report")


def outcome(region: Region) -> tuple[Any, ...]:
    region.settle()
    with region.pool.connection() as connection:
        [report] = reports_of(connection, ["1.2.1"])["1.2.1"]
    return report.source, report.number, report.status, report.version, report.content.sections


END = (
    ReportSource.MDM, "D3", ReportStatus.CORRECTED, 4,
    (Section("Report", "A fracture."), Section("Addendum: Report", "Seen by the ward.")),
)  # fmt: skip


def test_every_order_and_replay_comes_to_one_end(region: Region) -> None:
    region.keep()
    for order in permutations(LIFE):
        forget(region)
        for raw in (*order, order[0], order[2]):
            region.hear(raw)
        assert outcome(region) == END
        assert len(region.rows("select from report where merged_into is null")) == 1


def test_those_that_come_at_the_same_time_come_to_one_end(region: Region) -> None:
    region.keep()
    with ThreadPoolExecutor(4) as connections:
        for _ in range(5):
            forget(region)
            answers = connections.map(lambda raw: region.desk.take(raw, "10.1.2.3"), LIFE * 2)
            assert {answer_of(each)[0] for each in answers} == {"AA"}
            assert outcome(region) == END


def test_reports_that_turn_out_to_be_one_are_found_by_either_id(region: Region) -> None:
    region.keep()
    region.hear(mdm("T02", "1", number="D1"))
    region.hear(mdm("T02", "2", number="D2", text="Another."))
    region.settle()
    ids = [uid for (uid,) in region.rows("select uid from report order by id")]
    assert len(ids) == 2
    region.hear(mdm("T10", "3", number="D2", parent="D1", text="A fracture.", at="20260303090000"))
    region.settle()
    with region.pool.connection() as connection:
        first, second = (report_with_uid(connection, each) for each in ids)
        assert len(reports_of(connection, ["1.2.1"])["1.2.1"]) == 1
    assert first == second
    assert first is not None
    assert first.status is ReportStatus.CORRECTED


def test_a_cancelled_document_is_withdrawn_from_its_study(region: Region) -> None:
    region.keep()
    region.hear(mdm())
    region.settle()
    before = len(region.rows("select from outbox"))
    region.hear(mdm("T11", "2", at="20260303"))
    assert outcome(region)[:4] == (ReportSource.MDM, "D1", ReportStatus.ENTERED_IN_ERROR, 2)
    assert len(region.rows("select from outbox")) == before + 1


def test_documents_and_results_of_one_number_are_two_reports(region: Region) -> None:
    region.keep()
    region.hear(radiology(number="D1", text="Another text."))
    region.hear(mdm(number="D1"))
    region.settle()
    assert region.places() == [("D1", "matched", "1.2.1"), ("D1", "matched", "1.2.1")]


def test_documents_of_two_trusts_are_never_one(region: Region) -> None:
    region.hear(mdm())
    with region.pool.connection() as connection:
        connection.execute("insert into trust (ods_code, name, issuer) values ('RBS', 'Alder Hey', 'RBS')")
        connection.execute(
            "insert into hl7_sender (network, facility, trust) values ('10.9.0.0/24', '', 'RBS')"
        )
    theirs = mdm("T10", number="D2", parent="D1").replace(b"|RBL|IMX", b"|RBS|IMX")
    assert answer_of(region.desk.take(theirs, "10.9.0.1"))[0] == "AA"
    assert [trust for (trust,) in region.rows("select trust from report order by trust")] == ["RBL", "RBS"]
