"""What is kept of a study, whether or not readers see it: for comparing with what another archive has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors


@dataclass(frozen=True, slots=True)
class Holdings:
    """The instances of a study that are kept, by series."""

    series: Mapping[str, frozenset[str]]
    size: int  # bytes of their objects

    def of(self, series_uid: str) -> frozenset[str]:
        """The instances of one series."""
        return self.series.get(series_uid, frozenset())


def held(pool: ConnectionPool, study_uid: str) -> Holdings:
    """What is kept of a study. Raises IndexUnavailable."""
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select r.uid, array_agg(n.uid), sum(o.size)::bigint"
            " from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id"
            " join object o on o.id = n.object_id where s.uid = %s group by r.uid",
            [study_uid],
        ).fetchall()
    return Holdings({uid: frozenset(instances) for uid, instances, _ in rows}, sum(row[2] for row in rows))


def holds_any(pool: ConnectionPool, study_uid: str, sop_classes: Iterable[str]) -> bool:
    """Whether readers see an instance of one of these classes in a study. Raises IndexUnavailable."""
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute(
            "select exists (select from study s join series r on r.study_id = s.id join instance n"
            " on n.series_id = r.id where s.uid = %s and n.sop_class = any(%s) and not n.hidden)",
            [study_uid, list(sop_classes)],
        ).fetchone()
    return row is not None and bool(row[0])


def last_refusals(pool: ConnectionPool, instances: Sequence[str]) -> dict[str, str]:
    """Why these instances were not kept when they last came; those that never came are left out."""
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select distinct on (sop_instance_uid) sop_instance_uid, outcome, because from arrival"
            " where sop_instance_uid = any(%s) order by sop_instance_uid, id desc",
            [list(instances)],
        ).fetchall()
    return {uid: f"{outcome}: {because}" if because else outcome for uid, outcome, because in rows}
