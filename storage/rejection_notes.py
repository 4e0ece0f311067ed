"""Rejection notes as they arrive (IHE RAD TF-2 §4.66): Key Object Selection documents of four titles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from storage.dicom_json import JsonWriter, Member
from storage.elements import Element, Encoding, Walk
from storage.uids import is_uid

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"

#: The titles (PS3.16 CID 7011, DCM), and what they say.
TITLES: Mapping[str, str] = {
    "113001": "Rejected for Quality Reasons",
    "113037": "Rejected for Patient Safety Reasons",
    "113038": "Incorrect Modality Worklist Entry",
    "113039": "Data Retention Policy Expired",
}

#: Of DICOM JSON: a note for 40,000 instances.
_LIMIT_BYTES = 8 * 1024 * 1024

#: What tells a rejection note from other Key Object Selections, and what it names.
NOTE_TAGS = frozenset({0x0040A043, 0x0040A375})
_TITLE = "0040A043"  # Concept Name Code Sequence
_EVIDENCE = "0040A375"  # Current Requested Procedure Evidence Sequence


@dataclass(frozen=True, slots=True)
class Named:
    """One instance that a note names, and where it says that it is."""

    study_uid: str
    series_uid: str
    uid: str


@dataclass(frozen=True, slots=True)
class RejectionNote:
    """What a note says."""

    code: str  # of TITLES
    named: tuple[Named, ...]

    @property
    def study_uids(self) -> frozenset[str]:
        """The studies in which it names something."""
        return frozenset(each.study_uid for each in self.named)


def read_note_member(walk: Walk, encoding: Encoding, element: Element) -> Member:
    """One of NOTE_TAGS, just read from the walk, whole. Raises Unreadable."""
    return JsonWriter(walk, encoding, _LIMIT_BYTES).member(element) or {"vr": element.vr}


def note_of(members: Mapping[str, Member]) -> RejectionNote | None:
    """What the members of NOTE_TAGS say; None where the title is no rejection's."""
    code = _code(members)
    return RejectionNote(code, tuple(_named(members))) if code else None


def lock_studies(connection: Connection, study_uids: Iterable[str]) -> None:
    """Nobody adds an instance to them until the transaction ends."""
    connection.execute("select lock_studies(%s)", (list(study_uids),))


def write_note(
    connection: Connection, instance_id: int, note: RejectionNote | None, peer: str, trust: str
) -> None:
    """What the Key Object Selection kept as `instance_id` rejects: in force once this is committed."""
    named = note.named if note else ()
    connection.execute(
        "select note_rejection(%s, %s, %s, %s, %s, %s, %s)",
        (
            instance_id, note.code if note else None, peer, trust, [each.study_uid for each in named],
            [each.series_uid for each in named], [each.uid for each in named],
        ),
    )  # fmt: skip


def _code(members: Mapping[str, Member]) -> str:
    for item in _items(members, _TITLE)[:1]:
        code, scheme = _text(item, "00080100"), _text(item, "00080102")
        if scheme == "DCM" and code in TITLES:
            return code
    return ""


def _named(members: Mapping[str, Member]) -> Sequence[Named]:
    """Each once, in their order (PS3.3 §C.17.2.1)."""
    return list(
        dict.fromkeys(
            Named(study_uid, series_uid, uid)
            for study in _items(members, _EVIDENCE)
            if is_uid(study_uid := _text(study, "0020000D"))
            for series in _items(study, "00081115")
            if is_uid(series_uid := _text(series, "0020000E"))
            for instance in _items(series, "00081199")
            if is_uid(uid := _text(instance, "00081155"))
        )
    )


def _items(members: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    return [item for item in members.get(tag, {}).get("Value", []) if isinstance(item, dict)]


def _text(members: Mapping[str, Any], tag: str) -> str:
    values = members.get(tag, {}).get("Value") or [None]
    return str(values[0] or "").strip()
