"""Whose picture, taken where, under which UIDs: what every object of the demo carries."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from imx.demo.people import Person
from imx.demo.region import Modality

COMMENT = "SYNTHETIC: a person who does not exist, from the demo of Imaging Exchange"

#: The NHS number's place in the world's object identifiers.
NHS_NUMBER_OID = "2.16.840.1.113883.2.1.4.1"


@dataclass(frozen=True, slots=True)
class Visit:
    """One study: a person in front of a modality. `key` tells it from their other visits there."""

    person: Person
    modality: Modality
    key: str

    @property
    def study_uid(self) -> str:
        return uid_of("study", self.person.nhs_number, self.modality.trust.ods_code, self.key)

    def series_uid(self, series: str) -> str:
        return uid_of("series", self.study_uid, series)

    @property
    def accession(self) -> str:
        """At most 16 characters (PS3.5 §6.2, SH)."""
        return f"{self.modality.trust.ods_code}{int(self.study_uid[5:]) % 10**9:09d}"


def uid_of(*facts: str) -> str:
    """The UID that stands for these facts, the same each time: a UUID under 2.25 (PS3.5 §B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(facts)).int}"


def stamp(ds: Dataset, visit: Visit, series: str) -> None:
    """Put a person, a trust and fresh study and series UIDs into a data set, and nothing else.

    The NHS number travels as one more identifier with its own issuer (PS3.3 §C.7.1.1).
    """
    person, trust = visit.person, visit.modality.trust
    for keyword in (
        "OtherPatientIDs",
        "OtherPatientNames",
        "PatientAge",
        "PatientAddress",
        "PatientBirthTime",
    ):
        if keyword in ds:
            del ds[keyword]
    ds.PatientName = person.name
    ds.PatientID = person.local_number(trust)
    ds.PatientBirthDate = f"{person.birth_date:%Y%m%d}"
    ds.PatientSex = person.sex
    ds.PatientComments = COMMENT
    for keyword in ("IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence"):
        if keyword in ds:
            del ds[keyword]
    if visit.modality.names_issuer:
        ds.IssuerOfPatientID = trust.ods_code
    ds.OtherPatientIDsSequence = Items([_nhs_number(person)])
    ds.AccessionNumber = visit.accession
    ds.InstitutionName = trust.name
    ds.StationName = visit.modality.ae_title
    ds.StudyInstanceUID = visit.study_uid
    ds.SeriesInstanceUID = visit.series_uid(series)


def can_be_written(name: str, charset: str | Sequence[str] | None) -> bool:
    """Whether a name can stand in a data set of this Specific Character Set (PS3.3 §C.12.1.1.2)."""
    first = charset if isinstance(charset, str) else next(iter(charset or ()), "")
    encoding = python_encoding.get(first, "ascii") if first and first != "ISO_IR 6" else "ascii"
    try:
        name.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def name_by_content(ds: Dataset, source: str = "") -> None:
    """Give the data set the SOP Instance UID that its content, transfer syntax and source make.

    So a second run sends the same instances again, and a changed recipe sends others, never the same
    UID with other content.
    """
    ds.SOPInstanceUID = UID("2.25.0")
    syntax = UID(ds.file_meta.TransferSyntaxUID)
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    write_dataset(buffer, ds)
    ds.SOPInstanceUID = uid_of("instance", source, syntax, hashlib.sha256(buffer.getvalue()).hexdigest())


def _nhs_number(person: Person) -> Dataset:
    qualifiers = Dataset()
    qualifiers.UniversalEntityID = NHS_NUMBER_OID
    qualifiers.UniversalEntityIDType = "ISO"
    qualifiers.IdentifierTypeCode = "NH"
    item = Dataset()
    item.PatientID = person.nhs_number
    item.IssuerOfPatientID = "NHS"
    item.TypeOfPatientID = "TEXT"
    item.IssuerOfPatientIDQualifiersSequence = Items([qualifiers])
    return item
