"""A follower: documents that come into the archive and are reports, or are withdrawn from it."""

from collections.abc import Sequence

import structlog
from psycopg_pool import ConnectionPool

from exchange.reports.documents import Kept, report_in
from exchange.reports.telling import stand, tell_document
from exchange.reports.titles import SOURCES
from storage.changes import Change, ChangeKind
from storage.driver_errors import mapped_errors
from storage.errors import ObjectMissing, ObjectsUnavailable, Unreadable
from storage.metadata import Whereabouts, members_of
from storage.objects import ObjectStore

log = structlog.get_logger()

#: Of one structured report, beside what is large and binary.
_LIMIT_BYTES = 16 * 1024 * 1024

#: What says nothing of a patient's study but that it holds documents.
_DOCUMENTS = ["SR", "DOC", "PR", "KO", "OT", "SEG", "REG"]

_FOUND = """
    select n.uid, n.sop_class, r.uid, s.uid, o.trust, o.received_at,
        coalesce((select m from unnest(s.modalities) m where m <> all(%(documents)s) limit 1), ''),
        o.key, o.data_offset, o.transfer_syntax
    from instance n join series r on r.id = n.series_id join study s on s.id = r.study_id
    join object o on o.id = n.object_id
    where n.sop_class = any(%(classes)s) and not n.hidden
    and (n.uid = any(%(instances)s) or s.uid = any(%(studies)s))
    order by n.id
"""
#: Reports of which a document is there no longer, or is there again.
_TOUCHED = """
    select distinct v.report_id from report_version v left join instance n on n.uid = v.instance_uid
    left join series r on r.id = n.series_id left join study s on s.id = r.study_id
    where v.instance_uid = any(%(instances)s) or s.uid = any(%(studies)s) and v.instance_uid is not null
    order by 1
"""


def follow_documents(pool: ConnectionPool, objects: ObjectStore, changes: Sequence[Change]) -> None:
    """Take the reports among what came; let those stand otherwise of which a document went. See `follow`."""
    changed = [each for each in changes if each.kind is not ChangeKind.CORRECTED]
    named = {
        "instances": sorted({each.instance_uid for each in changed if each.instance_uid}),
        "studies": sorted({each.study_uid for each in changed if not each.instance_uid}),
        "classes": list(SOURCES),
        "documents": _DOCUMENTS,
    }
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(_FOUND, named).fetchall()
    for uid, sop_class, series, study, trust, received_at, modality, key, offset, syntax in rows:
        kept = Kept(uid, sop_class, series, study, trust, received_at, modality)
        _take(pool, Whereabouts(objects, key, offset, syntax), kept)
    with mapped_errors(), pool.connection() as connection:
        touched = connection.execute(_TOUCHED, named).fetchall()
    for (report_id,) in touched:
        with mapped_errors(), pool.connection() as connection:
            stand(connection, report_id)


def _take(pool: ConnectionPool, where: Whereabouts, kept: Kept) -> None:
    try:
        told = report_in(members_of(where, _LIMIT_BYTES), kept)
    except Unreadable as error:
        log.warning("report.unreadable", study=kept.study_uid, instance=kept.uid, because=str(error))
        return
    except ObjectMissing as error:
        raise ObjectsUnavailable("a document that has to be read is gone") from error
    if told is not None:
        with mapped_errors(), pool.connection() as connection:
            tell_document(connection, told)
