"""Files to send: synthetic CT and MR instances whose UIDs are new each time they are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

#: Every UID of a phantom has this many characters, so that a new one takes the place of an old one.
UID_LENGTH = 48


@dataclass(frozen=True, slots=True)
class Load:
    """What one push consists of."""

    name: str
    modality: str
    sop_class_uid: str
    files: int
    side_px: int  # 512 is 512 KB an image, 64 is 8 KB
    per_study: int  # instances


LARGE = Load("400 CT of 512 KB", "CT", CTImageStorage, files=400, side_px=512, per_study=100)
SMALL = Load("2,000 MR of 8 KB", "MR", MRImageStorage, files=2000, side_px=64, per_study=200)


@dataclass(frozen=True, slots=True)
class Batch:
    """Files on disk, in one folder for each sender, and the studies they belong to."""

    parts: tuple[Path, ...]
    studies: dict[str, int]  # Study Instance UID: instances

    @property
    def files(self) -> int:
        """How many there are."""
        return sum(self.studies.values())


def new_uid() -> str:
    """One that nobody has seen before, UID_LENGTH characters long."""
    return f"2.25.{uuid4().int}".ljust(UID_LENGTH, "0")[:UID_LENGTH]


def write_batch(load: Load, folder: Path, senders: int = 1) -> Batch:
    """The files of `load` with new UIDs, shared out to `senders`, each with studies of its own."""
    template = Template.of(load)
    parts = tuple(folder / f"sender{number}" for number in range(senders))
    studies: dict[str, int] = {}
    for part, share in zip(parts, _shares(load.files, senders), strict=True):
        part.mkdir(parents=True)
        for study, number in _studies(share, load.per_study):
            studies[study.uid] = studies.get(study.uid, 0) + 1
            part.joinpath(f"{number:05}.dcm").write_bytes(template.with_identity(study, new_uid()))
    return Batch(parts, studies)


@dataclass(frozen=True, slots=True)
class Study:
    """Where an instance goes."""

    uid: str
    series_uid: str
    patient_id: str

    @classmethod
    def new(cls) -> "Study":
        """One of a patient that nobody has seen before."""
        return cls(new_uid(), new_uid(), uuid4().hex[:12].upper())


def _studies(files: int, per_study: int) -> Iterator[tuple[Study, int]]:
    study = Study.new()
    for number in range(files):
        if number and number % per_study == 0:
            study = Study.new()
        yield study, number


def _shares(files: int, senders: int) -> list[int]:
    return [files // senders + (number < files % senders) for number in range(senders)]


_STUDY, _SERIES, _INSTANCE = (f"1.1.{level}.".ljust(UID_LENGTH, "1") for level in (1, 2, 3))
_PATIENT = "PATIENT-MARK"


@dataclass(frozen=True, slots=True)
class Template:
    """One instance, encoded, with marks where its identity goes."""

    encoded: bytes

    @classmethod
    def of(cls, load: Load) -> "Template":
        """An instance of that load."""
        buffer = BytesIO()
        _phantom(load).save_as(buffer, enforce_file_format=True)
        return cls(buffer.getvalue())

    def with_identity(self, study: Study, instance_uid: str) -> bytes:
        """A Part 10 file: it in that study, under that UID."""
        text = self.encoded
        for mark, value in (
            (_STUDY, study.uid),
            (_SERIES, study.series_uid),
            (_INSTANCE, instance_uid),
            (_PATIENT, study.patient_id),
        ):
            text = text.replace(mark.encode(), value.encode())
        return text


def _phantom(load: Load) -> Dataset:
    """A disc in noise, with the header values that a modality of the kind sends."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = UID(load.sop_class_uid)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = UID(_INSTANCE)
    image.StudyInstanceUID, image.SeriesInstanceUID = UID(_STUDY), UID(_SERIES)
    image.FrameOfReferenceUID = UID(_SERIES)
    image.PatientID, image.PatientName = _PATIENT, "Phantom^Disc"
    image.PatientBirthDate, image.PatientSex = "19700101", "O"
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20260105"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "101500"
    image.AccessionNumber, image.StudyID, image.ReferringPhysicianName = "A0001", "1", ""
    image.StudyDescription = image.SeriesDescription = f"{load.modality} phantom"
    image.Modality, image.Manufacturer, image.StationName = load.modality, "Phantoms", "BENCH1"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = 1, 1, 1
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [0.7, 0.7], 1
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.Rows = image.Columns = side = load.side_px
    image.WindowCenter, image.WindowWidth = 1024, 2048
    row, column = np.mgrid[:side, :side] - side / 2
    disc = np.where(row**2 + column**2 < (side / 3) ** 2, 1200, 100)
    noise = np.random.default_rng(load.side_px).integers(0, 200, (side, side))
    image.PixelData = (disc + noise).astype("<u2").tobytes()
    return image
