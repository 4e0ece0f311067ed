"""A study as the record is told of it: what it holds, as it stands now, corrections applied.

The FHIR ImagingStudy, the manifest and the pages are all made of this.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded concept as a data set says it (PS3.3 §8), whatever its length."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class KeyObjects:
    """What a Key Object Selection says of the objects that it selects (PS3.16 TID 2010)."""

    title: Coded | None  # why they were (CID 7010)
    description: str


@dataclass(frozen=True, slots=True)
class SharedInstance:
    """An instance that shows."""

    uid: str
    sop_class_uid: str
    number: int | None
    frame_count: int
    key_objects: KeyObjects | None = None  # of a Key Object Selection


@dataclass(frozen=True, slots=True)
class SharedSeries:
    """A series of which something shows."""

    uid: str
    modality: str  # "" where it says none
    number: int | None
    description: str
    body_part: str  # Body Part Examined (0018,0015), as sent
    laterality: str  # L, R or ""
    date: str  # YYYYMMDD or ""
    time: str
    instances: tuple[SharedInstance, ...]


@dataclass(frozen=True, slots=True)
class SharedStudy:
    """A study of which something shows."""

    id: int
    uid: str
    trust: str  # ODS code of whose it is
    date: str  # YYYYMMDD or ""
    time: str  # HHMMSS.FFFFFF or less
    accession: str
    accession_issuer: str
    description: str
    codes: tuple[Coded, ...]  # Procedure Code Sequence (0008,1032)
    referring: str  # Referring Physician's Name (0008,0090)
    modalities: tuple[str, ...]
    # Whom it names, as it stands now: not whom it is linked to.
    patient_id: str
    patient_issuer: str
    patient_name: str  # DICOM person name
    birth_date: str
    sex: str
    first_kept_at: datetime
    last_kept_at: datetime
    series: tuple[SharedSeries, ...]

    @property
    def instance_count(self) -> int:
        """Over all series."""
        return sum(len(each.instances) for each in self.series)
