"""What is said of reports is kept, and read as it stands."""

import hashlib
from dataclasses import replace
from itertools import permutations
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from exchange.reports.reading import document_of, report_with_uid, reports_of
from exchange.reports.report import Form, ReportStatus
from exchange.reports.telling import tell
from tests.exchange.reports.material import told

SAID = (
    told(ReportStatus.PRELIMINARY, "Perhaps a fracture.", 0, "1"),
    told(ReportStatus.FINAL, "No fracture.", 5, "2"),
    told(ReportStatus.CORRECTED, "A fracture of the left wrist.", 60, "3"),
)


def test_a_report_stands_as_it_was_told_last(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        for order in permutations(SAID):
            connection.execute("delete from report_to_consider")
            connection.execute("delete from report_patient")
            connection.execute("delete from report_version")
            connection.execute("delete from report")
            for each in (*order, order[0]):
                tell(connection, each)
            row = connection.execute("select uid, status, version from report").fetchone()
            assert row is not None
            report = report_with_uid(connection, row[0])
            assert report is not None
            assert (report.status, report.version) == (ReportStatus.CORRECTED, 3)
            assert report.content == SAID[2].content
        assert report_with_uid(connection, uuid4()) is None
        assert reports_of(connection, ["1.2.1"]) == {}


def test_a_withdrawn_report_keeps_its_history(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        for each in (*SAID, told(ReportStatus.ENTERED_IN_ERROR, "", 90, "4")):
            tell(connection, each)
        rows = connection.execute("select status from report_version order by said_at").fetchall()
    assert [status for (status,) in rows] == ["preliminary", "final", "corrected", "entered-in-error"]


def test_a_document_comes_back_as_it_came(pool: ConnectionPool) -> None:
    content = b"%PDF-1.7 ..."
    digest = hashlib.sha256(content).hexdigest()
    form = Form("application/pdf", "Report", len(content), digest)
    said = told()
    with pool.connection() as connection:
        tell(connection, replace(said, content=replace(said.content, forms=(form,))), {digest: content})
        assert document_of(connection, form) == content
        assert document_of(connection, Form("application/pdf", instance_uid="1.2")) is None


def test_decisions_are_only_added(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        number = tell(connection, told())
        connection.execute(
            "insert into report_decision (report_id, state, because, decided_by)"
            " values (%s, 'doubt', 'x', 'y')",
            (number,),
        )
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("delete from report_decision")
        connection.rollback()
