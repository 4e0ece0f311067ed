"""What is said of a report, kept beside all that was said of it before: the one door of every source.

In the caller's transaction, so that a message is acknowledged together with what it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from exchange.people.person import Said
from exchange.reports.chains import standing_of_documents
from exchange.reports.notice import Notice
from exchange.reports.report import ReportKey, ReportStatus, Told
from exchange.reports.stored import content_of, digest_of, stored_content
from exchange.reports.versions import Version, standing
from exchange.telling import outbox

_ADD = """
    insert into report (trust, source, assigner, number, status, version, content, study_named, accessions,
        accession_issuer)
    values (%s, %s, %s, %s, %s, 0, '{}', '', '{}', '')
    on conflict (trust, source, assigner, number) do nothing
"""
_FIND = """
    select coalesce(merged_into, id) from report
    where trust = %s and source = %s and assigner = %s and number = %s
"""
_ADD_VERSION = """
    insert into report_version (report_id, said_at, said_by, status, content, digest, instance_uid)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
_VERSIONS = """
    select v.status, v.said_at, v.said_by, v.content, v.digest, coalesce(v.instance_uid, ''),
        v.instance_uid is not null and (
            not exists (select from instance n where n.uid = v.instance_uid and not n.hidden)
            or exists (select from report_version w where w.instance_uid = v.instance_uid and w.id > v.id))
    from report_version v where v.report_id = %s
"""
_RELATIVES = """
    select distinct v.report_id from report_version v where v.instance_uid = %s or v.instance_uid = any(%s)
        or (v.instance_uid is not null and v.content -> 'predecessors' ?| %s)
    order by 1
"""
_RELATED_DOCUMENTS = """
    select distinct v.report_id from report_version v join report r on r.id = v.report_id
    where r.trust = %(trust)s and v.content ? 'notice' and (
        (v.content -> 'notice' -> 'number' ->> 'value' = any(%(values)s)
            and v.content -> 'notice' -> 'number' = any(%(numbers)s))
        or (v.content -> 'notice' -> 'parent' ->> 'value' = any(%(values)s)
            and v.content -> 'notice' -> 'parent' = any(%(numbers)s)))
    order by 1
"""
_STANDS = "select status, version, content from report where id = %s for no key update"
_STAND = """
    update report set status = %s, version = %s, content = %s, study_named = %s, accessions = %s,
        accession_issuer = %s, said_at = %s, changed_at = now()
    where id = %s returning study_uid
"""


def tell(connection: Connection[Any], told: Told, documents: Mapping[str, bytes] | None = None) -> int | None:
    """Keep what was said, with the documents it brought by their SHA-256; the report's number here.

    None where it was said before. Two that speak of one report do so one after another.
    """
    if (notice := told.content.notice) is not None:
        report_id = _of_documents(connection, told, notice)
    else:
        lock(connection, told.key)
        report_id = _named(connection, told)
    for digest, content in (documents or {}).items():
        connection.execute(
            "insert into report_document (digest, bytes) values (%s, %s) on conflict do nothing",
            (bytes.fromhex(digest), content),
        )
    is_new = add_version(connection, report_id, told, None)
    return stand(connection, report_id) if is_new else None


def tell_document(connection: Connection[Any], told: Told) -> int:
    """The same of a document of the archive, whose number is its SOP Instance UID.

    It is told of the report of whatever it replaces, or was replaced by: those that turn out to be one are
    one from then on.
    """
    uid = told.key.number
    connection.execute("select pg_advisory_xact_lock(hashtextextended('documents that are reports', 0))")
    rows = connection.execute(_RELATIVES, (uid, list(told.content.predecessors), [uid])).fetchall()
    related = [report_id for (report_id,) in rows]
    report_id = _one(connection, related or [_named(connection, told)])
    add_version(connection, report_id, told, uid)
    return stand(connection, report_id)


def _of_documents(connection: Connection[Any], told: Told, notice: Notice) -> int:
    """The report of a document that a message tells of, of its parent, and of what else has that parent.

    Those of one trust are told of one after another: each may make one of two that were there.
    """
    name = f"documents of\n{told.key.trust}"
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
    numbers = [each for each in (notice.number, notice.parent) if each is not None]
    asked = {
        "trust": told.key.trust,
        "values": [each.value for each in numbers],
        "numbers": [Jsonb(asdict(each)) for each in numbers],
    }
    rows = connection.execute(_RELATED_DOCUMENTS, asked).fetchall()
    return _one(connection, [report_id for (report_id,) in rows] or [_named(connection, told)])


