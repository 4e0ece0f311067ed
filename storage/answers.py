"""Rows of the index as DICOM JSON: what a search found, and an instance's metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from pydicom.datadict import dictionary_VR

from storage.corrections import Correction, Member, correct_json
from storage.query import Level, Query

Members = dict[str, Member]


@dataclass(frozen=True, slots=True)
class Found:
    """One match: what the query asked for, as DICOM JSON (PS3.18 §F.2), and where it belongs."""

    members: Members
    study_uid: str  # "" of a patient
    series_uid: str | None = None
    instance_uid: str | None = None
    is_inconsistent: bool = False  # one study under two identifiers, birth dates or trusts
    is_contested: bool = False  # other content by the same UIDs waits for a person


class FoundRow(NamedTuple):
    """A row of storage.search's answers, by name."""

    study_id: int
    study_uid: str
    is_inconsistent: bool
    is_contested: bool
    identity_id: int
    identity: bytes
    is_corrected: bool
    modalities: list[str]
    series_count: int
    instances: int
    study: bytes
    series_uid: str | None
    series_instances: int
    last: tuple[Any, ...]  # what the level adds

    @classmethod
    def of(cls, row: Sequence[Any]) -> "FoundRow":
        """From what the database answered, at any level."""
        values: list[Any] = [*row[:11], *(row[11:13] or (None, 0)), row[13:]]
        return cls(*values)


def found(
    level: Level, row: FoundRow, wanted: Mapping[str, Member] | None, corrections: Sequence[Correction]
) -> Found:
    """A match, holding what is wanted (wanted_by) and no more; what has no value is there without one."""
    members = _members_at(level, row)
    if corrections:
        members = correct_json(members, corrections, with_originals=False)
    if wanted is not None:
        held = members.get
        members = {tag: held(tag, empty) for tag, empty in wanted.items()}
    return Found(
        members=members,
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        instance_uid=row.last[0] if level is Level.INSTANCE else None,
        is_inconsistent=row.is_inconsistent,
        is_contested=row.is_contested,
    )


def wanted_by(query: Query) -> Mapping[str, Member] | None:
    """What an answer holds, in order, each as it is without a value; None: everything there is.

    A nested attribute brings its sequence.
    """
    if query.include_all:
        return None
    tags = sorted({path[0] for path in query.asked})
    return {f"{tag:08X}": {"vr": _vr(tag)} for tag in tags}


def _vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"


_ONLINE: Member = {"vr": "CS", "Value": ["ONLINE"]}
_PATIENT_COUNTS = ("00201200", "00201202", "00201204")


def _members_at(level: Level, row: FoundRow) -> Members:
    if level is Level.PATIENT:
        members = read_members(row.identity)
        for tag, count in zip(_PATIENT_COUNTS, row.last, strict=True):
            members[tag] = {"vr": "IS", "Value": [count]}
        members["00080056"] = _ONLINE
        return members
    if level is Level.INSTANCE:
        uid, sop_class, before, patient, after, syntax = row.last
        members = read_members(before, row.identity, patient, after)
        members["00080016"] = {"vr": "UI", "Value": [sop_class]}
        members["00080018"] = {"vr": "UI", "Value": [uid]}
        members["00083002"] = {"vr": "UI", "Value": [syntax]}
    else:
        members = read_members(row.study, row.identity, *row.last)
    members["00080056"] = _ONLINE
    members["00080061"] = {"vr": "CS", "Value": row.modalities} if row.modalities else {"vr": "CS"}
    members["0020000D"] = {"vr": "UI", "Value": [row.study_uid]}
    members["00201206"] = {"vr": "IS", "Value": [row.series_count]}
    members["00201208"] = {"vr": "IS", "Value": [row.instances]}
    if row.series_uid is not None:
        members["0020000E"] = {"vr": "UI", "Value": [row.series_uid]}
        members["00201209"] = {"vr": "IS", "Value": [row.series_instances]}
    return members


def read_members(*pieces: bytes) -> Members:
    """Ready-made pieces of DICOM JSON as one object."""
    members: Members = orjson.loads(b"{" + join_members(pieces) + b"}")
    return members


def join_members(pieces: Sequence[bytes]) -> bytes:
    """Pieces of DICOM JSON, without braces, one after the other."""
    return b",".join([piece for piece in pieces if piece])


def write_members(members: Mapping[str, Member]) -> bytes:
    """Members in ascending order, without the braces."""
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)[1:-1]


class MetadataWriter:
    """Whole metadata of instances, of one answer. Most share an identity, which is merged once."""

    def __init__(self) -> None:
        self._merged: dict[tuple[int, bytes], bytes] = {}

    def write(
        self,
        identity_id: int,
        pieces: tuple[bytes, bytes, bytes, bytes],
        corrections: Sequence[Correction],
        bulk_prefix: bytes,
    ) -> bytes:
        """One instance's metadata (PS3.18 §10.4.1.1.2) from `before`, `identity`, `patient`, `after`."""
        before, identity, patient, after = pieces
        if corrections:
            inside = write_members(correct_json(read_members(*pieces), corrections))
        else:
            inside = join_members((before, self._merge(identity_id, identity, patient), after))
        return b"{" + inside.replace(b'"BulkDataURI":"@', b'"BulkDataURI":"' + bulk_prefix) + b"}"

    def _merge(self, identity_id: int, identity: bytes, patient: bytes) -> bytes:
        key = (identity_id, patient)
        merged = self._merged.get(key)
        if merged is None:
            merged = self._merged[key] = write_members(read_members(identity, patient))
        return merged
