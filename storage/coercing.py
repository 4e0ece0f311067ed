"""Recording what rules make of instances: corrections with the reason COERCE that hold for single instances.

One row tells what attributes become, however many instances of the study it holds for; recording the same
again changes nothing, and what a person has undone stays undone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from storage.correcting import Reason, keep_current_of, locked_study, tell_corrected
from storage.corrections import Member


@dataclass(frozen=True, slots=True)
class Coerced:
    """What a rule makes of one instance."""

    instance_id: int
    rule: str
    attributes: Mapping[str, Member]  # DICOM JSON; Specific Character Set says in what the text really is
    read_as: Mapping[str, Member] = field(default_factory=dict)  # what text then means


def record_coerced(
    connection: Connection[Any], study_uid: str, looked_at: Sequence[int], coerced: Sequence[Coerced]
) -> int:
    """What rules make of those instances of a study that were looked at; how many are new or changed.

    In the caller's transaction. An instance that was replaced loses what its older content was given.
    Raises NotHeld.
    """
    study_id = locked_study(connection, study_uid)
    wanted: dict[int, list[int]] = {}
    known: dict[str, int] = {}
    for each in coerced:
        key = repr((each.rule, each.attributes, each.read_as))
        if key not in known:
            known[key] = _correction(connection, study_id, each)
        wanted.setdefault(known[key], []).append(each.instance_id)
    links = [(instance, number) for number, instances in wanted.items() for instance in instances]
    gone = connection.execute(
        "delete from correction_instance where instance_id = any(%s) and (instance_id, correction_id) not in"
        " (select * from unnest(%s::bigint[], %s::bigint[]))",
        (list(looked_at), [link[0] for link in links], [link[1] for link in links]),
    ).rowcount
    added = connection.execute(
        "insert into correction_instance (instance_id, correction_id)"
        " select * from unnest(%s::bigint[], %s::bigint[]) on conflict do nothing",
        ([link[0] for link in links], [link[1] for link in links]),
    ).rowcount
    if added or gone:
        keep_current_of(connection, study_id)
        tell_corrected(connection, study_uid)
    return added + gone


def _correction(connection: Connection[Any], study_id: int, coerced: Coerced) -> int:
    """The row that says so; also one that was undone."""
    values = (
        study_id,
        f"coercion {coerced.rule}",
        Jsonb(dict(coerced.attributes)),
        Jsonb(dict(coerced.read_as)),
    )
    row = connection.execute(
        "select id from correction where study_id = %s and of_instances and made_by = %s"
        " and attributes = %s and read_as = %s",
        values,
    ).fetchone()
    if row is None:
        row = connection.execute(
            "insert into correction (study_id, of_instances, reason, made_by, attributes, read_as)"
            " values (%s, true, %s, %s, %s, %s) returning id",
            (study_id, Reason.COERCE.value, *values[1:]),
        ).fetchone()
    assert row is not None
    number: int = row[0]
    return number
