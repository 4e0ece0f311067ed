"""Studies of the index as the record is told of them: corrections applied, what is hidden left out."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from exchange.record.study import Coded, KeyObjects, SharedInstance, SharedSeries, SharedStudy
from storage.answers import read_members
from storage.corrections import IN_FORCE, Correction, Member, correct_json, in_force, those_of
from storage.rejection_notes import KEY_OBJECT_SELECTION

_STUDIES = """
    select s.id, s.uid, coalesce(s.study_date, '') as date, coalesce(s.study_time, '') as time,
        coalesce(s.accession, '') as accession, coalesce(s.accession_issuer, '') as accession_issuer,
        coalesce(p.identifier, '') as patient_id, coalesce(p.issuer, '') as patient_issuer, s.json,
        i.id as identity_id, i.json as identity_json, i.trust, i.shown_as
    from study s cross join lateral (
        select d.* from identity d where d.study_id = s.id and (not s.has_versions or is_borne(s.id, d.id))
        order by d.id limit 1
    ) i join patient p on p.id = i.patient_id
    where s.uid = any(%s)
"""
_SERIES = """
    select r.study_id, r.id, r.uid, r.series_number as number, r.json, r.shown_as
    from series r where r.study_id = any(%s) order by r.study_id, r.series_number nulls last, r.id
"""
_INSTANCES = """
    select n.series_id, n.uid, n.sop_class, n.instance_number, n.frame_count, o.received_at,
        case when n.sop_class = %s then n.json_after end
    from instance n join object o on o.id = n.object_id
    where n.series_id = any(%s) and (%s or not n.hidden)
    order by n.series_id, n.instance_number nulls last, n.id
"""
_DOCUMENT_TITLE, _CONTENT, _KEY_OBJECT_DESCRIPTION = "0040A043", "0040A730", "113012"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    id: int
    uid: str
    date: str
    time: str
    accession: str
    accession_issuer: str
    patient_id: str
    patient_issuer: str
    json: bytes
    identity_id: int
    identity_json: bytes
    trust: str
    shown_as: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    study_id: int
    id: int
    uid: str
    number: int | None
    json: bytes
    shown_as: int | None


def shared_studies(connection: Connection[Any], study_uids: Collection[str]) -> Mapping[str, SharedStudy]:
    """Those of which something shows, by UID."""
    return _studies(connection, study_uids, is_all=False)


def kept_studies(connection: Connection[Any], study_uids: Collection[str]) -> Mapping[str, SharedStudy]:
    """The same with all that is hidden: for whoever decides whether it stays so, and for nobody else."""
    return _studies(connection, study_uids, is_all=True)


def _studies(
    connection: Connection[Any], study_uids: Collection[str], *, is_all: bool
) -> Mapping[str, SharedStudy]:
    studies = (
        connection.cursor(row_factory=class_row(_Study)).execute(_STUDIES, (sorted(study_uids),)).fetchall()
    )
    ids = [each.id for each in studies]
    series = connection.cursor(row_factory=class_row(_Series)).execute(_SERIES, (ids,)).fetchall()
    instances: dict[int, list[SharedInstance]] = defaultdict(list)
    received: dict[int, list[datetime]] = defaultdict(list)
    for series_id, uid, sop_class, number, frames, at, selection in connection.execute(
        _INSTANCES, (KEY_OBJECT_SELECTION, [each.id for each in series], is_all)
    ):
        said = _key_objects(read_members(selection)) if selection is not None else None
        instances[series_id].append(SharedInstance(uid, sop_class, number, frames, said))
        received[series_id].append(at)
    corrections: dict[int, list[Correction]] = defaultdict(list)
    shown = [each.shown_as for each in series] + [each.shown_as for each in studies]
    for study_id, *row in connection.execute(IN_FORCE, ([each for each in shown if each is not None], ids)):
        corrections[study_id].append(in_force(row))
    of_study: dict[int, list[_Series]] = defaultdict(list)
    for each in series:
        if instances[each.id]:
            of_study[each.study_id].append(each)
    return {
        study.uid: _shared(
            study,
            of_study[study.id],
            corrections[study.id],
            instances,
            [at for each in of_study[study.id] for at in received[each.id]],
        )
        for study in studies
        if of_study[study.id]
    }


def _shared(
    study: _Study,
    series: Sequence[_Series],
    corrections: Sequence[Correction],
    instances: Mapping[int, Sequence[SharedInstance]],
    received: Sequence[datetime],
) -> SharedStudy:
    members = _corrected(study.json, those_of(corrections, None, study.shown_as))
    whose = _corrected(study.identity_json, those_of(corrections, study.identity_id, study.shown_as))
    shared = tuple(_shared_series(each, corrections, tuple(instances[each.id])) for each in series)
    return SharedStudy(
        study.id, study.uid, study.trust, study.date, study.time, study.accession, study.accession_issuer,
        _text(members, "00081030"), tuple(_codes(members, "00081032")), _name(members, "00080090"),
        tuple(dict.fromkeys(each.modality for each in shared if each.modality)),
        study.patient_id, study.patient_issuer, _name(whose, "00100010"), _text(whose, "00100030"),
        _text(whose, "00100040"), min(received), max(received), shared,
    )  # fmt: skip


def _shared_series(
    series: _Series, corrections: Sequence[Correction], instances: tuple[SharedInstance, ...]
) -> SharedSeries:
    members = _corrected(series.json, those_of(corrections, None, series.shown_as))
    return SharedSeries(
        series.uid, _text(members, "00080060"), series.number, _text(members, "0008103E"),
        _text(members, "00180015"), _text(members, "00200060"), _text(members, "00080021"),
        _text(members, "00080031"), instances,
    )  # fmt: skip


def _key_objects(members: Mapping[str, Member]) -> KeyObjects | None:
    """What can be said without its object: of one so long that its content is not kept ready, its title."""
    described = (
        " ".join(_text(item, "0040A160").split())
        for item in members.get(_CONTENT, {}).get("Value", ())
        if item and any(each.value == _KEY_OBJECT_DESCRIPTION for each in _codes(item, _DOCUMENT_TITLE))
    )
    said = KeyObjects(next(iter(_codes(members, _DOCUMENT_TITLE)), None), next(described, ""))
    return said if said.title or said.description else None


def _corrected(json: bytes, corrections: Sequence[Correction]) -> Mapping[str, Member]:
    return correct_json(read_members(json), corrections, with_originals=False)


def _text(members: Mapping[str, Member], tag: str) -> str:
    values = members.get(tag, {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "").strip()


def _name(members: Mapping[str, Member], tag: str) -> str:
    values = members.get(tag, {}).get("Value") or [{}]
    return str((values[0] or {}).get("Alphabetic", "")).strip()


def _codes(members: Mapping[str, Member], tag: str) -> list[Coded]:
    items = [item for item in members.get(tag, {}).get("Value", ()) if item]
    return [
        Coded(_text(item, "00080100"), _text(item, "00080102"), _text(item, "00080104")) for item in items
    ]
