"""Reports as they stand, read: of studies, or one by its FHIR id, and the documents that messages brought."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from exchange.people.person import Identifier
from exchange.reports.report import Form, Report, ReportSource, ReportStatus
from exchange.reports.stored import content_of

_COLUMNS = (
    "r.uid, coalesce(r.study_uid, '') as study_uid, r.source, r.trust, r.assigner, r.number, r.status,"
    " r.content, r.version, r.changed_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    uid: UUID
    study_uid: str
    source: str
    trust: str
    assigner: str
    number: str
    status: str
    content: Any
    version: int
    changed_at: datetime


def reports_of(connection: Connection[Any], study_uids: Collection[str]) -> Mapping[str, Sequence[Report]]:
    """The reports that belong to some studies, by Study Instance UID; the oldest first.

    A report that was withdrawn is among them, as entered in error: whoever had it must hear so.
    """
    rows = (
        connection.cursor(row_factory=class_row(_Row))
        .execute(
            f"select {_COLUMNS} from report r where r.study_uid = any(%s) and r.merged_into is null"
            " order by r.created_at, r.id",
            (sorted(set(study_uids)),),
        )
        .fetchall()
    )
    found: dict[str, list[Report]] = defaultdict(list)
    for row in rows:
        found[row.study_uid].append(_report(row))
    return found


def report_with_uid(connection: Connection[Any], uid: UUID) -> Report | None:
    """By its FHIR id, or that of one that turned out to be the same."""
    row = (
        connection.cursor(row_factory=class_row(_Row))
        .execute(
            f"select {_COLUMNS} from report asked"
            " join report r on r.id = coalesce(asked.merged_into, asked.id) where asked.uid = %s",
            (uid,),
        )
        .fetchone()
    )
    return _report(row) if row else None


def document_of(connection: Connection[Any], form: Form) -> bytes | None:
    """The bytes of a form that a message brought; None for one that lies elsewhere."""
    if not form.digest:
        return None
    row = connection.execute(
        "select bytes from report_document where digest = %s", (bytes.fromhex(form.digest),)
    ).fetchone()
    return bytes(row[0]) if row else None


def _report(row: _Row) -> Report:
    content = content_of(row.content)
    # Of documents that replace one another, the number of what stands (TXA-12).
    named = content.notice.number if content.notice else Identifier(row.number, row.assigner)
    return Report(
        id=row.uid,
        study_uid=row.study_uid,
        source=ReportSource(row.source),
        trust=row.trust,
        assigner=named.issuer,
        number=named.value,
        status=ReportStatus(row.status),
        content=content,
        version=row.version,
        changed_at=row.changed_at,
    )
