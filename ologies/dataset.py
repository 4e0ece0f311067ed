"""The modules that every wrapped object has in common (PS3.3 §C.7.1 to C.7.5, C.12.1)."""

import uuid
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import UID

from ologies.case import Code, Encounter, moment_text
from ologies.nhs_number import NHS_NUMBER_ISSUER
from ologies.settled import Settled

#: NHS NUMBER as an OID (NHS Digital), for Issuer of Patient ID Qualifiers (0010,0024).
NHS_NUMBER_OID = "2.16.840.1.113883.2.1.4.1"

#: Our UIDs are 2.25 and a UUID (PS3.5 §B.2), from what they name: the same file of the same encounter has the
#: same UIDs wherever and whenever it is wrapped.
_OURS = uuid.UUID("5b0f2b4e-6d0c-5d0e-9d5b-2a9f7a1c4e10")

#: Raised when the same file would become another object: its UIDs are then others, too.
_RULES = "2"


def study_uid(encounter: Encounter, patient_id: str, issuer: str) -> str:
    """The encounter's study: the one that is named, else the one of its number with its issuer."""
    if encounter.study_uid:
        return encounter.study_uid
    kind, number = ("accession", encounter.accession) if encounter.accession else ("visit", encounter.number)
    return named_uid("study", kind, number or "", encounter.issuer or "", patient_id, issuer)


def named_uid(*parts: str) -> str:
    """The UID of what these words name."""
    return UID(f"2.25.{uuid.uuid5(_OURS, _joined(parts)).int}")


def start(settled: Settled, sop_class: str, modality: str, series: str, digest: str) -> Dataset:
    """A data set with everything that does not depend on what the file holds.

    `series` names the series within the encounter, `digest` is the file's.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.Modality = modality
    dataset.StudyInstanceUID = study_uid(settled.encounter, settled.patient_id, settled.issuer)
    dataset.SeriesInstanceUID = named_uid("series", dataset.StudyInstanceUID, series, _RULES)
    dataset.SOPInstanceUID = named_uid("instance", dataset.SeriesInstanceUID, digest, _RULES)
    _patient(dataset, settled)
    _study(dataset, settled)
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    _equipment(dataset, settled)
    day, time, offset = moment_text(settled.at)
    dataset.ContentDate, dataset.ContentTime = day, time
    if offset:
        dataset.TimezoneOffsetFromUTC = offset
    return dataset


def enhanced_equipment(dataset: Dataset) -> None:
    """What is of type 1 there and nobody says, said to be so (PS3.3 §C.7.5.2)."""
    for keyword in ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"):
        if not dataset.get(keyword):
            setattr(dataset, keyword, "UNKNOWN")


def coded(code: Code) -> Dataset:
    """One item of a code sequence (PS3.3 §8.8)."""
    return code_item(code.value, code.scheme, code.meaning)


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """The same of its three parts."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _patient(dataset: Dataset, settled: Settled) -> None:
    dataset.PatientName = settled.name.as_pn()
    dataset.PatientID = settled.patient_id
    dataset.IssuerOfPatientID = settled.issuer
    dataset.PatientBirthDate = settled.birth_date.strftime("%Y%m%d")
    dataset.PatientSex = settled.sex.value
    if settled.issuer == NHS_NUMBER_ISSUER:
        dataset.IssuerOfPatientIDQualifiersSequence = [_nhs_qualifiers()]
    if settled.other_ids:
        dataset.OtherPatientIDsSequence = [_other_id(*each) for each in settled.other_ids]


def _other_id(identifier: str, issuer: str) -> Dataset:
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = identifier, issuer
    other.TypeOfPatientID = "TEXT"
    if issuer == NHS_NUMBER_ISSUER:
        other.IssuerOfPatientIDQualifiersSequence = [_nhs_qualifiers()]
    return other


def _nhs_qualifiers() -> Dataset:
    item = Dataset()
    item.UniversalEntityID, item.UniversalEntityIDType = NHS_NUMBER_OID, "ISO"
    item.IdentifierTypeCode = "NH"
    return item


def _study(dataset: Dataset, settled: Settled) -> None:
    encounter = settled.encounter
    day, time, _ = moment_text(encounter.at or settled.at)
    dataset.StudyDate, dataset.StudyTime = day, time
    dataset.ReferringPhysicianName = encounter.requested_by.as_pn() if encounter.requested_by else None
    number = encounter.accession or encounter.number or ""
    dataset.StudyID = number if len(number) <= 16 else None
    dataset.AccessionNumber = encounter.accession
    if encounter.accession and encounter.issuer:
        dataset.IssuerOfAccessionNumberSequence = [_local(encounter.issuer)]
    if encounter.number and encounter.issuer:
        dataset.AdmissionID = encounter.number
        dataset.IssuerOfAdmissionIDSequence = [_local(encounter.issuer)]
    if encounter.description:
        dataset.StudyDescription = encounter.description
    if encounter.reason:
        dataset.ReasonForVisit = encounter.reason[:64]
    if encounter.requesting_department:
        dataset.RequestingService = encounter.requesting_department
    if encounter.performed_by:
        dataset.OperatorsName = encounter.performed_by.as_pn()


def _local(issuer: str) -> Dataset:
    item = Dataset()
    item.LocalNamespaceEntityID = issuer
    return item


def _equipment(dataset: Dataset, settled: Settled) -> None:
    device = settled.device
    dataset.Manufacturer = device.manufacturer
    if device.model:
        dataset.ManufacturerModelName = device.model
    if device.serial_number:
        dataset.DeviceSerialNumber = device.serial_number
    if device.software:
        dataset.SoftwareVersions = device.software
    if settled.institution:
        dataset.InstitutionName = settled.institution
    if settled.encounter.department:
        dataset.InstitutionalDepartmentName = settled.encounter.department


def _joined(parts: Sequence[str]) -> str:
    """Lengths in front: no two lists of parts read the same."""
    return "".join(f"{len(each)}:{each}" for each in parts)
