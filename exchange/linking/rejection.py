"""The rejection note that goes before a study which is sent again under other names (IHE RAD TF-3 §4.66).

Of the four titles, an archive may take the same instances again after one only: Data Retention Policy Expired
(§4.66.4.4.3). After one for patient safety, or for an incorrect worklist entry, it shall not accept them any
more, and the study would be gone there for good. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from exchange.manifests.content import coded, one, reference, referenced, sequence
from exchange.record.study import Coded
from storage.assembling import assembled
from storage.elements import EXPLICIT_LITTLE
from storage.part10 import write_meta
from storage.rejection_notes import KEY_OBJECT_SELECTION, TITLES

TITLE = "113039"

#: Of the study, as those it rejects say it.
_STUDY = ("00080020", "00080030", "00080050", "00080090", "00200010")
#: Of the patient (PS3.3 §C.7.1.1).
_PATIENT = ("00100010", "00100020", "00100021", "00100030", "00100040")
_EMPTY: Mapping[str, str] = {
    "00080020": "DA", "00080030": "TM", "00080050": "SH", "00080090": "PN", "00200010": "SH",
    "00100010": "PN", "00100020": "LO", "00100030": "DA", "00100040": "CS",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """An instance that a destination has."""

    series_uid: str
    sop_class: str
    uid: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A study at a destination, as it has it."""

    delivery: int  # which sends it again
    study_uid: str
    members: Mapping[str, Any]  # patient and study, DICOM JSON, as the destination was told them
    taken: Sequence[Taken]
    made_at: datetime

    @property
    def uid(self) -> str:
        """SOP Instance UID: of one delivery it is one note, however often that is tried."""
        return f"2.25.{uuid5(NAMESPACE_OID, f'imx rejection {self.study_uid} {self.delivery}').int}"

    @property
    def series_uid(self) -> str:
        """All rejection notes of a study are one series."""
        return f"2.25.{uuid5(NAMESPACE_OID, f'imx rejections of {self.study_uid}').int}"


def note_of(rejection: Rejection) -> bytes:
    """The Part 10 file: a Key Object Selection (PS3.3 §A.35.4, PS3.16 TID 2010)."""
    said = {tag: {"vr": vr} for tag, vr in _EMPTY.items()}
    said.update({tag: rejection.members[tag] for tag in (*_PATIENT, *_STUDY) if tag in rejection.members})
    members = {
        **said,
        "00080005": one("CS", "ISO_IR 192"),
        "00080016": one("UI", KEY_OBJECT_SELECTION),
        "00080018": one("UI", rejection.uid),
        "00080023": one("DA", f"{rejection.made_at:%Y%m%d}"),
        "00080033": one("TM", f"{rejection.made_at:%H%M%S}"),
        "00080060": one("CS", "KO"),
        "00080070": one("LO", "Imaging Exchange"),
        "00081111": sequence(()),
        "0020000D": one("UI", rejection.study_uid),
        "0020000E": one("UI", rejection.series_uid),
        "00200011": one("IS", 1),
        "00200013": one("IS", rejection.delivery),
        "0040A375": sequence([_evidence(rejection)]),
        "0040A040": one("CS", "CONTAINER"),
        "0040A043": sequence([coded(Coded(TITLE, "DCM", TITLES[TITLE]))]),
        "0040A050": one("CS", "SEPARATE"),
        "0040A504": sequence([{"00080105": one("CS", "DCMR"), "0040DB00": one("CS", "2010")}]),
        "0040A730": sequence(reference(each.sop_class, each.uid) for each in rejection.taken),
    }
    meta = write_meta(KEY_OBJECT_SELECTION, rejection.uid, EXPLICIT_LITTLE)
    return meta + b"".join(assembled({tag: dict(member) for tag, member in sorted(members.items())}, {}))


def _evidence(rejection: Rejection) -> Mapping[str, Any]:
    """Current Requested Procedure Evidence Sequence (0040,A375), PS3.3 §C.17.2.1."""
    by_series: dict[str, list[Taken]] = {}
    for each in rejection.taken:
        by_series.setdefault(each.series_uid, []).append(each)
    return {
        "00081115": sequence(
            {
                "00081199": sequence(referenced(each.sop_class, each.uid) for each in instances),
                "0020000E": one("UI", series_uid),
            }
            for series_uid, instances in by_series.items()
        ),
        "0020000D": one("UI", rejection.study_uid),
    }
