"""Data of ours to send to a peer that may be written to: nobody's, made anew each time."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    generate_uid,
)

#: Said before anything is sent.
WHAT_IS_SENT = (
    "a study of three small synthetic images of nobody, Patient ID IMX-CONFORMANCE, under new UIDs; over"
    " DICOMweb one of them again with another description, and a part that is no DICOM"
)
PATIENT_ID = "IMX-CONFORMANCE"
SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class Sent:
    """A study that we made."""

    study_uid: str
    instances: tuple[Dataset, ...]  # two of one series, then one of three frames


def make_study() -> Sent:
    """Two CT of one series and a multi-frame of another, under new UIDs."""
    study, series, other, frame_of_reference = (generate_uid() for _ in range(4))
    ct = [_image(study, series, number, CTImageStorage) for number in (1, 2)]
    for image in ct:
        _place(image, frame_of_reference)
    multi = _image(study, other, 1, MultiFrameGrayscaleByteSecondaryCaptureImageStorage)
    multi.Modality, multi.SeriesNumber, multi.SeriesDescription = "OT", 2, "Frames"
    multi.ConversionType, multi.BurnedInAnnotation, multi.PresentationLUTShape = "SYN", "NO", "IDENTITY"
    multi.RescaleIntercept, multi.RescaleSlope, multi.RescaleType = 0, 1, "US"
    multi.PatientOrientation = ""
    multi.NumberOfFrames = 3
    multi.BitsAllocated = multi.BitsStored = 8
    multi.HighBit = 7
    multi.PixelData = b"".join(_disc(20 * number).astype(np.uint8).tobytes() for number in (1, 2, 3))
    multi.FrameIncrementPointer = 0x00181063
    multi.FrameTime = 40
    return Sent(str(study), (*ct, multi))


def part10(image: Dataset) -> bytes:
    """Encoded as a file (PS3.10 §7)."""
    buffer = BytesIO()
    dcmwrite(buffer, image, enforce_file_format=True)
    return buffer.getvalue()


def _disc(level: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    row, column = np.mgrid[:SIDE_PX, :SIDE_PX] - SIDE_PX / 2
    return np.where(row**2 + column**2 < (SIDE_PX / 3) ** 2, 4.0 * level, 1.0 * level)


def _image(study: UID, series: UID, number: int, sop_class: UID) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = sop_class, generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = study, series
    image.PatientID, image.PatientName = PATIENT_ID, "Conformance^Test"
    image.PatientBirthDate, image.PatientSex = "19700101", "O"
    now = datetime.now()  # noqa: DTZ005 -- a modality's clock
    image.StudyDate = image.SeriesDate = image.ContentDate = now.strftime("%Y%m%d")
    image.StudyTime = image.SeriesTime = image.ContentTime = now.strftime("%H%M%S")
    image.AccessionNumber, image.StudyID, image.ReferringPhysicianName = "IMXCONF", "1", ""
    image.StudyDescription, image.SeriesDescription = "Conformance test", "Slices"
    image.Manufacturer, image.BodyPartExamined = "Imaging Exchange", "HEAD"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = 1, 1, number
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.Rows = image.Columns = SIDE_PX
    image.PixelData = _disc(30 * number).astype("<u2").tobytes()
    return image


def _place(image: Dataset, frame_of_reference: UID) -> None:
    """Where a slice of CT lies."""
    image.Modality, image.KVP, image.PatientPosition = "CT", 120, "HFS"
    image.FrameOfReferenceUID, image.PositionReferenceIndicator = frame_of_reference, ""
    image.ImagePositionPatient = [0, 0, int(image.InstanceNumber)]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [1, 1], 1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = -1024, 1, "HU"
    image.WindowCenter, image.WindowWidth = -900, 300