def _named(connection: Connection[Any], told: Told) -> int:
    """The report by its own number, made where there is none."""
    connection.execute(_ADD, (*_values(told.key), told.status.value))
    row = connection.execute(_FIND, _values(told.key)).fetchone()
    assert row is not None
    report_id: int = row[0]
    return report_id


def _one(connection: Connection[Any], related: Sequence[int]) -> int:
    """Of reports that turn out to be one, the first, which is all of them from then on."""
    report_id, *others = related
    if others:
        _merge(connection, report_id, others)
    return report_id


def _merge(connection: Connection[Any], into: int, others: Sequence[int]) -> None:
    # In the order in which exchange.reports.joining takes those beside a study: neither waits for the other.
    connection.execute(
        "select from report where id = any(%s) order by id for no key update", ([into, *others],)
    )
    connection.execute("update report_version set report_id = %s where report_id = any(%s)", (into, others))
    left = connection.execute(
        "with before as (select id, study_uid from report where id = any(%(others)s)),"
        " merged as (update report set merged_into = %(into)s, state = 'unmatched', study_uid = null,"
        " same_as = null, because = 'it is one with another report', changed_at = now()"
        " where id = any(%(others)s) or merged_into = any(%(others)s))"
        " select study_uid from before where study_uid is not null",
        {"into": into, "others": list(others)},
    ).fetchall()
    outbox.note(connection, (study_uid for (study_uid,) in left), outbox.Because.REPORT)


def lock(connection: Connection[Any], key: ReportKey) -> None:
    """Until the transaction ends, nobody else speaks of this report."""
    name = "\n".join(("report", *_values(key)))
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


def add_version(connection: Connection[Any], report_id: int, told: Told, instance_uid: str | None) -> bool:
    """Whether it was not known yet."""
    added = connection.execute(
        _ADD_VERSION,
        (
            report_id, told.said.at, told.said.by, told.status.value, Jsonb(stored_content(told.content)),
            digest_of(told), instance_uid,
        ),
    )  # fmt: skip
    return added.rowcount > 0


def stand(connection: Connection[Any], report_id: int) -> int:
    """Make of all that was said what holds, and have it looked at to which study it belongs."""
    before = connection.execute(_STANDS, (report_id,)).fetchone()  # before its versions are read
    versions = versions_of(connection, report_id)
    is_told_of = any(each.content.notice is not None for each in versions)
    found = standing_of_documents(versions) if is_told_of else standing(versions)
    content = found.content
    if before == (found.status.value, len(versions), stored_content(content)):
        return report_id
    row = connection.execute(
        _STAND,
        (
            found.status.value, len(versions), Jsonb(stored_content(content)), content.study_uid,
            list(content.accessions), content.accession_issuer, _said_at(versions), report_id,
        ),
    ).fetchone()  # fmt: skip
    connection.execute("delete from report_patient where report_id = %s", (report_id,))
    connection.execute(
        "insert into report_patient (report_id, issuer, value)"
        " select distinct %s, * from unnest(%s::text[], %s::text[])",
        (report_id, [each.issuer for each in content.patients], [each.value for each in content.patients]),
    )
    connection.execute("insert into report_to_consider (report_id) values (%s)", (report_id,))
    if row is not None and row[0] is not None:
        outbox.note(connection, row, outbox.Because.REPORT)
    return report_id


def _said_at(versions: Sequence[Version]) -> datetime:
    return max(each.said.at for each in [each for each in versions if not each.is_hidden] or versions)


def versions_of(connection: Connection[Any], report_id: int) -> Sequence[Version]:
    """Everything that was said of it."""
    return [
        Version(ReportStatus(status), Said(at, by), content_of(content), bytes(digest), instance, is_hidden)
        for status, at, by, content, digest, instance, is_hidden in connection.execute(
            _VERSIONS, (report_id,)
        ).fetchall()
    ]


def _values(key: ReportKey) -> tuple[str, str, str, str]:
    return key.trust, key.source.value, key.assigner, key.number
