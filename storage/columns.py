"""Which attributes the index can match on, and where each is (PS3.18 §10.6.1.2.1). Data.

Tables by these names: s study, r series, n instance, i identity and p patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from psycopg import sql

from storage.query import Path


class Kind(Enum):
    """How a column compares."""

    TEXT = "text"
    NAME = "name"  # keys of names, component groups joined by "="
    NUMBER = "number"
    SET = "set"
    ITEM = "item"  # a member of the items of what was requested of a series: all that is asked, of one item


class Owner(Enum):
    """What a column says something about."""

    PATIENT = "patient"
    IDENTITY = "identity"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Column:
    """Where an attribute is matched."""

    name: sql.SQL
    owner: Owner
    kind: Kind = Kind.TEXT
    member: str = ""  # of an item


STUDY_UID: Path = (0x0020000D,)
SERIES_UID: Path = (0x0020000E,)
INSTANCE_UID: Path = (0x00080018,)
PATIENT_NAME: Path = (0x00100010,)
PATIENT_ID: Path = (0x00100020,)
ACCESSION: Path = (0x00080050,)
STUDY_DATE: Path = (0x00080020,)
STUDY_TIME: Path = (0x00080030,)
STUDY_INSTANCES: Path = (0x00201208,)

#: Every attribute that a search can match on (PS3.18 §10.6.1.2.1, and what our readers ask for).
COLUMNS: Mapping[Path, Column] = {
    STUDY_UID: Column(sql.SQL("s.uid"), Owner.STUDY),
    STUDY_DATE: Column(sql.SQL("s.study_date"), Owner.STUDY),
    STUDY_TIME: Column(sql.SQL("s.study_time"), Owner.STUDY),
    ACCESSION: Column(sql.SQL("s.accession"), Owner.STUDY),
    (0x00080051, 0x00400031): Column(sql.SQL("s.accession_issuer"), Owner.STUDY),
    (0x00080051, 0x00400032): Column(sql.SQL("s.accession_issuer"), Owner.STUDY),
    (0x00080061,): Column(sql.SQL("s.modalities"), Owner.STUDY, Kind.SET),
    (0x00080090,): Column(sql.SQL("s.referring"), Owner.STUDY, Kind.NAME),
    (0x00081030,): Column(sql.SQL("s.description"), Owner.STUDY),
    (0x00200010,): Column(sql.SQL("s.study_id"), Owner.STUDY),
    PATIENT_NAME: Column(sql.SQL("i.patient_name"), Owner.IDENTITY, Kind.NAME),
    PATIENT_ID: Column(sql.SQL("p.identifier"), Owner.PATIENT),
    (0x00100021,): Column(sql.SQL("p.issuer"), Owner.PATIENT),
    (0x00100030,): Column(sql.SQL("i.birth_date"), Owner.IDENTITY),
    (0x00100040,): Column(sql.SQL("i.sex"), Owner.IDENTITY),
    SERIES_UID: Column(sql.SQL("r.uid"), Owner.SERIES),
    (0x00080021,): Column(sql.SQL("r.series_date"), Owner.SERIES),
    (0x00080060,): Column(sql.SQL("r.modality"), Owner.SERIES),
    (0x0008103E,): Column(sql.SQL("r.description"), Owner.SERIES),
    (0x00180015,): Column(sql.SQL("r.body_part"), Owner.SERIES),
    (0x00200011,): Column(sql.SQL("r.series_number"), Owner.SERIES, Kind.NUMBER),
    (0x00400244,): Column(sql.SQL("r.performed_date"), Owner.SERIES),
    (0x00400245,): Column(sql.SQL("r.performed_time"), Owner.SERIES),
    (0x00400275, 0x00400009): Column(sql.SQL("item->>'step'"), Owner.SERIES, Kind.ITEM, "step"),
    (0x00400275, 0x00401001): Column(sql.SQL("item->>'procedure'"), Owner.SERIES, Kind.ITEM, "procedure"),
    INSTANCE_UID: Column(sql.SQL("n.uid"), Owner.INSTANCE),
    (0x00080016,): Column(sql.SQL("n.sop_class"), Owner.INSTANCE),
    (0x00200013,): Column(sql.SQL("n.instance_number"), Owner.INSTANCE, Kind.NUMBER),
    (0x00280008,): Column(sql.SQL("n.frame_count"), Owner.INSTANCE, Kind.NUMBER),
}

#: Number of Patient Related Studies, Series and Instances (0020,1200), (0020,1202), (0020,1204).
PATIENT_COUNTS: tuple[Path, ...] = ((0x00201200,), (0x00201202,), (0x00201204,))
