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
from exchange.reports.retelling import as_one
from exchange.reports.stored import content_of

_COLUMNS = (
    "r.id, r.same_as, r.uid, coalesce(r.study_uid, '') as study_uid, r.source, r.trust, r.assigner, r.number,"
    " r.status, r.content, r.version, r.changed_at, coalesce(r.said_at, r.created_at) as said_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: int
    same_as: int | None
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
    said_at: datetime


def reports_of(connection: Connection[Any], study_uids: Collection[str]) -> Mapping[str, Sequence[Report]]:
    """The reports that belong to some studies, by Study Instance UID; the oldest first.

    A report that was withdrawn is among them, as entered in error: whoever had it must hear so. One that was
    told twice is there once, with all its forms.
    """
    rows = (
        connection.cursor(row_factory=class_row(_Row))
        .execute(
            f"select {_COLUMNS} from report r where r.study_uid = any(%s) and r.merged_into is null"
            " order by r.id",
            (sorted(set(study_uids)),),
        )
        .fetchall()
    )
    beside = {(row.study_uid, row.id) for row in rows}
    told: dict[str, dict[int, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(rows, key=lambda row: row.id):
        first = row.same_as if (row.study_uid, row.same_as) in beside else None
        told[row.study_uid][first or row.id].append(_report(row))
    return {study_uid: [as_one(each) for each in those.values()] for study_uid, those in told.items()}


def report_with_uid(connection: Connection[Any], uid: UUID) -> Report | None:
    """By its FHIR id, or that of one that turned out to be the same, or tells of it again."""
    row = (
        connection.cursor(row_factory=class_row(_Row))
        .execute(
            f"select {_COLUMNS} from report asked"
            " join report r on r.id = coalesce(asked.merged_into, asked.id) where asked.uid = %s",
            (uid,),
        )
        .fetchone()
    )
    if row is None:
        return None
    found = _report(row)
    first = connection.execute("select uid from report where id = %s", (row.same_as,)).fetchone()
    ids = {found.id, first[0] if first else found.id}
    beside = reports_of(connection, [found.study_uid]).get(found.study_uid, ())
    return next((each for each in beside if each.id in ids), found)


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
        said_at=row.said_at,
    )
